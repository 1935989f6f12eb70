# What the rig shows; sourced by the guest. Nothing of zarya's is run as root.

tech "zarya devices" >/tmp/devices
sed 's/^/rig: /' /tmp/devices
for p in 1-1 1-2 1-3 1-4 1-5.1 1-5.2 1-5.3.1 1-5.3.2; do
  grep -q "^usb:$p *- *fastboot .*pci-0000:00:0.*-usb-0:${p#*-}$" /tmp/devices || fail "zarya devices does not show $p"
done

# AOSP's client flashes some of them, and zarya knows a tablet that AOSP's cannot name
# by serial: two have the same.
for t in VT0001 VT0006 usb:1-5.3.1; do
  fastboot -s $t flash boot /mnt/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail "AOSP fastboot cannot flash $t"; }
done
echo "rig: AOSP fastboot flashed three tablets"
tech "zarya getvar serialno -s TWIN" 2>&1 | grep -q 'have the serial "TWIN": usb:1-5.3.1, usb:1-5.3.2' || fail "the twins are not told apart"

# Names are kept against the path, and can be used for a port.
tech "zarya ports name usb:1-5.3.2 A8 && zarya ports name 1-1 A1" || fail "ports name"
tech "zarya getvar serialno -s port:A8" | grep -q TWIN || fail "port:A8 is not the second twin"
tech "zarya ports list" | sed 's/^/rig: /'

# All at once, from fastboot to the booted and provisioned system, on their own ports.
targets=
for p in port:A1 usb:1-2 usb:1-3 usb:1-4 usb:1-5.1 usb:1-5.2 usb:1-5.3.1 port:A8; do targets="$targets -s $p"; done
code=0
tech "zarya run --yes --profile /mnt/images/profile.yaml $targets" >/tmp/out 2>/tmp/err || code=$?
sed 's/^/rig: /' /tmp/out
[ $code = 1 ] || { cat /tmp/err; fail "zarya run ended with $code, not 1"; }
