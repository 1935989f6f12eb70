#!/bin/bash
# The station's page in a real browser (scripts/pages.mjs). Pictures go to bin/pages; with
# ZARYA_PICTURES=DIR those of the documentation are made anew there (make pictures).
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go test -c -o "$dir/page.test" ./internal/page
node scripts/pages.mjs "$dir/page.test" "${1:-bin/pages}"
