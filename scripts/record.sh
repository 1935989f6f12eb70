#!/bin/bash
# Records zarya try on a terminal, as the film of the README: docs/pictures/try.svg (make pictures).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/bin:$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8 TERM=xterm-256color
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
columns=92 rows=22
cat >"$dir/session" <<'S'
stty cols 92 rows 22
type() { printf '\033[1;32m$\033[0m '; sleep 0.6; printf '%s' "$*"; sleep 0.8; printf '\r\n'; }
type "zarya try --count 8 --size 512MiB --fault-on VT0003=locked --fault-on VT0006=unplug=2@40%"
zarya try --count 8 --size 512MiB --fault-on VT0003=locked --fault-on VT0006=unplug=2@40% || true
type zarya explain locked
zarya explain locked
S
script -q --flush --log-timing "$dir/timing" --logging-format classic --log-out "$dir/out" -c "bash $dir/session" </dev/null >/dev/null
# script writes a line of its own before and after the session.
grep -av '^Script ' "$dir/out" >"$dir/plain" || true
perl -pi -e 's|(zarya-try-)(\d+)|$1 . ("1" x length $2)|ge' "$dir/plain"
go run ./site/cast "$dir/timing" "$dir/plain" $columns $rows "zarya try: eight virtual tablets are flashed, started and set up" >docs/pictures/try.svg
ls -l docs/pictures/try.svg
