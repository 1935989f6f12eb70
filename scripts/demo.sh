#!/bin/bash
# The main job: sixteen virtual tablets full of junk are flashed in parallel from
# real images, and what they hold is compared with the images byte for byte.
# Everything is made in a temporary folder; the tree is left as it is. The tablets'
# partitions (4 GiB) are removed after the comparison, unless KEEP=1.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
zarya="$PWD/bin/zarya"
count=16
dir=$(mktemp -d "${TMPDIR:-/tmp}/zarya-demo-XXXXXX")
cd "$dir"

"$zarya" virtual images images >/dev/null
echo "images    $dir/images: $(stat -c '%n %s bytes' images/system.img | sed 's|images/||'), an ext4 of real files; system.simg, boot.img, userdata.simg"

# The tablets were used before: their partitions are full of junk.
head -c 268435456 /dev/zero | tr '\0' '\245' >junk.img
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  mkdir -p "tablets/$serial"
  cp --reflink=auto junk.img "tablets/$serial/system.img"
  head -c 33554432 junk.img >"tablets/$serial/userdata.img"
done
rm junk.img

# Free ports: tried until all tablets listen.
for try in $(seq 1 20); do
  port=$((20000 + RANDOM % 12000))
  "$zarya" virtual --count $count --listen "tcp:127.0.0.1:$port" --state tablets --bus-rate 400MB \
    --fault-on VT0007=unplug=2@40% >ready.txt 2>virtual.log &
  pid=$!
  trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
  until grep -q '^ready$' ready.txt || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
  grep -q '^ready$' ready.txt && break
done
grep -q '^ready$' ready.txt || { cat virtual.log >&2; exit 1; }
echo "tablets   $count at tcp:127.0.0.1:$port and on; VT0007 will lose its cable for two seconds"

targets=()
for n in $(seq 0 $((count - 1))); do targets+=(-s "tcp:127.0.0.1:$((port + n))"); done
"$zarya" flash --yes --events events.jsonl \
  --image system=images/system.simg --image boot=images/boot.img --image userdata=images/userdata.simg "${targets[@]}"

# Do the tablets hold the image? Every byte of it, not only what was sent.
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  cmp -n 268435456 images/system.img "tablets/$serial/system.img"
  cmp -n "$(stat -c %s images/boot.img)" images/boot.img "tablets/$serial/boot.img"
done
echo "compared  system and boot of $count tablets with the images, byte for byte: equal"
if [ "${KEEP:-}" != 1 ]; then
  kill $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  rm -r tablets
fi
echo "events    $dir/events.jsonl ($(wc -l <events.jsonl) lines)"
echo "all of it $dir (KEEP=1 make demo keeps the tablets' partitions, too)"
