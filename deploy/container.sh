#!/bin/sh
# What a container is: container.sh postgres|pgbouncer|writing|reading|backup. Passwords and the
# certificate are in /secrets, which the servers' users cannot read: each gets its own copies.
set -eu
files=/usr/local/lib/zarya
bin=/usr/lib/postgresql/15/bin
as() { # USER COMMAND…
  user=$1
  shift
  setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups "$@"
}
give() { # USER FOLDER FILE…: copies of secrets in a folder of the user's own
  user=$1
  folder=$2
  shift 2
  install -d -o "$user" -m 700 "$folder"
  for file; do install -o "$user" -m 600 "/secrets/$file" "$folder/$file"; done
}
case $1 in
postgres)
  give postgres /etc/zarya-tls tls.crt tls.key
  data=/var/lib/postgresql/data
  install -d -o postgres /run/postgresql
  if [ ! -e $data ]; then # made whole, or not at all
    rm -rf $data.part
    install -d -o postgres -m 700 $data.part
    as postgres $bin/initdb --pgdata $data.part --encoding UTF8 --locale C.UTF-8 --auth-local peer --auth-host scram-sha-256
    printf 'local all postgres peer\nlocal zarya all scram-sha-256\nhostssl zarya all all scram-sha-256\n' >$data.part/pg_hba.conf
    as postgres $bin/pg_ctl --pgdata $data.part --wait --options '-c listen_addresses=' start
    as postgres psql -q -v owner="$(cat /secrets/owner)" -v pooler="$(cat /secrets/pooler)" -f $files/database.sql
    as postgres $bin/pg_ctl --pgdata $data.part --wait stop
    mv $data.part $data
  fi
  exec setpriv --reuid postgres --regid postgres --init-groups $bin/postgres -D $data -c config_file=$files/postgresql.conf \
    -c hba_file=$data/pg_hba.conf
  ;;
pgbouncer)
  give postgres /etc/zarya-tls tls.crt tls.key
  printf '"pgbouncer" "%s"\n' "$(cat /secrets/pooler)" >/etc/pgbouncer/userlist.txt
  chown postgres /etc/pgbouncer/userlist.txt
  chmod 600 /etc/pgbouncer/userlist.txt
  sed 's,host=127.0.0.1,host=/run/postgresql,' $files/pgbouncer.ini >/etc/pgbouncer/pgbouncer.ini
  ulimit -n "$(ulimit -H -n)"
  exec setpriv --reuid postgres --regid postgres --init-groups pgbouncer /etc/pgbouncer/pgbouncer.ini
  ;;
writing | reading)
  give docker-registry /etc/zarya-tls tls.crt tls.key
  [ "$1" = reading ] || give docker-registry /etc/zarya-registry htpasswd
  chown docker-registry /var/lib/docker-registry
  REGISTRY_HTTP_SECRET=$(cat /secrets/registry)
  export REGISTRY_HTTP_SECRET
  exec setpriv --reuid docker-registry --regid "$(id -g docker-registry)" --init-groups docker-registry serve "$files/registry-$1.yml"
  ;;
backup) # over the server's socket, which it shares
  chown postgres /backup
  while :; do
    until as postgres psql -q -c '' zarya 2>/dev/null; do sleep 5; done # the server begins, or is being restored
    as postgres sh $files/backup.sh /backup || echo "no backup was made: it is tried again tomorrow"
    sleep 86400
  done
  ;;
*)
  echo "container.sh postgres|pgbouncer|writing|reading|backup" >&2
  exit 2
  ;;
esac
