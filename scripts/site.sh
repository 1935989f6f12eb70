#!/bin/bash
# The documentation as a static site, with the station's sheets printed as PDF, into bin/site.
# With a second argument, pictures of it too, there: scripts/site.mjs looks at it in Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-bin/site}
rm -rf "$out"
go run ./site "$out"
node scripts/site.mjs "$out" "${2:-}"
