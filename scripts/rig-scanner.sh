# A barcode scanner that the kernel believes in (uinput), grabbed by the package that reads
# it, with another process that must hear nothing. Sourced by the guest.
for m in uinput evdev; do modprobe $m || fail "no module $m"; done
scanner.test -test.run='^TestGrab$' -test.v >/tmp/out 2>&1 || { cat /tmp/out; fail "the scanner is not grabbed"; }
grep -q '^--- PASS: TestGrab' /tmp/out || { cat /tmp/out; fail "the scanner was not tested"; }
echo "rig: a scanner is grabbed, and again when it comes back; another process hears nothing"
