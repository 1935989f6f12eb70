# One 64 MiB download in the rig's guest, by AOSP fastboot and by zarya, in turn; run
# by make bench. The emulator dominates it: this is no USB speed, only a ratio.
export XDG_STATE_HOME=/tmp NO_COLOR=1
head -c 67108864 /dev/urandom >/tmp/boot.img
now() { cut -d' ' -f1 /proc/uptime; }
for i in 1 2 3 4 5; do
  a=$(now); fastboot -s VT0001 flash system /tmp/boot.img >/tmp/out 2>&1 || { cat /tmp/out; fail fastboot; }
  b=$(now); zarya flash --yes --ledger none --sparse never --image system=/tmp/boot.img -s VT0001 --json >/tmp/json 2>/tmp/err || { cat /tmp/err; fail zarya; }
  c=$(now)
  sent=$(sed -n "s/^Sending.*OKAY \[ *\([0-9.]*\)s\].*/\1/p" /tmp/out)
  step=$(sed -n 's/.*"type":"step-done".*"seconds":\([0-9.]*\).*/\1/p' /tmp/json)
  echo "$a $b $c $sent $step" | awk '{printf "rig: bench download: fastboot %.2f s, zarya %.2f s, ratio %.2f; whole program, digest first: fastboot %.2f s, zarya %.2f s\n", $4, $5, $4/$5, $2-$1, $3-$2}'
done
