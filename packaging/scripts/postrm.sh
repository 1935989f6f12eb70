#!/bin/sh
# After removing. The ledger in /var/lib/zarya is never removed by a package: it is the record
# of what was done to tablets.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ "$1" = purge ]; then
  rm -rf /var/cache/zarya
  if [ -d /var/lib/zarya ]; then
    echo "the ledger stays in /var/lib/zarya"
  fi
fi
