#!/bin/bash
# Installs the Debian packages that are missing, and says which. Quick and silent
# when there is nothing to do; never asks a question.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

# command → package: what the build, the demo and the tests use.
needed=(
  "go golang-go"
  "cc gcc"
  "fastboot fastboot"
  "img2simg android-sdk-libsparse-utils"
  "mkfs.ext4 e2fsprogs"
  "debugfs e2fsprogs"
  "ssh openssh-client"
  "cmp diffutils"
)

missing=()
for pair in "${needed[@]}"; do
  read -r command package <<<"$pair"
  command -v "$command" >/dev/null || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "missing: ${missing[*]} (Debian package names); install them, then run make again" >&2
  exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  sudo=(sudo)
fi
echo "installing: ${missing[*]}"
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
