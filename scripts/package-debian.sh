#!/bin/bash
# Uses a .deb in a clean Debian as a warehouse does: an older one is installed, a station works
# off virtual tablets as its own user, people follow the pages that came with it, the package is
# upgraded, a backup is restored, the package is removed and purged, and the ledger stays.
#
# package-debian.sh DEB VERSION [shells]     with shells, man and completions are tried too
set -euo pipefail
deb=$1
version=$2
work=$(mktemp -d)
root=$(mktemp -d)
trap 'status=$?; for m in dev/pts proc; do umount "$root/$m" 2>/dev/null || true; done; rm -rf --one-file-system "$root" "$work"; exit $status' EXIT
say() { printf '%-10s %s\n' "$1" "$2"; }
fail() { echo "FAIL: $*" >&2; exit 1; }
inside() { # USER COMMAND…: in the clean Debian, as that user
  local user=$1 home
  shift
  home=$(chroot "$root" getent passwd "$user" | cut -d: -f6)
  (cd "$root" && exec chroot --userspec="$user:$user" --groups="$(chroot "$root" id -G "$user" | tr ' ' ',')" "$root" \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" LANG="${LANG_INSIDE:-C.UTF-8}" TERM=xterm-256color sh -c 'cd; exec "$@"' sh "$@")
}

# The older one is the same program under a smaller number.
mkdir "$work/tree"
dpkg-deb -R "$deb" "$work/tree"
sed -i 's/^Version: .*/Version: 0.0.9/' "$work/tree/DEBIAN/control"
dpkg-deb -Zgzip -z1 -b "$work/tree" "$work/old.deb" >/dev/null
scripts/package-root.sh "$root" "${3:-}"
mount -t proc proc "$root/proc" 2>/dev/null || true
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts" 2>/dev/null || true
cp "$deb" "$root/new.deb"
cp "$work/old.deb" "$root/old.deb"

inside root dpkg -i /old.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail "dpkg -i"; }
inside root zarya version | tee "$work/version"
# Go does not stamp what is built in a second worktree of git, where .git is a file.
[ ! -d .git ] || grep -q "^zarya $version (commit [0-9a-f]\{12\}, " "$work/version" || fail "the version and the commit"
! grep -q 'without USB' "$work/version" || fail "the package has no USB"
inside root sh -c 'id zarya && stat -c "%a %U:%G" /etc/zarya /run/lock/zarya' >"$work/owners"
grep -q 'plugdev' "$work/owners" && grep -q '^755 root:root$' "$work/owners" && grep -q '^1777 root:root$' "$work/owners" || { cat "$work/owners"; fail "users and folders"; }
inside root systemd-analyze verify --man=no --recursive-errors=no /usr/lib/systemd/system/zarya-station.service
inside root sh -c 'zarya doctor >/doctor.txt 2>&1; echo $?' >"$work/doctor"
grep -qE '^[06]$' "$work/doctor" || { cat "$root/doctor.txt"; fail "doctor"; }

# Pages of man, and completions, as the programs that they are for see them.
for file in man/man1/zarya.1.gz man/man1/zarya-run.1.gz bash-completion/completions/zarya zsh/vendor-completions/_zarya fish/vendor_completions.d/zarya.fish doc/zarya/examples/station.yaml; do
  [ -s "$root/usr/share/$file" ] || fail "there is no $file"
done
if [ "${3:-}" = shells ]; then
  for page in zarya zarya-run zarya-station zarya-ledger-backup; do
    inside root env MANWIDTH=80 man --warnings -P cat "$page" >"$work/page" 2>"$work/warnings" || fail "man $page: $(cat "$work/warnings")"
    [ ! -s "$work/warnings" ] && grep -q "Zarya $version" "$work/page" || { cat "$work/warnings"; fail "man $page"; }
    ! grep -v '^ *zarya ' "$work/page" | grep '.\{81\}' || fail "man $page is wider than a terminal" # examples may be
  done
  inside root bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader zarya
    COMP_WORDS=(zarya led) COMP_CWORD=1 COMP_LINE="zarya led" COMP_POINT=9; __start_zarya; echo "${COMPREPLY[@]}"' 2>/dev/null | grep -q '^ledger' || fail "completion of bash"
  inside root fish -c 'complete -C "zarya led"' | grep -q '^ledger' || fail "completion of fish"
  inside root timeout 600 zsh -fc 'zmodload zsh/zpty; zpty z zsh -f -i; zpty -w z "autoload -Uz compinit; compinit -u; PS1=; print READY"
    zpty -r -m z l "*READY*READY*"; zpty -w -n z $'"'zarya led\t'"'; zpty -r -m z l "*zarya ledger*"; print -r -- "$l"' | grep -q 'zarya ledger' || fail "completion of zsh"
  say pages "man, and completions of bash, fish and zsh"
