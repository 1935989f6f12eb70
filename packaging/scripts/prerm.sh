#!/bin/sh
# Before removing, not before upgrading: the station ends, and lets the tablets under way end
# first. Packages of Debian say "remove", those of RPM 0.
set -e
case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now zarya-station || true
  fi
  ;;
esac
