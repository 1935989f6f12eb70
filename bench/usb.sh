# One 64 MiB download in the rig's guest, by AOSP fastboot and by zarya, in turn; run
# by make bench. The emulator dominates it: this is no USB speed, only a ratio.
export XDG_STATE_HOME=/tmp NO_COLOR=1
head -c 67108864 /dev/urandom >/tmp/boot.img
now() { cut -d' ' -f1 /proc/uptime; }
for i in 1 2 3 4 5; do
  a=$(now); fastboot -s VT0001 flash boot /tmp/boot.img >/dev/null 2>&1 || fail fastboot
  b=$(now); zarya flash --yes --ledger none --sparse never --image boot=/tmp/boot.img -s VT0001 >/dev/null 2>&1 || fail zarya
  c=$(now)
  echo "$a $b $c" | awk '{printf "rig: bench fastboot %.2f s, zarya %.2f s, ratio %.2f\n", $2-$1, $3-$2, ($2-$1)/($3-$2)}'
done
