#!/bin/bash
# Builds packages and uses them as a warehouse does (package-debian.sh).
#
# packages.sh deb NFPM         this machine's .deb alone, by nfpm: in a minute
# packages.sh all GORELEASER   all that a release has, built twice, which must come to the same
#                              bytes; signed; the .rpm is installed and removed; the arm64
#                              program flashes a virtual tablet under qemu
set -euo pipefail
mode=$1
tool=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { echo "FAIL: $*" >&2; exit 1; }

if [ "$(id -u)" -ne 0 ]; then
  [ "$mode" = all ] && fail "only root makes a clean Debian"
  say skipped "the package is not tried: only root makes a clean Debian"
  exit 0
fi

release() { # FOLDER OUT: the packages of the tree in FOLDER
  (cd "$1" && SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) ZARYA_VERSION=$version ZARYA_RELEASE_KEY="$work/key" "$tool" release --snapshot --clean --skip=publish) >"$work/goreleaser.log" 2>&1 ||
    { tail -30 "$work/goreleaser.log"; fail "goreleaser"; }
  mkdir -p "$2"
  find "$1/dist" -maxdepth 1 -type f ! -name config.yaml ! -name '*ta.json' ! -name artifacts.json -exec cp -t "$2" {} +
}

version=0.1.0
case $mode in
deb)
  arch=$(dpkg --print-architecture)
  scripts/release-files.sh $version
  go build -buildvcs=true -ldflags "-s -w -X github.com/zarya-station/zarya/internal/build.version=$version" -o "$work/zarya" ./cmd/zarya
  go run ./packaging/nfpm $version "$arch" "$work/zarya" "$(git log -1 --format=%cI)" "$work/nfpm.yaml"
  mkdir "$work/new"
  "$tool" package -f "$work/nfpm.yaml" -p deb -t "$work/new" >"$work/nfpm.log" 2>&1 || { cat "$work/nfpm.log"; fail nfpm; }
  ;;
all)
  arch=amd64
  tool=$(realpath "$tool")
  ssh-keygen -q -t ed25519 -N '' -C release -f "$work/key" # as good as the real one, for a test
  release . "$work/new"
  # Again, elsewhere: another folder, time zone, language, host and mask of files' modes.
  mkdir "$work/again"
  tar -cf - --exclude=./dist --exclude=./dist-files --exclude=./.tools --exclude=./bin . | tar -xf - -C "$work/again"
  (umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 && export TZ LC_ALL && release "$work/again" "$work/twice")
  for file in "$work"/new/*; do
    cmp "$file" "$work/twice/${file##*/}" || fail "built twice, ${file##*/} differs"
  done
  rm -rf "$work/again" "$work/twice"
  say twice "built in two folders, all $(ls "$work/new" | wc -l) files are the same bytes"
  ;;
*) fail "packages.sh deb NFPM, or all GORELEASER" ;;
esac
say built "$(cd "$work/new" && ls | paste -sd ' ' -)"
scripts/package-debian.sh "$work"/new/zarya_${version}*_"$arch".deb $version $([ "$mode" = deb ] || echo shells)
[ "$mode" = all ] || exit 0

# Who downloads a release checks its sums, and whose they are; and what it is made of.
(cd "$work/new" && sha256sum --quiet -c SHA256SUMS && ls | grep -v SHA256SUMS | sort | cmp - <(awk '{print $2}' SHA256SUMS | sort)) || fail "the sums are not of all files"
printf 'zarya %s\n' "$(cat "$work/key.pub")" >"$work/signers"
ssh-keygen -q -Y verify -f "$work/signers" -I zarya -n file -s "$work/new/SHA256SUMS.sig" <"$work/new/SHA256SUMS" >/dev/null || fail "the signature"
! ssh-keygen -q -Y verify -f "$work/signers" -I zarya -n file -s "$work/new/SHA256SUMS.sig" <<<changed >/dev/null 2>&1 || fail "other sums pass under the signature"
python3 - "$work"/new/*.cdx.json <(go version -m dist/usb-amd64_linux_amd64*/zarya) <<'EOF' || fail "the bill of materials is not of the program"
import json, sys
listed = {(c["name"], c["version"]) for c in json.load(open(sys.argv[1]))["components"]}
inside = {tuple(line.split()[1:3]) for line in open(sys.argv[2]) if line.split()[0] == "dep"}
sys.exit(f"{listed ^ inside}" if not inside or inside - listed else 0)
EOF
say signed "sums, signature and bill of materials hold"
for archive in "$work"/new/*_linux_amd64_without-usb.tar.gz; do
  tar -xzf "$archive" -C "$work" zarya
  "$work/zarya" version | tee "$work/static.version"
  grep -q "zarya $version (commit [0-9a-f]\{12\}, .*linux/amd64, without USB)" "$work/static.version" || fail "the static program's version"
done
[ "$(ls "$work"/new/*_without-usb.{tar.gz,zip} | wc -l)" -eq 6 ] || fail "not six archives"

# The .rpm: what it has, what it needs, and its scripts in a clean root.
root=$(mktemp -d)
trap 'rm -rf "$work"; rm -rf --one-file-system "$root"' EXIT
scripts/package-root.sh "$root"
rpm=$(ls "$work"/new/*x86_64.rpm)
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 "${@:2}"; } # USER COMMAND…
mkdir -p "$root/var/lib/zarya" && echo record >"$root/var/lib/zarya/ledger.db"
rpm -qpl "$rpm" >"$work/rpm.files"
grep -q '^/usr/bin/zarya$' "$work/rpm.files" && grep -q '^/usr/lib/udev/rules.d/70-zarya.rules$' "$work/rpm.files" || fail "the files of the .rpm"
rpm -qp --requires "$rpm" | grep -q 'libusb-1.0' || fail "the .rpm does not ask for libusb"
rpm --root "$root" --initdb
rpm --root "$root" -i --nodeps --noverify "$rpm" >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log"; fail "rpm -i"; }
inside root zarya version | grep -q "zarya $version (commit [0-9a-f]\{12\}, .*linux/amd64)" || fail "the program of the .rpm"
inside root id zarya >/dev/null || fail "the scripts of the .rpm made no user"
rpm --root "$root" -e --nodeps zarya >"$work/rpm.log" 2>&1 || { cat "$work/rpm.log"; fail "rpm -e"; }
[ ! -e "$root/usr/bin/zarya" ] && [ -s "$root/var/lib/zarya/ledger.db" ] || fail "removing the .rpm"
say rpm "$(wc -l <"$work/rpm.files") files; installed and removed"

# The other architecture's program, under qemu: it starts, and flashes a virtual tablet.
arm="qemu-aarch64 $(echo dist/usb-arm64_linux_arm64*/zarya)"
$arm version | tee "$work/arm.version"
grep -q "zarya $version (commit [0-9a-f]\{12\}, .*linux/arm64)" "$work/arm.version" || fail "the arm64 program"
head -c 4096 /dev/urandom >"$work/boot.img"
touch "$work/virtual.log"
dist/usb-amd64_linux_amd64*/zarya virtual --count 1 --listen tcp:127.0.0.1:0 >"$work/virtual.log" 2>&1 &
tablets=$!
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets "$work/virtual.log") || fail "$(cat "$work/virtual.log")"
$arm flash --yes --ledger none --image boot="$work/boot.img" -s "$(sed -n 's/^VT0001 //p' "$work/virtual.log")" 2>&1 | grep 'FLASHED' || fail "the arm64 program did not flash"
kill $tablets
say arm64 "flashed a virtual tablet under qemu"
