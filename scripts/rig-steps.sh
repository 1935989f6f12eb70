# What the rig shows; sourced by the guest. Nothing of zarya's is run as root.

tech "zarya devices" >/tmp/devices
sed 's/^/rig: /' /tmp/devices
for p in 1-1 1-2 1-3 1-4 1-5.1 1-5.2 1-5.3.1 1-5.3.2; do
  grep -q "^ *usb:$p *- *fastboot .*" /tmp/devices || fail "zarya devices does not show $p"
done
grep -q '^pci-0000:00:0.*, bus 1, 480 Mbit/s$' /tmp/devices && grep -q '^    usb:1-5.3 .*hub .*8 ports .*full$' /tmp/devices || fail "zarya devices does not show the hubs"

# A tablet in Android is asked through an adb server; without one, its keys are told.
grep -q '^  usb:1-6 .*adb .*AGS3-L09 .*VT0009' /tmp/devices && grep -q 'start an adb server' /tmp/devices || fail "zarya devices does not show the tablet in Android"
tech "zarya reboot bootloader -s usb:1-6" >/tmp/out 2>&1 && fail "reboot without an adb server"
grep -q 'no adb server answers' /tmp/out && grep -q 'hold volume down' /tmp/out || { cat /tmp/out; fail "the keys are not told"; }
tech "adb start-server" >/tmp/out 2>&1 || { cat /tmp/out; fail "adb server"; }
n=0
until tech "adb devices -l" | grep -q 'VT0009 *device usb:1-6'; do
  n=$((n + 1)); [ $n -lt 240 ] || { tech "adb devices -l"; fail "the adb server does not see VT0009"; }
  sleep 0.25
done
tech "zarya devices" >/tmp/devices
grep -A1 'usb:1-6' /tmp/devices | sed 's/^/rig: /'
grep -q 'Android AGS3-L09 10.1.1.176(C635E4R1P1), battery 80 %; flash and run send it' /tmp/devices || fail "the tablet in Android was not asked"

# Somebody watches all the while.
tech "exec zarya devices --watch --json" >/tmp/watch 2>&1 &

# AOSP's client flashes some of them, and zarya knows a tablet that AOSP's cannot name
# by serial: two have the same.
for t in VT0001 VT0006 usb:1-5.3.1; do
  fastboot -s $t flash boot /mnt/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail "AOSP fastboot cannot flash $t"; }
done
echo "rig: AOSP fastboot flashed three tablets"

# The transport's own test, on a bus of high speed and behind a hub of full speed.
for p in 1-1 1-5.2; do
  at=/sys/bus/usb/devices/$p
  tech "ZARYA_TEST_USB=$(cat $at/busnum):$(cat $at/devnum) libusb.test -test.run=TestOnBus -test.v" >/tmp/out 2>&1 || { cat /tmp/out; fail "libusb on the bus at $p"; }
  grep -q '^--- PASS: TestOnBus' /tmp/out || { cat /tmp/out; fail "libusb was not tested at $p"; }
done
echo "rig: libusb passed its test on the bus, at high and at full speed"

# Four at once where the host has next to no memory for USB.
echo 1 >/sys/module/usbcore/parameters/usbfs_memory_mb
tech "zarya flash --yes --image cache=/mnt/boot.img -s usb:1-1 -s usb:1-5.2 -s usb:1-5.3.1 -s usb:1-5.3.2" >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "flashing with little memory"; }
sed 's/^/rig: /' /tmp/out
zarya doctor --fix --yes --tablets 8 >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "doctor"; }
[ "$(cat /sys/module/usbcore/parameters/usbfs_memory_mb)" = 11 ] || fail "doctor did not give USB its memory back"
tech "zarya doctor --tablets 8 --size 4.1GB" >/tmp/out || { cat /tmp/out; fail "doctor finds errors"; }
sed 's/^/rig: /' /tmp/out
grep -q '^ok  *1-5 *1-5.1, 1-5.2, 1-5.3.1, 1-5.3.2 share one uplink (1 MB/s), 4.10 GB each: at most 0.8 tablets an hour' /tmp/out || fail "doctor does not see what shares a wire"
grep -q '^warning *1-5 *this hub, and all behind it, runs at 12 Mbit/s' /tmp/out || fail "doctor does not see the slow hub"
tech "zarya getvar serialno -s TWIN" 2>&1 | grep -q 'have the serial "TWIN": usb:1-5.3.1, usb:1-5.3.2' || fail "the twins are not told apart"

