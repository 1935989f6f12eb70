# What the rig shows; sourced by the guest.
for s in 1 2 3 4 5 6 7 8; do
  fastboot -s VT000$s flash boot /mnt/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail "AOSP fastboot cannot flash VT000$s"; }
done
echo "rig: AOSP fastboot flashed eight tablets"
