# The nested test in the rig's guest, for machines that refuse namespaces: this machine's
# files, read only, under an overlay that is gone with the guest. The clock is years off.

root=$(cat /mnt/root)
modprobe overlay; modprobe veth
mkdir -p /host /over
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host || fail "the machine's files"
mount -t tmpfs tmpfs /over
mkdir /over/up /over/work /over/whole
mount -t overlay overlay -o lowerdir=/host,upperdir=/over/up,workdir=/over/work /over/whole || fail "the overlay"
mount -t proc proc /over/whole/proc
mount --bind /dev /over/whole/dev
mount -t sysfs sysfs /over/whole/sys
mount -t tmpfs tmpfs /over/whole/tmp
date -s '2031-02-03 04:05:06' >/dev/null
chroot /over/whole /bin/sh -c "cd '$root/cmd/zarya' && PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/tmp ZARYA_TEST_NESTED_COUNT=8 '$root/.tools/rig/nested.test' -test.run='^TestNested\$' -test.v" >/tmp/out 2>&1 || { sed 's/^/rig: /' /tmp/out; fail "the nested test"; }
sed 's/^/rig: /' /tmp/out