# A tablet that another program holds, here one that has its locks elsewhere, is named
# with its holder.
dd if=/dev/zero of=/tmp/big.img bs=1M count=120 2>/dev/null
tech "exec zarya --lock-dir /tmp/elsewhere --ledger none flash --yes --image cache=/tmp/big.img -s usb:1-1" >/tmp/out 2>/tmp/err &
until grep -q usbfs /sys/bus/usb/devices/1-1:1.0/uevent; do sleep 0.05; done
tech "zarya getvar serialno -s usb:1-1" >/tmp/busy 2>&1
tech "zarya devices" >>/tmp/busy
wait $! || { cat /tmp/out /tmp/err; fail "flashing 120 MiB"; }
grep -q 'another program has claimed /dev/bus/usb/001/[0-9]*: zarya (process ' /tmp/busy && grep -q 'another program uses it: zarya (process ' /tmp/busy || { cat /tmp/busy; fail "who holds the tablet is not told"; }
grep 'another program has claimed' /tmp/busy | sed 's/^/rig: /'

# Names are kept against the path, and can be used for a port.
tech "zarya ports name usb:1-5.3.2 A8 && zarya ports name 1-1 A1" || fail "ports name"
tech "zarya getvar serialno --port A8" | grep -q TWIN || fail "port:A8 is not the second twin"
tech "zarya ports list" | sed 's/^/rig: /'

# The clock of this machine is years off, and the tablets' clocks are not: nobody minds.
now=$(date +%s)
date -s '2001-02-03 04:05:06' >/dev/null

# All at once, from fastboot to the booted and provisioned system, on their own ports.
targets=
for p in port:A1 usb:1-2 usb:1-3 usb:1-4 usb:1-5.1 usb:1-5.2 usb:1-5.3.1 port:A8 usb:1-6; do targets="$targets -s $p"; done
code=0
tech "zarya run --yes --profile /mnt/images/profile.yaml $targets" >/tmp/out 2>/tmp/err || code=$?
sed 's/^/rig: /' /tmp/out
[ $code = 1 ] || { cat /tmp/err; fail "zarya run ended with $code, not 1"; }
result() { grep -q "^$1 .* $2" /tmp/out || { cat /tmp/err; fail "$1 is not '$2'"; }; }
result 1-2 'FAIL locked'
result 1-3 'FAIL cable'             # cut at 40%, for good
result 1-4 'PASS, try 2'            # cut for three seconds
result 1-5.1 'FAIL cable'           # put into another socket
result 1-5.2 'CHANGED6 *PASS'       # another serial after the reboot, as its family may
result A1 'FAIL cable'              # another serial, as its family may not
grep -q 'A1: boot: another tablet came back: its serial is CHANGED1, and was VT0001' /tmp/out || fail "A1 was not stopped by its serial"
# Two with one serial are both flashed and provisioned, each in its own port; but only one
# can be the tablet with that serial.
result '\(1-5.3.1\|A8\)' 'TWIN *PASS'
result '\(1-5.3.1\|A8\)' 'TWIN *FAIL identity'
grep -q 'usb-serial is "TWIN", which another tablet has too' /tmp/out || fail "the twins are not said to be two"
result 1-6 'VT0009 *PASS'           # was in Android
tech "zarya ledger verify" | sed 's/^/rig: ledger /'

# What moved is seen where it is now, and what is booted as booted.
tech "zarya devices" >/tmp/devices
sed 's/^/rig: /' /tmp/devices
grep -q '^ *usb:1-7 .*fastboot.*VT0005' /tmp/devices || fail "VT0005 is not in its new port"
grep -q '^ *usb:1-5.3.2 *A8 *booted' /tmp/devices || fail "A8 is not booted"

tech "adb kill-server"

# A second run finds nothing to do.
tech "zarya run --yes --profile /mnt/images/profile.yaml -s usb:1-4 -s usb:1-5.2 -s usb:1-6" >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "the second run"; }
sed 's/^/rig: /' /tmp/out
[ "$(grep -c ' COMPLIANT ' /tmp/out)" = 3 ] || fail "not three are COMPLIANT"
date -s "@$now" >/dev/null

