#!/bin/bash
# Builds packages and uses them as a warehouse does: the .deb is installed in a clean Debian, a
# station works off virtual tablets as its own user, the package is upgraded, removed and
# purged, and the ledger stays.
#
# packages.sh deb NFPM         this machine's .deb alone, by nfpm: in a minute
# packages.sh all GORELEASER   as a release has them: built twice, which must come to the same
#                              bytes; the .rpm is unpacked and its scripts are run; the arm64
#                              program flashes a virtual tablet under qemu
set -euo pipefail
mode=$1
tool=$2
root=
work=$(mktemp -d)
trap 'status=$?; [ -z "$root" ] || { umount -R "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"; }; rm -rf "$work"; exit $status' EXIT
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { echo "FAIL: $*" >&2; exit 1; }

if [ "$(id -u)" -ne 0 ]; then
  [ "$mode" = all ] && fail "only root makes a clean Debian"
  say skipped "the package is not tried: only root makes a clean Debian"
  exit 0
fi

release() { # FOLDER OUT: the packages of the tree in FOLDER
  (cd "$1" && SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) ZARYA_VERSION=0.1.0 ZARYA_ONLY_PACKAGES=1 "$tool" release --snapshot --clean --skip=publish,sign) >"$work/goreleaser.log" 2>&1 ||
    { tail -30 "$work/goreleaser.log"; fail "goreleaser"; }
  mkdir -p "$2"
  cp "$1"/dist/*.deb "$1"/dist/*.rpm "$1"/dist/SHA256SUMS "$1"/dist/*.cdx.json "$2"
}

case $mode in
deb)
  arch=$(dpkg --print-architecture)
  scripts/release-files.sh
  go build -buildvcs=true -ldflags "-s -w -X github.com/zarya-station/zarya/internal/build.version=0.1.0" -o "$work/zarya" ./cmd/zarya
  go run ./packaging/nfpm 0.1.0 "$arch" "$work/zarya" "$(git log -1 --format=%cI)" "$work/nfpm.yaml"
  mkdir "$work/new"
  "$tool" package -f "$work/nfpm.yaml" -p deb -t "$work/new" >"$work/nfpm.log" 2>&1 || { cat "$work/nfpm.log"; fail nfpm; }
  ;;
all)
  arch=amd64
  tool=$(realpath "$tool")
  release . "$work/new"
  # Again, elsewhere: another folder, time zone, language, host and mask of files' modes.
  mkdir "$work/again"
  tar -cf - --exclude=./dist --exclude=./dist-files --exclude=./.tools --exclude=./bin . | tar -xf - -C "$work/again"
  (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 && export TZ LC_ALL && release "$work/again" "$work/twice")
  for file in "$work"/new/*; do
    cmp "$file" "$work/twice/${file##*/}" || fail "built twice, ${file##*/} differs"
  done
  rm -rf "$work/again" "$work/twice"
  say twice "built in two folders, the packages are the same bytes"
  ;;
*) fail "packages.sh deb NFPM, or all GORELEASER" ;;
esac
say built "$(ls "$work/new" | grep -E '\.(deb|rpm)$' | paste -sd ' ' -)"
# An older package, for the upgrade: the same program under a smaller number.
mkdir -p "$work/old/tree"
dpkg-deb -R "$work"/new/zarya_0.1.0*_"$arch".deb "$work/old/tree"
sed -i 's/^Version: .*/Version: 0.0.9/' "$work/old/tree/DEBIAN/control"
dpkg-deb -Zgzip -z1 -b "$work/old/tree" "$work/old/zarya_0.0.9_$arch.deb" >/dev/null

# A clean Debian with what the package depends on and recommends, made once.
base=.tools/debian-$(. /etc/os-release && echo "$VERSION_CODENAME").tar
if [ ! -s "$base" ]; then
  echo "making a clean Debian in $base (once)"
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Retries "5"' --include=libusb-1.0-0,procps,tzdata,systemd,udev,e2fsprogs,android-sdk-libsparse-utils,openssh-client,passwd "$(. /etc/os-release && echo "$VERSION_CODENAME")" "${base%.tar}.part.tar" 2>"$work/mmdebstrap.log" ||
    { tail -20 "$work/mmdebstrap.log"; fail mmdebstrap; }
  mv "${base%.tar}.part.tar" "$base"
