#!/bin/bash
# Builds the packages with goreleaser and uses them as a warehouse does: the .deb is installed
# in a clean Debian, a station works off virtual tablets as its own user, the package is
# upgraded, removed and purged, and the ledger stays. The .rpm is unpacked and its scripts are
# run; the arm64 program flashes a virtual tablet under qemu.
#
# packages.sh [build]   with "build" the packages are only built, into dist/
set -euo pipefail
goreleaser=$1
root=
work=$(mktemp -d)
trap 'status=$?; [ -z "$root" ] || { umount -R "$root/proc" 2>/dev/null || true; rm -rf --one-file-system "$root"; }; rm -rf "$work"; exit $status' EXIT
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { echo "FAIL: $*" >&2; exit 1; }

build() { # VERSION FOLDER: the packages of this tree
  ZARYA_VERSION=$1 ZARYA_ONLY_PACKAGES=${only_packages-} "$goreleaser" release --snapshot --clean --skip=publish,sign >"$work/goreleaser.log" 2>&1 ||
    { tail -30 "$work/goreleaser.log"; fail "goreleaser"; }
  rm -rf "$2"
  mkdir -p "$2"
  cp dist/*.deb dist/*.rpm dist/SHA256SUMS dist/*.cdx.json "$2"
}

export only_packages=1
build 0.1.0 "$work/new"
mkdir "$work/arm64"
cp dist/usb-arm64_linux_arm64*/zarya "$work/arm64/zarya"
say built "$(cd "$work/new" && ls ./*.deb ./*.rpm | tr '\n' ' ')"
# An older package, for the upgrade: the same program under a smaller number.
mkdir -p "$work/old/tree"
dpkg-deb -R "$work"/new/zarya_0.1.0*_amd64.deb "$work/old/tree"
sed -i 's/^Version: .*/Version: 0.0.9/' "$work/old/tree/DEBIAN/control"
dpkg-deb -Zgzip -b "$work/old/tree" "$work/old/zarya_0.0.9_amd64.deb" >/dev/null

# A clean Debian with what the package depends on and recommends, made once.
base=.tools/debian-$(. /etc/os-release && echo "$VERSION_CODENAME").tar
if [ ! -s "$base" ]; then
  echo "making a clean Debian in $base (once)"
  mmdebstrap --quiet --variant=apt --include=libusb-1.0-0,procps,tzdata,systemd,udev,e2fsprogs,android-sdk-libsparse-utils,openssh-client,passwd "$(. /etc/os-release && echo "$VERSION_CODENAME")" "${base%.tar}.part.tar" 2>"$work/mmdebstrap.log" ||
    { tail -20 "$work/mmdebstrap.log"; fail mmdebstrap; }
  mv "${base%.tar}.part.tar" "$base"
fi
root=$(mktemp -d)
tar -xf "$base" -C "$root" --exclude='./dev/*'
mount -t proc proc "$root/proc" 2>/dev/null || true
cp "$work"/new/*_amd64.deb "$root/new.deb"
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
zarya virtual --count 2 --listen tcp:127.0.0.1:26100 >virtual.log 2>&1 &
tablets=$!
trap 'kill $tablets 2>/dev/null || true' EXIT
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets virtual.log) || { cat virtual.log; exit 1; }
cat >station.yaml <<END
yes: true
profile: [/var/lib/zarya/images/profile.yaml]
target: [tcp:127.0.0.1:26100, tcp:127.0.0.1:26101]
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
grep -q 'commit [0-9a-f]\{12\}' "$work/version" || fail "the version says no commit"
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
arm="qemu-aarch64 $work/arm64/zarya"
$arm version | tee "$work/arm.version"
grep -q 'linux/arm64' "$work/arm.version" && ! grep -q 'without USB' "$work/arm.version" || fail "the arm64 program"
head -c 4096 /dev/urandom >"$work/boot.img"
touch "$work/virtual.log"
dist/usb-amd64_linux_amd64*/zarya virtual --count 1 --listen tcp:127.0.0.1:26200 >"$work/virtual.log" 2>&1 &
tablets=$!
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets "$work/virtual.log") || fail "$(cat "$work/virtual.log")"
$arm flash --yes --ledger none --image boot="$work/boot.img" -s tcp:127.0.0.1:26200 2>&1 | grep 'FLASHED' || fail "the arm64 program did not flash"
kill $tablets
say arm64 "flashed a virtual tablet under qemu"
