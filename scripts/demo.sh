#!/bin/bash
# The main job: sixteen virtual tablets of two families, full of junk, are flashed in
# parallel from a signed bundle, boot what was flashed, are provisioned from the profile
# in it, each with an identity of its own, checked and recorded. One of them has a fault, and one
# loses its cable for a while. Then the same command again: only what failed is done.
# Everything is made in a temporary folder; the tree is left as it is. The tablets'
# partitions (4 GiB) are removed after the comparison, unless KEEP=1.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
zarya="$PWD/bin/zarya"
count=16
dir=$(mktemp -d "${TMPDIR:-/tmp}/zarya-demo-XXXXXX")
cd "$dir"
export ZARYA_CACHE="$dir/cache" ZARYA_LEDGER="sqlite:$dir/ledger.db" ZARYA_STATION="${ZARYA_STATION:-demo}"

"$zarya" virtual images images >/dev/null
echo "images    $dir/images: $(stat -c '%n %s bytes' images/system.img | sed 's|images/||'), an ext4 of real files; system.simg, boot.img, vbmeta.img, userdata.simg"

# A signed bundle of them, with the profile in it; and a list of who the tablets will be.
mkdir profile trust
cat >profile/demo.yaml <<EOF
zarya: 1
name: demo
extends: base.yaml
identity: {pool: demo, columns: [inventory, hostname, region, wifi_password]}
vars:
  zone: {by: identity.region, map: {MOW: Europe/Moscow, VVO: Asia/Vladivostok}}
provision:
  - regenerate: [machine-id, ssh-host-keys]
  - hostname: "{{ identity.hostname }}"
  - timezone: "{{ vars.zone }}"
  - locale: ru_RU.UTF-8
  - wifi: {ssid: CENSUS, passphrase: "{{ identity.wifi_password }}"}
  - wifi: {ssid: WAREHOUSE, passphrase: "{{ secret.warehouse }}"}
  - file: {from: kiosk.conf, to: /etc/census/kiosk.conf, template: true}
  - dconf: {/apps/kiosk/enabled: true}
  - wizard: done
  - exec: {argv: [/bin/true], changes: never}
    when: tablet.model matches "AGS3-*"
checks:
  - {fact: os-release.ID, is: auroraos}
  - {fact: os-release.VERSION_ID, is: "{{ bundle.version }}"}
  - {fact: machine-id, unique: ledger}
  - {fact: imei, valid: luhn, unique: ledger}
  - {fact: battery, min: 30}
  - {partition: system, digest: bundle}
finish:
  - remove: {wifi: [WAREHOUSE]}
EOF
cat >profile/base.yaml <<EOF
zarya: 1
name: base
tablet: {models: bundle, battery: {min: 40, unknown: allow}}
partitions: [vbmeta, boot, system, userdata]
flash:
  - erase: [userdata]
  - images: all
  - reboot: system
boot: {within: 3m}
ssh: {user: defaultuser, password: aurora, root: devel-su, root-password: aurora-root, port: target}
EOF
echo 'tablet={{ identity.inventory }} serial={{ tablet.serial }}' >profile/kiosk.conf
{
  echo inventory,hostname,region,wifi_password
  for n in $(seq 1 $count); do printf 'C-%06d,census-%02d,%s,wifi-secret-%d\n' "$n" "$n" "$([ $((n % 2)) = 0 ] && echo MOW || echo VVO)" "$n"; done
} >list.csv
ssh-keygen -q -t ed25519 -N '' -C release@factory -f release
echo "release@factory namespaces=\"zarya-bundle@v1\" $(cat release.pub)" >trust/allowed_signers
age-keygen -o age.key 2>/dev/null
export ZARYA_AGE_KEY="$dir/age.key" ZARYA_SECRET_WAREHOUSE=only-for-the-bench
"$zarya" bundle build demo.bundle --profile profile/demo.yaml --sign release --access ssh --name aurora-demo --bundle-version 5.1.0.100 \
  --model AGS3-L09 --model KOB2-W09 --image vbmeta=images/vbmeta.img --image boot=images/boot.img --image system=images/system.img --image userdata=images/userdata.simg >/dev/null
echo "bundle    $dir/demo.bundle: $("$zarya" bundle verify --trust trust demo.bundle | sed 's/^demo.bundle: //')"
echo "pool      $("$zarya" identity import --pool demo list.csv)"

# The tablets were used before: their partitions are full of junk.
head -c 268435456 /dev/zero | tr '\0' '\245' >junk.img
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  mkdir -p "tablets/$serial"
  cp --reflink=auto junk.img "tablets/$serial/system.img"
  head -c 67108864 junk.img >"tablets/$serial/userdata.img"
done
rm junk.img

"$zarya" virtual --count $count --listen tcp:127.0.0.1:0 --state tablets --bus-rate 400MB \
  --family kirin710a-ags3,mt8768-kob2 \
  --fault-on VT0007=unplug=2@40% --fault-on VT0012=wrong-build >ready.txt 2>virtual.log &
pid=$!
trap 'kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
until grep -q '^ready$' ready.txt || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
grep -q '^ready$' ready.txt || { cat virtual.log >&2; exit 1; }
echo "tablets   $count of two families, $(sed -n '1s/.* //p' ready.txt) and other ports; VT0007 will lose its cable for two seconds, VT0012 will boot a wrong build"

