#!/bin/bash
# Lays a clean Debian into FOLDER, with what the package depends on and recommends. With shells,
# it has man too, bash's completion, zsh and fish. It is made once, into .tools.
#
# package-root.sh FOLDER [shells]
set -euo pipefail
root=$1
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
include=libusb-1.0-0,procps,tzdata,systemd,udev,e2fsprogs,android-sdk-libsparse-utils,openssh-client,passwd
base=.tools/debian-$codename.tar
if [ "${2:-}" = shells ]; then
  include=$include,man-db,bash-completion,zsh,fish
  base=.tools/debian-$codename-shells.tar
fi
if [ ! -s "$base" ]; then
  echo "making a clean Debian in $base (once)"
  log=$(mktemp)
  mmdebstrap --quiet --variant=apt --aptopt='Acquire::Retries "5"' --include="$include" "$codename" "${base%.tar}.part.tar" 2>"$log" ||
    { tail -20 "$log"; exit 1; }
  rm "$log"
  mv "${base%.tar}.part.tar" "$base"
fi
tar -xf "$base" -C "$root" --exclude='./dev/*'
for node in null zero full urandom random tty; do cp -a "/dev/$node" "$root/dev/" 2>/dev/null || true; done
ln -sfn /proc/self/fd "$root/dev/fd"
ln -sfn pts/ptmx "$root/dev/ptmx"
mkdir -p "$root/dev/pts"
