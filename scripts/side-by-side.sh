#!/bin/bash
# Makes two lists of targets at the same time, for those that wait beside those that compute.
# What the second says is shown when both have ended, or when it fails. Fails as the first of
# them fails, and ends the other.
#
# side-by-side.sh "TARGET…" "TARGET…"
set -uom pipefail # with a process group for each, to end it whole
said=$(mktemp)
first= second=
trap 'kill ${first:+-- -$first} ${second:+-$second} 2>/dev/null; wait; rm -f "$said"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# shellcheck disable=SC2086 # lists
make --no-print-directory $1 </dev/null &
first=$!
# shellcheck disable=SC2086
make --no-print-directory $2 </dev/null >"$said" 2>&1 &
second=$!
wait -n
status=$?
[ $status -ne 0 ] || { wait -n; status=$?; }
cat "$said"
exit $status
