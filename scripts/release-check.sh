#!/bin/bash
# Says whether this clone can be released, and as which version: the first one of CHANGELOG.md.
# Nothing is changed or published.
#
# release-check.sh GORELEASER
set -euo pipefail
bad=0
refuse() { echo "not ready: $*" >&2; bad=1; }
version=$(sed -n 's/^## \([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p;' CHANGELOG.md | head -n 1)
[ -n "$version" ] || refuse "CHANGELOG.md has no version"

"$1" check --quiet || refuse ".goreleaser.yaml is not valid"
[ -z "$(git status --porcelain)" ] || refuse "the tree has changes: $(git status --short | head -n 3 | paste -sd ' ' -)"
tags=$(git tag --points-at HEAD)
if [ -n "$tags" ]; then # it is being released, not tried
  grep -qx "v$version" <<<"$tags" || refuse "this commit is tagged $tags, and CHANGELOG.md is at $version"
  ! grep -q "^## $version (unreleased)" CHANGELOG.md || refuse "CHANGELOG.md says that $version is unreleased"
fi

# Who copies a line of the documents gets this version.
grep -q "zarya_${version}_amd64.deb" docs/install.md || refuse "docs/install.md does not install $version"
for file in docs/ci.md packaging/ci/github.yml; do
  grep -q "/actions/zarya@v$version$" "$file" || refuse "$file does not use the action of $version"
done
grep -q "^version=$version$" scripts/packages.sh || refuse "scripts/packages.sh does not try $version"
go test ./internal/manual ./site >/dev/null || refuse "documents are not true: go test ./internal/manual ./site"

# The program says which version and commit it is.
program=$(mktemp)
trap 'rm -f "$program"' EXIT
go build -buildvcs=true -ldflags "-X github.com/zarya-station/zarya/internal/build.version=$version" -o "$program" ./cmd/zarya
"$program" version
[ ! -d .git ] || "$program" version | grep -q "^zarya $version (commit $(git rev-parse --short=12 HEAD), " || refuse "the program does not say its version and commit"
[ "$bad" -eq 0 ] && echo "ready: $version"
