#!/bin/bash
# Writes what the program is made of, as CycloneDX: its modules with their versions and sums.
set -euo pipefail
case "$1" in /*) document=$1 ;; *) document=$PWD/$1 ;; esac
cd "$(dirname "$0")/.."
go list -deps -f '{{with .Module}}{{if .Version}}{{.Path}} {{.Version}}{{end}}{{end}}' ./cmd/zarya | sort -u |
  python3 -c '
import json, subprocess, sys
sums = {}
for line in open("go.sum"):
    path, version, digest = line.split()
    sums[path, version] = digest
components = []
for line in sys.stdin:
    if not line.strip():
        continue
    path, version = line.split()
    components.append({"type": "library", "name": path, "version": version, "purl": f"pkg:golang/{path}@{version}",
        "bom-ref": f"pkg:golang/{path}@{version}", "properties": [{"name": "go.sum", "value": sums.get((path, version), "")}]})
commit, date = subprocess.check_output(["git", "log", "-1", "--format=%H %cI"], text=True).split()
json.dump({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"timestamp": date,
    "component": {"type": "application", "name": "zarya", "version": commit}}, "components": components}, sys.stdout, indent=1, sort_keys=True)
' >"$document"
