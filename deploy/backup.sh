#!/bin/sh
# Keeps the fleet's database and its logins in a folder: backup.sh FOLDER. Whom it asks is in
# PGHOST, PGUSER and PGDATABASE (zarya); KEEP is how many days are kept (14).
set -eu
umask 077
folder=${1:?usage: backup.sh FOLDER}
name=$folder/$(date -u +%Y-%m-%dT%H%M%SZ)
trap 'rm -f "$name.part" "$name.roles.part"' EXIT
pg_dumpall --roles-only --file "$name.roles.part"
pg_dump --format custom --file "$name.part" "${PGDATABASE:-zarya}"
pg_restore --list "$name.part" >/dev/null # it can be read back
mv "$name.roles.part" "$name.roles.sql"
mv "$name.part" "$name.dump"
find "$folder" -maxdepth 1 \( -name '*.dump' -o -name '*.roles.sql' \) -mtime +"${KEEP:-14}" -delete
echo "$name.dump"