fi

cat >"$root/station.sh" <<'END'
# A station of virtual tablets, as its own user: two tablets are worked off.
set -eu
export XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache XDG_CONFIG_HOME=/etc HOME=/var/lib/zarya
cd /var/lib/zarya
zarya virtual images images --size 16MiB >/dev/null
touch virtual.log station.log
zarya virtual --count 2 --listen tcp:127.0.0.1:0 >virtual.log 2>&1 &
tablets=$!
trap 'kill $tablets 2>/dev/null || true' EXIT
grep -q -m1 ^ready < <(tail -n +1 -f --pid=$tablets virtual.log) || { cat virtual.log; exit 1; }
cat >station.yaml <<YAML
yes: true
profile: [/var/lib/zarya/images/profile.yaml]
target: [$(sed -n 's/^VT[0-9]* //p' virtual.log | paste -sd, -)]
ledger: sqlite:/var/lib/zarya/ledger.db
station: bench-1
listen: none
lang: ru
YAML
zarya station --plain --no-input --config station.yaml >station.log 2>&1 &
station=$!
[ "$(grep -m2 -E 'ГОТОВ|БРАК|СБОЙ' < <(tail -n +1 -f --pid=$station station.log) | grep -c ГОТОВ)" -eq 2 ] || { cat station.log virtual.log; exit 1; }
kill -TERM $station
wait $station || [ $? -eq 143 ]
rm -rf images
END
mkdir -p "$root/var/lib/zarya"
inside root chown zarya:zarya /var/lib/zarya
inside zarya bash /station.sh || fail "the station, as its own user"
ledger=sqlite:/var/lib/zarya/ledger.db
inside zarya zarya ledger list --ledger $ledger | tee "$work/before"
[ "$(grep -c ' PASS ' "$work/before")" -eq 2 ] || fail "two tablets did not pass"
say station "two virtual tablets passed, as the user zarya"

# People without privileges follow the pages that the package brought.
docs=$root/usr/share/doc/zarya/docs
inside root useradd -m anna
export -f inside
export root
python3 scripts/package-reader.py quickstart "$docs/quickstart.md" bash -c 'inside anna bash "$@"' bash || fail "the quickstart"
say quickstart "its commands, by a user of the package"
go build -o "$work/screen" ./packaging/screen
LANG_INSIDE=ru_RU.UTF-8 python3 scripts/package-reader.py station "$docs/station.md" "$docs/station-guide.ru.md" "$work/screen" bash -c 'inside anna bash "$@"' bash ||
  fail "the station's page"
inside anna zarya ledger list | grep -q 'VT0012 .* PASS ' || fail "the last tablet of the day has no record"
say guide "a station of twelve virtual tablets, in the Russian of the technician's sheet"

echo 'station: bench-1' >>"$root/etc/zarya/config.yaml"
inside zarya zarya ledger backup --ledger $ledger /var/lib/zarya/backup.db >/dev/null || fail "the backup"
inside root dpkg -i /new.deb >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail upgrade; }
inside root dpkg-query -W -f '${Version}' zarya | grep -q "^$version" || fail "it was not upgraded"
grep -q '^station: bench-1$' "$root/etc/zarya/config.yaml" || fail "the upgrade overwrote the settings"
inside zarya zarya ledger verify --ledger $ledger 2>/dev/null || fail "the ledger after the upgrade"
inside zarya zarya ledger list --ledger $ledger | cmp - "$work/before" || fail "the ledger after the upgrade"
say upgrade "0.0.9 to $version: settings and ledger stayed"
inside zarya sh -c "rm -r ledger.db*; zarya --ledger $ledger ledger restore backup.db >/dev/null" || fail "the restoring"
inside zarya zarya ledger list --ledger $ledger | cmp - "$work/before" || fail "the restored ledger"
say backup "made before the upgrade, restored after it"

inside root dpkg -r zarya >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail remove; }
[ ! -e "$root/usr/bin/zarya" ] || fail "the program stayed"
[ -s "$root/etc/zarya/config.yaml" ] || fail "removing took the settings"
mkdir -p "$root/var/cache/zarya"
inside root dpkg -P zarya >"$work/dpkg.log" 2>&1 || { cat "$work/dpkg.log"; fail purge; }
[ ! -e "$root/etc/zarya/config.yaml" ] && [ ! -e "$root/var/cache/zarya" ] || fail "purging left settings or the cache"
[ -s "$root/var/lib/zarya/ledger.db" ] && inside root id zarya >/dev/null || fail "the ledger or its owner was removed"
grep -q 'the ledger stays in /var/lib/zarya' "$work/dpkg.log" || fail "purging did not say where the ledger is"
say removed "and purged; the ledger stayed"
