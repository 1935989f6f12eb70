#!/bin/bash
# Runs every fuzzer of the tree for the given time. Go's fuzzing can end with "context
# deadline exceeded" and no input that fails, when its time is up at a bad moment; such
# a run says nothing and is made again.
set -euo pipefail
time="${1:-3s}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() { go test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 20x "$1" >"$log" 2>&1 </dev/null; }
grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  package=$(dirname "$file")
  grep -o '^func Fuzz[A-Za-z0-9]*' "$file" | awk '{print $2}' | while read -r name; do
    tries=1
    until run "$package" "$name"; do
      [ $((tries++)) -lt 5 ] && grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input' "$log" ||
        { echo "FAIL $package $name"; cat "$log"; exit 1; }
    done
    echo "ok  $package $name $(grep -o 'execs: [0-9]*' "$log" | tail -1)"
  done
done
