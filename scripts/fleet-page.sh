#!/bin/bash
# Follows docs/fleet.md, "From nothing", and docs/fleet-registry.md word for word: their commands
# are run on clean Debian machines with systemd, which are containers of podman; then the tablets
# of both stations must have passed and be in the fleet's database, and the mirror must have been
# asked. Only root can; where there is no podman, it says so.
#
# fleet-page.sh NFPM
set -euo pipefail
nfpm=$(realpath "$1")
cd "$(dirname "$0")/.."
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { echo "FAIL: $*" >&2; exit 1; }
# A machine that can have no such containers has said nothing about the page.
cannot() { say skipped "docs/fleet.md is not followed: $*: $(tail -1 "$work/log")"; exit 0; }
if [ "$(id -u)" -ne 0 ] || ! command -v podman >/dev/null; then
  say skipped "docs/fleet.md is not followed: that wants root and podman (scripts/setup.sh fleet)"
  exit 0
fi
work=$(mktemp -d)
net=zarya-$$
machines="server office line-1 line-2 mirror"
trap 'status=$?; for m in $machines; do podman rm -f -t 0 $net-$m; done >/dev/null 2>&1; podman network rm $net >/dev/null 2>&1; rm -rf "$work"; exit $status' EXIT
# What containers of this machine can: runc where crun is told nothing by the kernel, no limits above its own.
export CONTAINERS_CONF=$work/containers.conf
printf '[containers]\nlog_driver = "k8s-file"\ndefault_ulimits = ["nofile=1024:%s", "nproc=1024:1024"]\n[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n%s' "$(ulimit -Hn)" \
  "$(command -v runc >/dev/null && echo 'runtime = "runc"')" >"$CONTAINERS_CONF"

arch=$(dpkg --print-architecture)
scripts/release-files.sh 0.1.0
go build -o "$work/zarya" ./cmd/zarya
go run ./packaging/nfpm 0.1.0 "$arch" "$work/zarya" "$(git log -1 --format=%cI)" "$work/nfpm.yaml"
"$nfpm" package -f "$work/nfpm.yaml" -p deb -t "$work/zarya.deb" >"$work/log" 2>&1 || { cat "$work/log"; fail nfpm; }

