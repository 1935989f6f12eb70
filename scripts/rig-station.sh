# A station on a real USB bus: tablets are plugged into four ports and taken out while it runs,
# one of them in the middle of a write. Sourced by the guest.

hands() { # what the rig does at the bench
  for n in $2; do
    echo "$1 $n" >&6
    read -r answer <&6 && [ "$answer" = done ] || fail "the hands cannot $1 $n: $answer"
  done
}
heard() { # reads events until one is as said
  while read -r e <&7; do
    echo "$e" >>/tmp/events
    case $e in $1) return ;; esac
    case $e in *'"type":"job-done"'*'"result":"fail"'*) [ -n "$2" ] || { cat /tmp/said; fail "a tablet failed: $e"; } ;; esac
  done
}
shows() { # reads the station's lines until one is as said
  while read -r l <&8; do
    echo "rig: station $l" | tee -a /tmp/said
    case $l in $1) return ;; esac
  done
}

stty -F /dev/ttyS1 raw -echo 2>/dev/null || stty raw -echo </dev/ttyS1
exec 6<>/dev/ttyS1
mkfifo /tmp/events.pipe /tmp/said.pipe
chmod 666 /tmp/events.pipe /tmp/said.pipe
exec 7<>/tmp/events.pipe 8<>/tmp/said.pipe
: >/tmp/said
targets=
for n in 1 2 3 4 5; do
  port=3-$n
  [ $n != 5 ] || port=3-5.1
  tech "zarya ports name $port C$n" || fail "ports name $port"
  targets="$targets --target port:C$n"
done
station="zarya --ledger sqlite:/tmp/station.db"
tech "echo \$\$ >/tmp/station.pid; exec $station --events /tmp/events.pipe station --plain --yes --listen none --profile /mnt/images/station.yaml --operator Ann --lot L1 $targets" >/tmp/out 2>/tmp/said.pipe &
job=$!

# The first is not for this bench: when it is named, the station works; it stays all the time.
hands plug 5
shows '*C5 foreign, KOB2-W09*'
hands plug "1 2 3 4"
heard '*"type":"progress"*"port_name":"C3"*"step":"flash:system"*'
hands unplug 3
heard '*"type":"job-done"*"port_name":"C3"*"result":"fail"*' failed
shows '*C3 UNPLUGGED, AGS3-L09, VT0003*'
hands plug 3
for n in 1 2 3 4; do
  until grep -q '"type":"job-done".*"port_name":"C'$n'".*"result":"pass"' /tmp/events; do heard '*"type":"job-done"*'; done
done
hands unplug "1 2 4"
kill -TERM "$(cat /tmp/station.pid)"
code=0
wait $job || code=$?
[ $code = 143 ] || { cat /tmp/out; fail "the station ended with $code"; }

# The ledger says exactly that: five jobs, and none of the tablet that was left alone.
tech "$station ledger verify" >/tmp/out || { cat /tmp/out; fail "the station's ledger"; }
tech "$station ledger list --json" >/tmp/out || fail "ledger list"
sed 's/{"record":/\n&/g' /tmp/out | grep '^{"record"' >/tmp/jobs
[ "$(wc -l </tmp/jobs)" = 5 ] || { cat /tmp/jobs; fail "not five jobs are recorded"; }
for n in 1 2 4; do
  grep -q '"serial":"VT000'$n'".*"result":"pass".*"verified":"booted".*"attempt":1,' /tmp/jobs || { cat /tmp/jobs; fail "VT000$n is not recorded as passed"; }
done
grep -q '"serial":"VT0003".*"result":"fail","class":"cable".*"attempt":1,' /tmp/jobs || { cat /tmp/jobs; fail "that VT0003 was pulled out is not recorded"; }
grep -q '"serial":"VT0003".*"result":"pass".*"verified":"booted".*"attempt":2,' /tmp/jobs || { cat /tmp/jobs; fail "that VT0003 passed is not recorded"; }
grep -q VT0005 /tmp/jobs && fail "a foreign tablet is recorded"
[ "$(grep -c '"operator":"Ann","lot":"L1"' /tmp/jobs)" = 5 ] || { cat /tmp/jobs; fail "by whom, and in which lot, is not recorded"; }
echo "rig: the station's ledger has four that passed, one of them at its second attempt, and its first"
