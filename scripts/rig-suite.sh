# The conformance suite of transports over libusb and this kernel's USB, both ends of it in
# the guest; sourced there. Its device is a gadget of FunctionFS. One case is left out: 8,193
# lines, of which the software controller moves one in some milliseconds.

for m in dummy_hcd libcomposite usb_f_fs; do
  modprobe $m || fail "no module $m"
done
mount -t configfs config /sys/kernel/config 2>/dev/null || [ -d /sys/kernel/config/usb_gadget ] || fail "no configfs"
# Go's own signals would break off a transfer of the gadget's.
GODEBUG=asyncpreemptoff=1 ZARYA_TEST_UDC=dummy_udc.0 libusb.test -test.run="${only:-TestSuiteOnBus}" -test.skip='TestSuiteOnBus/4096_lines' -test.v -test.timeout 28m >/tmp/out 2>&1 ||
  { grep -v -e '^=== RUN' -e '--- PASS' /tmp/out | head -60; fail "the suite over the bus"; }
grep -q '^--- PASS: TestSuiteOnBus' /tmp/out || { cat /tmp/out; fail "the suite did not run"; }
echo "rig: $(grep -c '^ *--- PASS: TestSuiteOnBus/' /tmp/out) cases of the suite passed over the bus, in $(sed -n 's/^--- PASS: TestSuiteOnBus (\(.*\))/\1/p' /tmp/out)"
