#!/bin/bash
# Zarya beside a shell loop of AOSP fastboot processes, over the same virtual
# tablets and the same image, in one run, taking turns. Prints medians and the ratio.
# A ratio below 1 means that Zarya is faster. TABLETS, ROUNDS, RATE can be set.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
zarya="$PWD/bin/zarya"
tablets="${TABLETS:-16}" rounds="${ROUNDS:-5}" rate="${RATE:-}"
dir=$(mktemp -d "${TMPDIR:-/tmp}/zarya-bench-XXXXXX")
pid=
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
"$zarya" virtual images images >/dev/null
"$zarya" virtual --count "$tablets" --family mt8768-kob2 --max-download 64MiB --listen tcp:127.0.0.1:0 ${rate:+--rate "$rate"} >ready.txt &
pid=$!
until grep -q '^ready$' ready.txt; do kill -0 $pid; sleep 0.05; done
mapfile -t addresses < <(sed -n 's/.* tcp:/tcp:/p' ready.txt)

ours() {
  local targets=() address
  for address in "${addresses[@]}"; do targets+=(-s "$address"); done
  "$zarya" flash --yes --quiet --image "$1=images/$2" "${targets[@]}" >/dev/null
}
theirs() {
  local jobs=() address
  for address in "${addresses[@]}"; do
    fastboot -s "$address" flash "$1" "images/$2" >/dev/null 2>&1 &
    jobs+=($!)
  done
  wait "${jobs[@]}"
}
seconds() {
  local start=$EPOCHREALTIME
  "$@"
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f\n", b - a }'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

for image in system.simg system.img; do
  ours system $image # warm: both read from the page cache
  rm -f ours.txt theirs.txt
  for _ in $(seq "$rounds"); do
    seconds ours system $image >>ours.txt
    seconds theirs system $image >>theirs.txt
  done
  a=$(median <ours.txt) b=$(median <theirs.txt)
  echo "$image to $tablets tablets: zarya $a s, fastboot loop $b s, ratio $(awk -v a="$a" -v b="$b" 'BEGIN { printf "%.2f", a / b }') (medians of $rounds)"
done