targets=()
while read -r _ address; do targets+=(-s "$address"); done < <(grep ' tcp:' ready.txt)
code=0
"$zarya" run --yes --bundle demo.bundle --trust trust --events events.jsonl --junit report.xml "${targets[@]}" || code=$?
[ "$code" = 1 ] || { echo "expected exit 1 for the one tablet with a wrong build, not $code" >&2; exit 1; }

# The same again: what is ready is left as it is.
echo
echo "the same command again"
"$zarya" run --yes --quiet --bundle demo.bundle --trust trust "${targets[@]}"

# Do the tablets hold the image, and their own settings?
for n in $(seq 1 $count); do
  serial=$(printf 'VT%04d' "$n")
  cmp -n 268435456 images/system.img "tablets/$serial/system.img"
  cmp -n "$(stat -c %s images/boot.img)" images/boot.img "tablets/$serial/boot.img"
done
[ "$("$zarya" identity list --state bound | grep -c '^demo ')" = $count ]
! grep -q -e wifi-secret -e only-for-the-bench events.jsonl report.xml
echo
echo "compared  system and boot of $count tablets with the images, byte for byte: equal; each has an identity of its own, and no secret is in the events"
if [ "${KEEP:-}" != 1 ]; then
  kill $pid 2>/dev/null || true
  wait $pid 2>/dev/null || true
  rm -r tablets cache
fi

# A station of sixteen ports, that nobody types at, works off 48 tablets: a technician made of
# software takes out what is done and plugs in the next. One is locked, one loses its cable,
# one fails once.
supply=48
"$zarya" virtual images --size 64MiB small >/dev/null
mkfifo told
"$zarya" virtual --count $count --supply $supply --listen tcp:127.0.0.1:0 --follow told --bus-rate 400MB \
  --fault-on VT0005=locked --fault-on VT0011=unplug=3@40% --fault-on VT0020=fail@flash:system >places.txt 2>technician.log &
pid=$!
until grep -q '^ready$' places.txt || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
grep -q '^ready$' places.txt || { cat technician.log >&2; exit 1; }
cat >station.yaml <<EOF
profile: [small/profile.yaml]
yes: true
lot: P-118
operator: "17"
target:
$(grep ' tcp:' places.txt | awk '{h = NR > 8 ? "B" : "A"; print "  - " h (NR - 1) % 8 + 1 "=" $2}')
EOF
echo
echo "station   sixteen ports work off $supply tablets, unattended"
station=("$zarya" station --ledger "sqlite:$dir/station.db" --config station.yaml --events told --listen 127.0.0.1:0)
if command -v tmux >/dev/null; then
  tmux -L "zarya-$$" -f /dev/null new-session -d -x 120 -y 40 "exec env LANG=C.UTF-8 TERM=tmux-256color $(printf '%q ' "${station[@]}") 2>station.log"
  spid=$(tmux -L "zarya-$$" list-panes -F '#{pane_pid}')
else
  "${station[@]}" --plain 2>station.log &
  spid=$!
fi
trap 'kill $pid $spid 2>/dev/null || true; wait $pid 2>/dev/null || true' EXIT
pictures() { # once, when some have passed and others are at work
  if command -v tmux >/dev/null; then
    tmux -L "zarya-$$" capture-pane -p >board.txt
    tmux -L "zarya-$$" capture-pane -p -e >board.ansi
    page=$(grep -om1 '127.0.0.1:[0-9]*' board.txt || true)
  fi
  page=${page:-$(grep -om1 '127.0.0.1:[0-9]*' station.log || true)}
  [ -n "$page" ] || return 0
  curl -fsS "http://$page/" -o page.html || true
  if command -v chromium >/dev/null; then
    timeout 20 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1440,1100 --screenshot="$dir/page.png" "http://$page/" >/dev/null 2>&1 || true
    timeout 20 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=390,1900 --screenshot="$dir/phone.png" "http://$page/" >/dev/null 2>&1 || true
  fi
}
taken=
while kill -0 $pid 2>/dev/null; do
  sleep 0.5
  if [ -z "$taken" ] && [ "$("$zarya" ledger list --ledger "sqlite:$dir/station.db" 2>/dev/null | grep -c ' PASS ')" -ge 20 ]; then
    taken=yes
    pictures
  fi
done
wait $pid
kill $spid 2>/dev/null || true
while kill -0 $spid 2>/dev/null; do sleep 0.1; done
"$zarya" report --ledger "sqlite:$dir/station.db"
passed=$("$zarya" ledger list --ledger "sqlite:$dir/station.db" | grep -c ' PASS ')
[ "$passed" = $((supply - 1)) ] || { echo "expected $((supply - 1)) of $supply tablets to pass, not $passed" >&2; exit 1; }
echo
for picture in board.txt board.ansi page.html page.png phone.png; do
  [ ! -s "$picture" ] || echo "picture   $dir/$picture"
done
echo "          zarya ledger list --ledger sqlite:$dir/station.db"
echo "ledger    $dir/ledger.db: $("$zarya" ledger verify)"
echo "          zarya ledger list --ledger sqlite:$dir/ledger.db"
echo "report    $dir/report.xml (JUnit)"
echo "events    $dir/events.jsonl ($(wc -l <events.jsonl) lines)"
echo "all of it $dir (KEEP=1 make demo keeps the tablets' partitions, too)"
