# What the rig shows; sourced by the guest.
export XDG_STATE_HOME=/tmp NO_COLOR=1

zarya devices >/tmp/devices
sed 's/^/rig: /' /tmp/devices
for p in 1-1 1-2 1-3 1-4 1-5.1 1-5.2 1-5.3.1 1-5.3.2; do
  grep -q "^usb:$p *- *fastboot .*pci-0000:00:0.*-usb-0:${p#*-}$" /tmp/devices || fail "zarya devices does not show $p"
done

# Names are kept against the path, and can be used for a port.
export HOME=/tmp
zarya ports name usb:1-5.3.2 A8 && zarya ports name 1-1 A1 || fail "ports name"
zarya getvar serialno -s port:A8 | grep -q VT0008 || fail "port:A8 is not VT0008"
zarya ports list | sed 's/^/rig: /'

# All at once. One comes back after three seconds and passes, one never does and fails
# alone.
targets=
for p in port:A1 usb:1-2 usb:1-3 usb:1-4 usb:1-5.1 usb:1-5.2 usb:1-5.3.1 port:A8; do targets="$targets -s $p"; done
code=0
zarya flash --yes --image boot=/mnt/first.img $targets >/tmp/out 2>/tmp/err || code=$?
sed 's/^/rig: /' /tmp/out
[ $code = 9 ] || { cat /tmp/err; fail "zarya flash ended with $code, not 9"; }
[ "$(grep -c ' FLASHED' /tmp/out)" = 8 ] || fail "not seven are FLASHED (and the sum)"
grep -q 'VT0003 *FLASHED, try 2' /tmp/out || fail "VT0003 did not pass on its second try"
grep -q 'VT0006 *FAIL cable' /tmp/out && grep -q 'it did not come back within 30s' /tmp/out || fail "VT0006 did not fail by its cable"
zarya ledger verify | sed 's/^/rig: ledger /'

# AOSP's client uses the same tablets, and zarya by serial after it.
for s in 1 2 3 4 5 7 8; do
  fastboot -s VT000$s flash boot /mnt/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail "AOSP fastboot cannot flash VT000$s"; }
done
echo "rig: AOSP fastboot flashed seven tablets"
zarya getvar serialno -s VT0001 -s VT0008 | sed 's/^/rig: getvar /'
zarya getvar serialno -s VT0006 2>&1 | grep -q 'no tablet on USB has the serial' || fail "VT0006 is still there"
zarya reboot bootloader -s usb:1-1 || fail "reboot"
zarya getvar serialno --wait-for-device 30s -s usb:1-1 | sed 's/^/rig: after reboot /'
