#!/bin/bash
# Runs every fuzzer of the tree for the given time.
set -euo pipefail
time="${1:-3s}"
grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
  package=$(dirname "$file")
  grep -o '^func Fuzz[A-Za-z0-9]*' "$file" | awk '{print $2}' | while read -r name; do
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" >/tmp/zarya-fuzz.$$ 2>&1 </dev/null ||
      { cat /tmp/zarya-fuzz.$$; rm -f /tmp/zarya-fuzz.$$; exit 1; }
    echo "ok  $package $name $(grep -o 'execs: [0-9]*' /tmp/zarya-fuzz.$$ | tail -1)"
    rm -f /tmp/zarya-fuzz.$$
  done
done
