# Three more booted tablets, made of the kernel's own gadgets: two CDC ECM, one RNDIS,
# each in its own network namespace with the address that all have, and a real OpenSSH
# server. Sourced by the guest.
for m in dummy_hcd libcomposite usb_f_ecm usb_f_rndis cdc_ether rndis_host; do
  modprobe $m $([ $m = dummy_hcd ] && echo num=3) || fail "no module $m"
done
mount -t configfs config /sys/kernel/config 2>/dev/null || [ -d /sys/kernel/config/usb_gadget ] || fail "no configfs"
mkdir -p /run/sshd /srv/own /etc/ssh
ssh-keygen -q -t ed25519 -N '' -f /tmp/key && chown tech /tmp/key || fail "ssh-keygen"

gadget() { # number, function
  at=/sys/kernel/config/usb_gadget/g$1
  mkdir -p $at/strings/0x409 $at/configs/c.1 $at/functions/$2.usb0
  echo 0x2931 >$at/idVendor
  echo 0x0a02 >$at/idProduct
  echo GADGET$1 >$at/strings/0x409/serialnumber
  echo "02:00:00:00:0$1:01" >$at/functions/$2.usb0/host_addr
  echo "02:00:00:00:0$1:02" >$at/functions/$2.usb0/dev_addr
  ln -s $at/functions/$2.usb0 $at/configs/c.1/
  echo dummy_udc.$(($1 - 1)) >$at/UDC || fail "gadget $1"
  # What is its own: kernel command line, home, host key, and network.
  mkdir -p /srv/g$1
  echo "androidboot.serialno=GADGET$1" >/srv/g$1/cmdline
  ssh-keygen -q -t ed25519 -N '' -f /srv/g$1/host
  printf '%s\n' "HostKey /srv/g$1/host" "PidFile /srv/g$1/pid" 'AuthorizedKeysFile /tmp/key.pub' 'StrictModes no' 'PermitRootLogin yes' 'Subsystem sftp internal-sftp' >/srv/g$1/sshd_config
  /bin/ip netns add g$1
  /bin/ip link set "$(cat $at/functions/$2.usb0/ifname)" netns g$1 name usb0
  /bin/ip netns exec g$1 sh -c "ip link set lo up; ip link set usb0 up; ip address add 192.168.2.15/24 dev usb0;
    mount --bind /srv/g$1 /srv/own; mount --bind /srv/g$1/cmdline /proc/cmdline; exec /usr/sbin/sshd -f /srv/g$1/sshd_config" || fail "the server of gadget $1"
}
gadget 1 ecm
gadget 2 rndis
gadget 3 ecm

# An ECM gadget tells its link once; told before the host listens, it is told again.
for n in 1 2 3; do
  tries=0
  until host=$(dirname "$(grep -l "02:00:00:00:0$n:01" /sys/class/net/*/address)") && [ "$(cat "$host/carrier" 2>/dev/null)" = 1 ]; do
    tries=$((tries + 1))
    [ $tries -lt 240 ] || fail "gadget $n has no link"
    /bin/ip netns exec g$n sh -c "ip link set usb0 down; ip link set usb0 up"
    sleep 0.3
  done
done

# The device information service's answer, which only Aurora has.
printf '#!/bin/sh\necho "('"'AGS3-L09'"',)"\n' >/bin/gdbus
chmod 755 /bin/gdbus
printf 'ID=auroraos\nVERSION_ID=5.1.0.100\n' >/etc/os-release
cat >/tmp/gadgets.yaml <<'END'
zarya: 1
name: gadgets
tablet: {models: [AGS3-L09]}
ssh: {user: root, key: /tmp/key}
provision:
  - file: {content: "this is {{ tablet.serial }}", to: /srv/own/tablet.conf}
checks:
  - {fact: os-release.ID, is: auroraos}
END
tech "zarya devices" | grep GADGET | sed 's/^/rig: /'
targets=$(tech "zarya devices --json" | grep -o '"target":"usb:[^"]*","port":"[^"]*","path":"platform-dummy[^"]*"' | sed 's/"target":"\([^"]*\)".*/-s \1/' | tr '\n' ' ')
[ "$(echo $targets | wc -w)" = 6 ] || fail "not three gadgets: $targets"
sed 's/^checks:/finish:\n  - developer-mode: {disable: [[sh, -c, "kill $(cat \/srv\/own\/pid)"]]}\n&/' /tmp/gadgets.yaml >/tmp/finish.yaml
