#!/bin/busybox sh
# The rig's guest: init of the virtual machine. Lines that begin with "rig:" are shown.
/bin/busybox --install -s /bin 2>/dev/null # what is there stays
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
udevd -d 2>/dev/null || /bin/udevadm --version
for m in virtio_pci 9p 9pnet_virtio xhci_pci cdc_ether; do modprobe $m; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 share /mnt

hostname rig
echo ID=rig >/etc/os-release
ip link set lo up
mkdir -p -m 1777 /run/lock
chmod 1777 /tmp
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range # as systemd does

# What a technician types, without being root.
tech() { su -s /bin/sh tech -c "cd /tmp; export HOME=/tmp XDG_STATE_HOME=/tmp NO_COLOR=1; $1"; }
fail() { echo "rig: FAILED: $*"; dmesg | tail -30; poweroff -f; }

# Eight tablets, by AOSP's client.
n=0
until [ "$(fastboot devices 2>/dev/null | grep -c fastboot)" = 8 ]; do
  n=$((n + 1)); [ $n -lt 240 ] || { fastboot devices -l; fail "AOSP fastboot does not see eight tablets"; }
  sleep 0.5
done
fastboot devices -l | while read -r l; do echo "rig: AOSP $l"; done
echo "rig: up after $(cut -d. -f1 /proc/uptime) s"
. /mnt/steps.sh
echo "rig: all done"
poweroff -f
