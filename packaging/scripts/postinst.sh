#!/bin/sh
# After installing or upgrading: the station's user and folders, and the rules of udev. A
# station that runs goes on with the old program until somebody restarts it: a restart waits
# for the tablets under way, and an upgrade must not.
set -e
if command -v systemd-sysusers >/dev/null; then systemd-sysusers zarya.conf; fi
if command -v systemd-tmpfiles >/dev/null; then systemd-tmpfiles --create zarya.conf; fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  udevadm control --reload || true
  udevadm trigger --subsystem-match=usb --action=change || true
  sysctl --quiet -p /usr/lib/sysctl.d/60-zarya.conf || true
  if systemctl --quiet is-active zarya-station; then
    echo "zarya-station runs with the old program: systemctl restart zarya-station waits for the tablets under way, then takes the new one"
  fi
fi
