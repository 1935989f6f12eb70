#!/bin/bash
# The main job: sixteen virtual tablets of two families, full of junk, are flashed in
# parallel from verified images, boot what was flashed, are provisioned from a profile
# with settings of their own, checked and recorded. One of them has a fault, and one
# loses its cable for a while. Then the same command again: only what failed is done.
# Everything is made in a temporary folder; the tree is left as it is. The tablets'
# partitions (4 GiB) are removed after the comparison, unless KEEP=1.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
zarya="$PWD/bin/zarya"
count=16
dir=$(mktemp -d "${TMPDIR:-/tmp}/zarya-demo-XXXXXX")
cd "$dir"
export ZARYA_CACHE="$dir/cache" ZARYA_LEDGER="sqlite:$dir/ledger.db" ZARYA_STATION="${ZARYA_STATION:-demo}"

"$zarya" virtual images images >/dev/null
echo "images    $dir/images: $(stat -c '%n %s bytes' images/system.img | sed 's|images/||'), an ext4 of real files; system.simg, boot.img, vbmeta.img, userdata.simg"
echo "profile   $dir/images/profile.yaml"

# The tablets were used before: their partitions are full of junk.
head -c 268435456 /dev/zero | tr '\0' '\245' >junk.img
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  mkdir -p "tablets/$serial"
  cp --reflink=auto junk.img "tablets/$serial/system.img"
  head -c 67108864 junk.img >"tablets/$serial/userdata.img"
done
rm junk.img

"$zarya" virtual --count $count --listen tcp:127.0.0.1:0 --state tablets --bus-rate 400MB \
  --family kirin710a-ags3,mt8768-kob2 \
  --fault-on VT0007=unplug=2@40% --fault-on VT0012=wrong-build >ready.txt 2>virtual.log &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
until grep -q '^ready$' ready.txt || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
grep -q '^ready$' ready.txt || { cat virtual.log >&2; exit 1; }
echo "tablets   $count of two families, $(sed -n '1s/.* //p' ready.txt) and other ports; VT0007 will lose its cable for two seconds, VT0012 will boot a wrong build"

targets=()
while read -r _ address; do targets+=(-s "$address"); done < <(grep ' tcp:' ready.txt)
code=0
"$zarya" run --yes --profile images/profile.yaml --events events.jsonl --junit report.xml "${targets[@]}" || code=$?
[ "$code" = 1 ] || { echo "expected exit 1 for the one tablet with a wrong build, not $code" >&2; exit 1; }

# The same again: what is ready is left as it is.
echo
echo "the same command again"
"$zarya" run --yes --quiet --profile images/profile.yaml "${targets[@]}"

# Do the tablets hold the image, and their own settings?
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  cmp -n 268435456 images/system.img "tablets/$serial/system.img"
  cmp -n "$(stat -c %s images/boot.img)" images/boot.img "tablets/$serial/boot.img"
  grep -q "$(printf 'tab-%s\n' "$serial" | base64)" "tablets/$serial/overlay.json"
done
echo
echo "compared  system and boot of $count tablets with the images, byte for byte: equal; each has its own hostname"
if [ "${KEEP:-}" != 1 ]; then
  kill $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  rm -r tablets cache
fi
echo "ledger    $dir/ledger.db: $("$zarya" ledger verify)"
echo "          zarya ledger list --ledger sqlite:$dir/ledger.db"
echo "report    $dir/report.xml (JUnit)"
echo "events    $dir/events.jsonl ($(wc -l <events.jsonl) lines)"
echo "all of it $dir (KEEP=1 make demo keeps the tablets' partitions, too)"
