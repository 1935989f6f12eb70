#!/bin/bash
# Makes what packages have beside the program: manual pages and completions, in dist-files.
# The same commit makes the same bytes.
#
# release-files.sh VERSION
set -euo pipefail
umask 022
git ls-files -z | xargs -0 chmod u=rwX,go=rX # whatever the mask was when they were checked out
out=dist-files
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH CGO_ENABLED=0
rm -rf "$out"
mkdir -p "$out/completions"
go build -tags man -ldflags "-X github.com/zarya-station/zarya/internal/build.version=$1" -o "$out/zarya" ./cmd/zarya
"$out/zarya" man "$out/man"
gzip -9n "$out"/man/*.1
for shell in bash zsh fish; do
  case "$shell" in zsh) name=_zarya ;; *) name=zarya.$shell ;; esac
  "$out/zarya" completion "$shell" >"$out/completions/$name"
done
rm "$out/zarya"
