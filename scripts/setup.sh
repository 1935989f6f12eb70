#!/bin/bash
# Installs the Debian packages that are missing, and says which. Quick and silent
# when there is nothing to do; never asks a question.
# usage: setup.sh [try | deb | packages]; "try" installs only what make try needs.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

# command → package: what the build, the demo and the tests use.
needed=(
  "go golang-go"
  "cc gcc"
  "fastboot fastboot"
  "adb adb"
  "img2simg android-sdk-libsparse-utils"
  "mkfs.ext4 e2fsprogs"
  "debugfs e2fsprogs"
  "ssh openssh-client"
  "cmp diffutils"
  "zstd zstd"
  "xz xz-utils"
  "lz4 lz4"
  "bzip2 bzip2"
  "7z p7zip-full"
  "age age"
  "openssl openssl"
  "ip iproute2"
  "busybox busybox-static"
  "dbus-daemon dbus-daemon"
  "gdbus libglib2.0-bin"
  "dconf dconf-cli"
  "/usr/libexec/dconf-service dconf-service"
  "/usr/lib/openssh/sftp-server openssh-sftp-server"
  "python3 python3"
  "pytest-3 python3-pytest"
  "/usr/lib/python3/dist-packages/labgrid python3-labgrid"
  "pkg-config pkg-config"
  "chromium chromium"
  "node nodejs"
  "tmux tmux"
  "curl curl"
)

if [ "${1:-}" = try ]; then
  needed=("go golang-go" "cc gcc" "img2simg android-sdk-libsparse-utils" "mkfs.ext4 e2fsprogs" "pkg-config pkg-config")
fi

# With "deb": what tries a package. With "packages": what builds them for both architectures, and what tries them.
case "${1:-}" in deb | packages) needed+=("mmdebstrap mmdebstrap") ;; esac
# With "fleet": machines in which docs/fleet.md is followed, where somebody is root.
[ "${1:-}" != fleet ] || [ "$(id -u)" -ne 0 ] || needed+=("podman podman" "runc runc" "conmon conmon" "iptables iptables" "/usr/lib/podman/netavark netavark")
if [ "${1:-}" = packages ]; then
  needed+=(
    "aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu"
    "/usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross"
    "/usr/lib/aarch64-linux-gnu/pkgconfig/libusb-1.0.pc libusb-1.0-0-dev:arm64"
    "qemu-aarch64 qemu-user"
    "rpm rpm"
  )
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  sudo=(sudo)
fi

# OpenSSH's server, for the tests of provisioning: taken out of its package, because
# installing that would open this machine to logins.
server() {
  { [ -x .tools/openssh/usr/sbin/sshd ] || command -v sshd >/dev/null; } && { [ "$(id -u)" -ne 0 ] || id sshd >/dev/null 2>&1; }
}
unpack_server() {
  echo "unpacking: openssh-server libwrap0 (into .tools/openssh, not installed)"
  mkdir -p .tools/openssh
  (
    cd .tools/openssh
    apt-get download -qq openssh-server libwrap0 </dev/null 2>/dev/null ||
      { "${sudo[@]}" apt-get update -qq </dev/null && apt-get download -qq openssh-server libwrap0 </dev/null; }
    for deb in *.deb; do dpkg-deb -x "$deb" .; done
    rm -f ./*.deb
  )
  # As root, the server wants the user that it gives its privileges up to.
  if [ "$(id -u)" -eq 0 ] && ! id sshd >/dev/null 2>&1; then
    useradd --system --home-dir /run/sshd --no-create-home --shell /usr/sbin/nologin sshd
  fi
}

# The registry, for the tests of bundles in registries: taken out of its package, because
# installing that would start it.
registry() { [ -x .tools/docker-registry/usr/bin/docker-registry ] || command -v docker-registry >/dev/null; }
unpack_registry() {
  echo "unpacking: docker-registry (into .tools/docker-registry, not installed)"
  mkdir -p .tools/docker-registry
  (
    cd .tools/docker-registry
    apt-get download -qq docker-registry </dev/null 2>/dev/null ||
      { "${sudo[@]}" apt-get update -qq </dev/null && apt-get download -qq docker-registry </dev/null; }
    for deb in *.deb; do dpkg-deb -x "$deb" .; done
    rm -f ./*.deb
  )
}

# playwright-core, which drives Chromium in the tests of the page: from npm, into
# .tools/pages; it brings no browser of its own and no other package.
playwright=1.61.1
driver() { grep -qs "\"version\": \"$playwright\"" .tools/pages/node_modules/playwright-core/package.json; }
unpack_driver() {
  echo "installing: playwright-core $playwright (into .tools/pages)"
  mkdir -p .tools/pages
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix .tools/pages "playwright-core@$playwright" </dev/null >/dev/null
}

# PostgreSQL and pgbouncer, for the tests of a fleet, which start their own: the system gets
# no cluster and no service of them.
postgres() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
refuse_services() {
  "${sudo[@]}" mkdir -p /etc/postgresql-common/createcluster.d
  echo "create_main_cluster = false" | "${sudo[@]}" tee /etc/postgresql-common/createcluster.d/none-for-tests.conf >/dev/null
  [ -e /usr/sbin/policy-rc.d ] && return
  printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee /usr/sbin/policy-rc.d >/dev/null
  "${sudo[@]}" chmod 755 /usr/sbin/policy-rc.d
  trap '"${sudo[@]}" rm -f /usr/sbin/policy-rc.d' EXIT
}

missing=()
if [ "${1:-}" = try ]; then
  server() { :; }
  registry() { :; }
  driver() { :; }
else
  postgres || missing+=("postgresql")
  command -v pgbouncer >/dev/null || missing+=("pgbouncer")
  command -v npm >/dev/null || driver || missing+=("npm")
fi
pkg-config --exists libusb-1.0 2>/dev/null || missing+=("libusb-1.0-0-dev")
for pair in "${needed[@]}"; do
  read -r command package <<<"$pair"
  command -v "$command" >/dev/null || [ -e "$command" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ] && server && registry && driver; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (Debian package names); install them, then run make again" >&2
  exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then
  server || unpack_server
  registry || unpack_registry
  driver || unpack_driver
  exit 0
fi
echo "installing: ${missing[*]}"
case " ${missing[*]} " in *":arm64 "*) "${sudo[@]}" dpkg --add-architecture arm64 ;; esac
case " ${missing[*]} " in *" postgresql "* | *" pgbouncer "*) refuse_services ;; esac
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
case " ${missing[*]} " in *" pgbouncer "*) "${sudo[@]}" systemctl --quiet disable pgbouncer 2>/dev/null || true ;; esac
server || unpack_server
registry || unpack_registry
driver || unpack_driver