# A shell and a copy through the port of one of the twins, by OpenSSH.
printf '#!/bin/sh\necho aurora\n' >/tmp/password
chmod 755 /tmp/password
ask="SSH_ASKPASS=/tmp/password SSH_ASKPASS_REQUIRE=force"
tech "$ask zarya ssh port:A8 -- echo hello from" | grep -q 'hello from' || fail "zarya ssh"
tech "echo copied >/tmp/copy; $ask scp -q -o ProxyCommand='zarya connect port:A8' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null /tmp/copy defaultuser@tablet:copied &&
  $ask scp -q -o ProxyCommand='zarya connect port:A8' -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null defaultuser@tablet:copied /tmp/back && cmp /tmp/copy /tmp/back" || fail "scp through zarya connect"
echo "rig: ssh and scp reached A8 through its port"

# The commands of the documentation.
grep '^\$ ' /mnt/usb.md | sed 's/^. //' >/tmp/commands
while read -r line; do
  tech "$ask $line" >/tmp/out 2>&1 </dev/null || { cat /tmp/out; fail "docs/usb.md: $line"; }
done </tmp/commands
echo "rig: $(wc -l </tmp/commands) commands of docs/usb.md"

# Where nobody may ping, the shared IPv4 address is reached through each port.
echo "1 0" >/proc/sys/net/ipv4/ping_group_range
ip address add 192.168.2.1/32 dev lo
tech "zarya provision --yes --profile /mnt/images/profile.yaml -s usb:1-4 -s usb:1-5.2 -s usb:1-5.3.1" >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "provision over IPv4"; }
sed 's/^/rig: /' /tmp/out
[ "$(grep -c ' COMPLIANT ' /tmp/out)" = 3 ] || fail "not three are COMPLIANT over IPv4"
for p in "VT0004 1-4" "CHANGED6 1-5.2"; do
  grep -q "^${p#* } .* ${p% *} " /tmp/out || fail "not the tablet in its own port: $p"
done

# Back in the bootloader, AOSP's client finds it again; meanwhile its socket gets a name.
tech "exec zarya ports learn B4" >/tmp/learnt 2>/tmp/err &
until grep -q 'to be B4' /tmp/err; do sleep 0.1; done
tech "echo aurora-root | $ask zarya ssh usb:1-4 -- devel-su reboot bootloader" 2>/dev/null || true # the connection ends with it
wait $!
grep -q '^B4 usb:1-4 pci-' /tmp/learnt || { cat /tmp/learnt /tmp/err; fail "ports learn"; }
fastboot -s VT0004 flash cache /mnt/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail "AOSP fastboot cannot flash VT0004 again"; }

# What the watcher saw: what was there, the cut, the move, the two modes.
seen() { grep -q "\"port\":\"$1\".*\"change\":\"$2\",\"mode\":\"$3\"" /tmp/watch || { cat /tmp/watch; fail "the watcher did not see that $1 $2 in mode $3"; }; }
seen 1-1 present fastboot
seen 1-3 left fastboot
seen 1-7 arrived fastboot
seen 1-6 present adb
seen 1-6 arrived booted
seen 1-5.3.2 left fastboot
seen 1-5.3.2 arrived booted
seen 1-4 left booted
kill %1
echo "rig: the watcher saw $(wc -l </tmp/watch) changes"

. /mnt/scanner.sh
. /mnt/gadgets.sh
for way in "IPv6 0 2147483647" "IPv4 1 0"; do
  echo "${way#* }" >/proc/sys/net/ipv4/ping_group_range
  rm -f /srv/g?/tablet.conf
  tech "zarya provision --yes --wait-for-device 180s --profile /tmp/gadgets.yaml $targets" >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "provision of the gadgets"; }
  sed 's/^/rig: /' /tmp/out
  for n in 1 2 3; do
    [ "$(cat /srv/g$n/tablet.conf)" = "this is GADGET$n" ] || fail "gadget $n holds '$(cat /srv/g$n/tablet.conf)'"
  done
  echo "rig: each gadget was reached through its own port, over ${way%% *}"
done

# Developer mode off: passed on the tablet's own refusal, met through its port.
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
one=$(echo "$targets" | cut -d' ' -f1,2)
tech "zarya provision --yes --wait-for-device 180s --profile /tmp/finish.yaml $one" >/tmp/out 2>/tmp/err || { cat /tmp/out /tmp/err; fail "finish"; }
grep -q ' PROVISIONED ' /tmp/out || { cat /tmp/out; fail "finish is not PROVISIONED"; }
tech "$ask zarya ssh ${one#-s } -- true" >/tmp/out 2>&1 && fail "SSH is still let in"
grep -q 'onnection refused' /tmp/out || { cat /tmp/out; fail "SSH is not refused"; }
echo "rig: ${one#-s } was finished, and refuses SSH"