# The commands of the pages: NUMBER.on, NUMBER.run and NUMBER.want.
awk -v out="$work/" '
  /^## / { other = FILENAME ~ /fleet.md$/ && !/From nothing/ }
  other { next }
  /^```/ { inside = $0 == "```console"; open = mine = 0; next }
  !inside { next }
  !open && match($0, /^(server|office|line-[0-9]|mirror)# /) {
    n++; mine = 1; file = sprintf("%s%03d", out, n)
    on = $0; sub(/#.*/, "", on); print on >(file ".on")
    line = substr($0, RLENGTH + 1); print line >(file ".run")
    heredoc = line ~ /<<END/; open = heredoc || line ~ /\\$/; next
  }
  open { print >(file ".run"); open = heredoc ? $0 != "END" : $0 ~ /\\$/; next }
  mine { print >(file ".want") }
' docs/fleet.md docs/fleet-registry.md
[ "$(cat "$work"/*.on | sort -u | wc -l)" -eq 4 ] || fail "the pages have no commands for four kinds of machines"

# A clean Debian with the packages that the page installs, made once.
packages=$(sed -n 's/^apt-get install --yes //p' "$work"/*.run | tr ' ' '\n' | sort -u | paste -sd ' ')
base=.tools/debian-bookworm.tar
[ -s "$base" ] || fail "there is no $base: make package makes it"
image=localhost/zarya-fleet:$(echo "$packages $(stat -c %Y "$base")" | sha256sum | cut -c1-12)
if ! podman image exists "$image"; then
  echo "making a clean Debian with $packages (once)"
  podman import --quiet "$base" localhost/zarya-debian:bookworm >/dev/null 2>"$work/log" || cannot "podman import"
  printf 'FROM localhost/zarya-debian:bookworm\nRUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends %s\n' "$packages" |
    podman build --quiet --network host --tag "$image" - >"$work/log" 2>&1 || cannot "podman build"
fi
podman network create --subnet 10.213.99.0/24 $net >"$work/log" 2>&1 || cannot "podman network create"
podman run --rm --network $net --systemd always --privileged "$image" true >"$work/log" 2>&1 || cannot "podman run"
address=2
for m in $machines; do
  podman create --quiet --name $net-$m --hostname "$m" --network $net --ip 10.213.99.$address --add-host server.example:10.213.99.2 --add-host mirror.site1:10.213.99.6 \
    --systemd always --privileged --workdir /srv "$image" /lib/systemd/systemd >/dev/null
  podman cp "$work/zarya.deb" "$net-$m:/srv/zarya.deb"
  podman start $net-$m >/dev/null
  address=$((address + 1))
done
for m in server mirror; do podman cp deploy $net-$m:/srv/deploy; done
on() { podman exec -i --env HOME=/srv $net-"$1" bash -euo pipefail -c "cd /srv && $2"; }
for m in $machines; do
  on "$m" 'timeout 600 systemctl is-system-running --wait' >"$work/log" 2>&1 || grep -q degraded "$work/log" || cannot "systemd in a container"
done
for m in office line-1 line-2 mirror; do # who is refused has reached the server: nobody is at port 1
  on $m 'timeout 60 bash -c "exec 3<>/dev/tcp/10.213.99.2/1"' >"$work/log" 2>&1 || grep -q refused "$work/log" || cannot "a network of containers"
done

follow() { # MACHINE FROM TO AS: runs these commands of the page, on the machine AS
  local i script= text
  for i in $(seq -f %03g "$2" "$3"); do
    text=$(sed "s/$1/$4/g" "$work/$i.run")
    case $text in *'--token -'*) text="{ $text"$'\n'"} <token" ;; esac
    script+="echo '== $i'"$'\n'"$text"$'\n'
  done
  on "$4" "$script" >"$work/$4.out" 2>"$work/$4.err" </dev/null || {
    tail -5 "$work/$4.out"; tail -20 "$work/$4.err"
    fail "on $4: $(cat "$work/$(grep -a '^== ' "$work/$4.out" | tail -1 | cut -c4-).run")"
  }
  for i in $(seq -f %03g "$2" "$3"); do
    [ -s "$work/$i.want" ] || continue
    awk -v i="$i" '/^== / { inside = $2 == i; next } inside' "$work/$4.out" >"$work/got"
    diff <(same <"$work/$i.want") <(same <"$work/got") >&2 || fail "on $4, the page says otherwise: $(cat "$work/$i.run")"
  done
}
same() { sed -E 's/(line-[0-9])\.[A-Z2-7]{26}/\1.TOKEN/; s/([0-9]+h)?([0-9]+m)?[0-9]+s ago/N ago/; s/ +/ /g; s/(joined) [0-9]+/\1 N/; s/sha256:[0-9a-f]+/sha256:N/'; }

passed() { # MACHINE: its two tablets have passed, and their records have been sent
  on "$1" 'timeout 600 grep -m2 -q PASS < <(journalctl --unit zarya-station --follow --lines all --output cat)' ||
    { on "$1" 'journalctl --unit zarya-station --output cat | tail -20'; fail "the tablets of $1"; }
  on "$1" 'runuser -u zarya -- zarya ledger sync --config /etc/zarya/station.yaml' >/dev/null || fail "$1 does not send"
}
joined=
from=1
last=$(find "$work" -name '*.on' | wc -l)
while [ "$from" -le "$last" ]; do
  m=$(cat "$work/$(printf %03d "$from").on")
  to=$from
  while [ "$to" -lt "$last" ] && [ "$(cat "$work/$(printf %03d $((to + 1))).on")" = "$m" ]; do to=$((to + 1)); done
  case $m in # what the reader brings
  office) podman cp "$work/server.crt" $net-office:/srv/ ;;
  mirror) podman cp "$work/server.crt" $net-mirror:/srv/ ;;
  line-1)
    for as in line-1 line-2; do
      [ -z "$joined" ] || continue
      podman cp "$work/server.crt" "$net-$as:/srv/"
      podman cp "$work/allowed_signers" "$net-$as:/srv/"
      grep -E "^$as\.[A-Z2-7]{26}$" "$work/office.out" | podman exec -i "$net-$as" sh -c 'cat >/srv/token'
    done
    ;;
  esac
  follow "$m" "$from" "$to" "$m"
  case $m in
  server) podman cp $net-server:/etc/zarya-tls/tls.crt "$work/server.crt" ;;
  office) podman cp $net-office:/srv/allowed_signers "$work/" ;;
  line-1)
    if [ -z "$joined" ]; then
      follow "$m" "$from" "$to" line-2
      passed line-1
      passed line-2
    fi
    joined=yes
    ;;
  esac
  say followed "$m, commands $from to $to"
  from=$((to + 1))
done
on mirror 'timeout 600 grep -m1 -qE "(GET|HEAD) /v2/tablets/census/manifests/stable HTTP/1.1. 200" < <(journalctl --unit zarya-registry@mirror --follow --lines all --output cat)' ||
  fail "the station did not ask its mirror"
on server 'systemd-analyze verify --man=no /etc/systemd/system/zarya-*' || fail "the units"
on server 'ls /var/lib/zarya-backup/*.dump' >/dev/null || fail "there is no backup"
say done "two stations' tablets have passed and are in the fleet's database"