fi
root=$(mktemp -d)
tar -xf "$base" -C "$root" --exclude='./dev/*'
mount -t proc proc "$root/proc" 2>/dev/null || true
cp "$work"/new/*_"$arch".deb "$root/new.deb"
cp "$work"/old/*.deb "$root/old.deb"
for node in null zero urandom random tty; do cp -a "/dev/$node" "$root/dev/" 2>/dev/null || true; done
ln -sfn /proc/self/fd "$root/dev/fd"
mkdir -p "$root/dev/pts"

cat >"$root/station.sh" <<'EOF'
# A station of virtual tablets, as its own user: two tablets are worked off.
set -eu
export XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache XDG_CONFIG_HOME=/etc HOME=/var/lib/zarya
cd /var/lib/zarya
zarya virtual images images --size 16MiB >/dev/null
touch virtual.log station.log
zarya virtual --count 2 --listen tcp:127.0.0.1:0 >virtual.log 2>&1 &
tablets=$!
trap 'kill $tablets 2>/dev/null || true' EXIT
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets virtual.log) || { cat virtual.log; exit 1; }
cat >station.yaml <<END
yes: true
profile: [/var/lib/zarya/images/profile.yaml]
target: [$(sed -n 's/^VT[0-9]* //p' virtual.log | paste -sd, -)]
ledger: sqlite:/var/lib/zarya/ledger.db
station: bench-1
listen: none
lang: ru
END
zarya station --plain --no-input --config station.yaml >station.log 2>&1 &
station=$!
[ "$(grep -m2 -E 'ГОТОВ|БРАК|СБОЙ' < <(tail -n +1 -f --pid=$station station.log) | grep -c ГОТОВ)" -eq 2 ] || { cat station.log virtual.log; exit 1; }
kill -TERM $station
wait $station || [ $? -eq 143 ]
rm -rf images
EOF
inside() { # USER COMMAND…: in the clean Debian, as that user
  local user=$1
  shift
  if [ "$user" = root ]; then
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
  else
    chroot --userspec="$user:$user" --groups="$(chroot "$root" id -G "$user" | tr ' ' ',')" "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "$@"
  fi
}

inside root dpkg -i /old.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg -i"; }
inside root zarya version | tee "$work/version"
# Go does not stamp what is built in a second worktree of git, where .git is a file.
[ ! -d .git ] || grep -q 'commit [0-9a-f]\{12\}' "$work/version" || fail "the version says no commit"
! grep -q 'without USB' "$work/version" || fail "the package has no USB"
inside root sh -c 'id zarya && stat -c "%a %U:%G" /etc/zarya /run/lock/zarya' >"$work/owners"
grep -q 'plugdev' "$work/owners" && grep -q '^750 root:zarya$' "$work/owners" && grep -q '^1777 root:root$' "$work/owners" || { cat "$work/owners"; fail "users and folders"; }
for file in man/man1/zarya.1.gz man/man1/zarya-run.1.gz man/man1/zarya-station.1.gz bash-completion/completions/zarya doc/zarya/examples/station.yaml; do
  [ -s "$root/usr/share/$file" ] || fail "there is no $file"
done
inside root systemd-analyze verify --man=no --recursive-errors=no /usr/lib/systemd/system/zarya-station.service
inside root sh -c 'zarya doctor >/doctor.txt 2>&1; echo $?' >"$work/doctor"
grep -qE '^[06]$' "$work/doctor" || { cat "$root/doctor.txt"; fail "doctor"; }
mkdir -p "$root/var/lib/zarya"
inside root chown zarya:zarya /var/lib/zarya
inside zarya bash /station.sh || fail "the station, as its own user"
inside zarya zarya ledger list --ledger sqlite:/var/lib/zarya/ledger.db | tee "$work/before"
[ "$(grep -c ' PASS ' "$work/before")" -eq 2 ] || fail "two tablets did not pass"
say station "two virtual tablets passed, as the user zarya"

echo 'station: bench-1' >>"$root/etc/zarya/config.yaml"
inside root dpkg -i /new.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail upgrade; }
inside root zarya version | grep -q ' 0\.1\.0' || fail "it was not upgraded"
grep -q '^station: bench-1$' "$root/etc/zarya/config.yaml" || fail "the upgrade overwrote the settings"
inside zarya zarya ledger verify --ledger sqlite:/var/lib/zarya/ledger.db 2>/dev/null || fail "the ledger after the upgrade"
inside zarya zarya ledger list --ledger sqlite:/var/lib/zarya/ledger.db | cmp - "$work/before" || fail "the ledger after the upgrade"
say upgrade "0.0.9 to 0.1.0: settings and ledger stayed"
inside root dpkg -r zarya >/dev/null 2>&1 || fail remove
[ ! -e "$root/usr/bin/zarya" ] || fail "the program stayed"
inside root dpkg -P zarya >/dev/null 2>&1 || fail purge
[ -s "$root/var/lib/zarya/ledger.db" ] || fail "the ledger was removed"
say removed "and purged; the ledger stayed"

[ "$mode" = all ] || exit 0

# The .rpm: what it has, what it needs, and its scripts in the same clean root.
rpm=$(ls "$work"/new/*x86_64.rpm)
rpm -qpl "$rpm" >"$work/rpm.files"
grep -q '^/usr/bin/zarya$' "$work/rpm.files" && grep -q '^/usr/lib/udev/rules.d/70-zarya.rules$' "$work/rpm.files" || fail "the files of the .rpm"
rpm -qp --requires "$rpm" | grep -q 'libusb-1.0' || fail "the .rpm does not ask for libusb"
rpm --root "$root" --initdb
rpm --root "$root" -i --nodeps --noverify "$rpm" >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log"; fail "rpm -i"; }
inside root zarya version | grep -q ' 0\.1\.0' || fail "the program of the .rpm"
rpm --root "$root" -e --nodeps zarya >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log"; fail "rpm -e"; }
[ ! -e "$root/usr/bin/zarya" ] && [ -s "$root/var/lib/zarya/ledger.db" ] || fail "removing the .rpm"
say rpm "$(wc -l <"$work/rpm.files") files; installed and removed"

# The other architecture's program, under qemu: it starts, and flashes a virtual tablet.
arm="qemu-aarch64 $(echo dist/usb-arm64_linux_arm64*/zarya)"
$arm version | tee "$work/arm.version"
grep -q 'linux/arm64' "$work/arm.version" && ! grep -q 'without USB' "$work/arm.version" || fail "the arm64 program"
head -c 4096 /dev/urandom >"$work/boot.img"
touch "$work/virtual.log"
dist/usb-amd64_linux_amd64*/zarya virtual --count 1 --listen tcp:127.0.0.1:0 >"$work/virtual.log" 2>&1 &
tablets=$!
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets "$work/virtual.log") || fail "$(cat "$work/virtual.log")"
$arm flash --yes --ledger none --image boot="$work/boot.img" -s "$(sed -n 's/^VT0001 //p' "$work/virtual.log")" 2>&1 | grep 'FLASHED' || fail "the arm64 program did not flash"
kill $tablets
say arm64 "flashed a virtual tablet under qemu"
