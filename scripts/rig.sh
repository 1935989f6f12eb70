#!/bin/bash
# A real USB bus without hardware: QEMU with Debian's kernel, virtual tablets behind
# usbredir, in the guest AOSP's fastboot and zarya. Prints what the guest says; its log
# is in .tools/rig/log. Fails if the guest does. rig.sh STEPS runs other steps.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
root=$PWD
rig="$root/.tools/rig"
zarya="$root/bin/zarya"
mkdir -p "$rig"

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
need=()
for pair in "qemu-system-x86_64 qemu-system-x86" "busybox busybox-static" "modprobe kmod" "cpio cpio" "udevadm udev" "fastboot fastboot" "adb adb" "ip iproute2"; do
  read -r command package <<<"$pair"
  command -v "$command" >/dev/null || need+=("$package")
done
if [ ${#need[@]} -gt 0 ]; then
  echo "installing: ${need[*]}"
  install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}")
  "${install[@]}" </dev/null >/dev/null 2>&1 || { "${sudo[@]}" apt-get update -qq </dev/null && "${install[@]}" </dev/null >/dev/null; }
fi

# The stock kernel, unpacked, not installed. The cloud kernel has no USB.
if ! compgen -G "$rig/kernel/boot/vmlinuz-*" >/dev/null; then
  stock() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image/ && !p {p = $2} END {print p}'; }
  package=$(stock)
  [ -n "$package" ] || { "${sudo[@]}" apt-get update -qq </dev/null; package=$(stock); }
  [ -n "$package" ] || { echo "there is no package linux-image-amd64 to take a kernel from" >&2; exit 1; }
  echo "unpacking: $package (into .tools/rig, not installed)"
  mkdir -p "$rig/kernel"
  (cd "$rig" && { apt-get download -qq "$package" </dev/null 2>/dev/null || { "${sudo[@]}" apt-get update -qq </dev/null && apt-get download -qq "$package" </dev/null; }; } && dpkg-deb -x "$package"_*.deb kernel && rm -f ./*.deb)
  depmod -b "$rig/kernel" "$(ls "$rig/kernel/lib/modules")"
fi
vmlinuz=$(echo "$rig"/kernel/boot/vmlinuz-*)
version=${vmlinuz##*/vmlinuz-}

# An initramfs of busybox, udevd, the modules, and the programs with their libraries.
tree=$(mktemp -d "${TMPDIR:-/tmp}/zarya-rig-XXXXXX")
pids=()
trap 'for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$tree"' EXIT
initramfs="$tree/initramfs"
mkdir -p "$initramfs"/{bin,dev,proc,sys,tmp,run,mnt,etc,usr/lib/udev,lib/modules}
add() { # a program and the libraries that it needs
  local file
  file=$(readlink -f "$1")
  install -D "$file" "$initramfs$2"
  { ldd "$file" 2>/dev/null || true; } | { grep -o '/[^ )]*' || true; } | sort -u | while read -r lib; do
    local to=$lib
    [[ $lib != "$root"/* ]] || to=/lib/${lib##*/}
    [ -e "$initramfs$to" ] || install -D "$(readlink -f "$lib")" "$initramfs$to"
  done
}
add "$(command -v busybox)" /bin/busybox
add "$(command -v modprobe)" /bin/modprobe
add "$(command -v udevadm)" /bin/udevadm
ln -s /bin/udevadm "$initramfs/bin/udevd"
mkdir -p "$initramfs/usr/lib/udev/rules.d"
cp /lib/udev/rules.d/50-udev-default.rules packaging/70-zarya.rules "$initramfs/usr/lib/udev/rules.d/"
ln -s bin "$initramfs/sbin"
ln -s ../bin "$initramfs/usr/bin"
add "$(command -v ssh)" /bin/ssh
add "$(command -v scp)" /bin/scp
add "$(command -v ssh-keygen)" /bin/ssh-keygen
printf '%s\n' 'root:x:0:0::/:/bin/sh' 'sshd:x:100:65534::/run/sshd:/bin/false' 'tech:x:1000:1000::/tmp:/bin/sh' >"$initramfs/etc/passwd"
printf '%s\n' 'root:x:0:' 'plugdev:x:46:tech' 'tech:x:1000:' >"$initramfs/etc/group"
echo 'passwd: files' >"$initramfs/etc/nsswitch.conf"
add "$(command -v fastboot)" /bin/fastboot
add "$(command -v adb)" /bin/adb
add "$zarya" /bin/zarya
go test -c -o "$tree/libusb.test" ./usb/libusb
add "$tree/libusb.test" /bin/libusb.test
CGO_ENABLED=0 go test -c -o "$tree/scanner.test" ./internal/scanner
add "$tree/scanner.test" /bin/scanner.test
add "$(command -v ip)" /bin/ip # its network namespaces
sshd=$root/.tools/openssh/usr/sbin/sshd
[ -x "$sshd" ] || sshd=$(command -v sshd)
LD_LIBRARY_PATH=$(echo "$root"/.tools/openssh/usr/lib/*-linux-gnu) add "$sshd" /usr/sbin/sshd
for m in virtio_pci virtio_net 9p 9pnet_virtio overlay veth xhci_pci cdc_ether rndis_host dummy_hcd usb_f_ecm usb_f_rndis usb_f_fs uinput evdev; do
  modprobe -d "$rig/kernel" -S "$version" --show-depends "$m" | awk '$1 == "insmod" {print $2}'
done | sort -u | while read -r ko; do
  install -D "$ko" "$initramfs/lib/modules/${ko#*/lib/modules/}"
done
cp "$rig/kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$initramfs/lib/modules/$version/" 2>/dev/null || true
depmod -b "$initramfs" "$version"
cp scripts/rig-guest.sh "$initramfs/init"
chmod +x "$initramfs/init"
(cd "$initramfs" && find . | cpio -o -H newc --quiet) | gzip -1 >"$tree/initrd"

# The nested test wants the machine's programs: all of it, read only, under an overlay.
limit=1800 # a guard against what hangs, not a measure
steps=${1:-}
if [ "${steps##*/}" = rig-nested.sh ]; then
  (cd "$root" && CGO_ENABLED=0 go test -c -o "$rig/nested.test" ./cmd/zarya)
fi

# What happens to the tablets; see rig-steps.sh. The bench's have no faults.
options=(--ports 10 --android VT0009 --family kirin710a-ags3,mt8768-kob2
  --fault-on VT0002=locked
  --fault-on VT0003=unplug@40% --fault-on VT0004=unplug=3@40%
  --fault-on VT0005=unplug=port:10@40%
  --fault-on VT0006=serial=CHANGED6@reboot --fault-on VT0001=serial=CHANGED1@reboot
  --fault-on VT0007=serial=TWIN --fault-on VT0008=serial=TWIN)
[ $# -eq 0 ] || options=(--ports 10 --android VT0009)

# Eight tablets in fastboot: four on root ports (high speed), four behind nested hubs;
# a ninth in Android; a tenth socket is empty.
share="$tree/share"
mkdir -p "$share" "$tree/usb"
cp "${1:-scripts/rig-steps.sh}" "$share/steps.sh"
cp scripts/rig-gadgets.sh "$share/gadgets.sh"
cp scripts/rig-scanner.sh "$share/scanner.sh"
cp docs/usb.md "$share/usb.md"
echo "$root" >"$share/root"
head -c 16777216 /dev/urandom >"$share/boot.img"
[ $# -eq 0 ] || head -c 100000000 /dev/urandom >"$share/big.img"
"$zarya" virtual images --size 16MiB "$share/images" >/dev/null
"$zarya" virtual --count 9 --listen "usbredir:$tree/usb" --state "$tree/tablets" --verbose \
  "${options[@]}" >"$tree/ready" 2>"$rig/virtual.log" &
pids+=($!)
until grep -q '^ready$' "$tree/ready"; do kill -0 "${pids[0]}" 2>/dev/null || { cat "$rig/virtual.log" >&2; exit 1; }; sleep 0.05; done
args=(-device qemu-xhci,id=xhci,p2=8,p3=8
  -device usb-hub,bus=xhci.0,port=5 -device usb-hub,bus=xhci.0,port=5.3)
n=0
for port in 1 2 3 4 5.1 5.2 5.3.1 5.3.2 6 7; do
  n=$((n + 1))
  args+=(-chardev "socket,id=r$n,path=$tree/usb/port-$n,reconnect=1" -device "usb-redir,chardev=r$n,bus=xhci.0,port=$port")
done
# Five for the station's steps, which the hands plug into a second controller and take out
# when the guest says so; the fifth is another model.
bench() {
  mkdir "$tree/bench"
  sed 's/^tablet: {models: \[[^]]*\]/tablet: {models: [AGS3-L09]/' "$share/images/profile.yaml" >"$share/images/station.yaml"
  "$zarya" virtual --count 5 --listen "usbredir:$tree/bench" --state "$tree/bench-tablets" --verbose --write-rate 2MB \
    --family kirin710a-ags3,kirin710a-ags3,kirin710a-ags3,kirin710a-ags3,mt8768-kob2 >"$tree/bench-ready" 2>"$rig/bench.log" &
  pids+=($!)
  python3 scripts/rig-hands.py "$tree/monitor" "$tree/hands" "$tree/bench" 1 2 3 4 5.1 >"$tree/hands-ready" 2>"$rig/hands.log" &
  pids+=($!)
  until grep -q '^ready$' "$tree/bench-ready" && grep -q '^ready$' "$tree/hands-ready"; do
    kill -0 "${pids[@]}" 2>/dev/null || { cat "$rig/bench.log" "$rig/hands.log" >&2; exit 1; }
    sleep 0.05
  done
  args+=(-device qemu-xhci,id=bench,p2=8,p3=8 -device usb-hub,bus=bench.0,port=5
    -chardev "socket,id=monitor,path=$tree/monitor" -mon chardev=monitor,mode=control
    -chardev "socket,id=hands,path=$tree/hands" -serial chardev:hands)
}
[ "${steps##*/}" != rig-station.sh ] || bench
timeout $limit qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -display none -nodefaults -serial stdio -no-reboot \
  -kernel "$vmlinuz" -initrd "$tree/initrd" -append "console=ttyS0 quiet panic=-1" \
  -virtfs "local,path=$share,mount_tag=share,security_model=none" -virtfs "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap" "${args[@]}" </dev/null 2>&1 | tee "$rig/log" | grep --line-buffered '^rig:' || true

grep -q '^rig: all done' "$rig/log" || { echo "the rig failed; the end of .tools/rig/log:"; tail -40 "$rig/log"; exit 1; }
holds() { # tablet's folder: what was sent
  for image in boot vbmeta system; do
    cmp "$share/images/$image.img" <(head -c "$(stat -c %s "$share/images/$image.img")" "$1/$image.img")
  done
}
if [ "${steps##*/}" = rig-station.sh ]; then
  for n in 1 2 3 4; do holds "$tree/bench-tablets/VT000$n"; done
  [ ! -e "$tree/bench-tablets/VT0005/system.img" ] || { echo "the foreign tablet was written" >&2; exit 1; }
  echo "rig: the station's four tablets hold what was sent, byte for byte; the foreign one nothing"
fi
[ $# -eq 0 ] || exit 0 # other steps than the test's
for n in 4 6 7 8 9; do holds "$tree/tablets/VT000$n"; done # that passed
echo "rig: what the five tablets that passed hold is what was sent, byte for byte"
