// The tablet's side of the nested test: the first process of its namespaces. It makes a
// root folder of its own and starts the real servers in it. nested_bus_test.go is what it
// answers on its buses.

package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// nestedUser is the login, as on Sailfish.
const nestedUser = 100000

// nestedSu is devel-su: the password is the first line of the input, of which not a byte
// more is read.
const nestedSu = `
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <grp.h>
int main(int argc, char **argv) {
	char line[256];
	size_t n = 0;
	while (n < sizeof line - 1 && read(0, line + n, 1) == 1 && line[n] != '\n') n++;
	line[n] = 0;
	if (argc < 2 || strcmp(line, "aurora-root")) { fputs("Auth failed\n", stderr); return 1; }
	if (setgroups(0, NULL) || setgid(0) || setuid(0)) { perror("devel-su"); return 1; }
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
`

// nestedTabletMain is nested-tablet ROOT NUMBER OPENSSH DEVEL-SU.
func nestedTabletMain() {
	number, err := strconv.Atoi(os.Args[2])
	t := &insideTablet{root: os.Args[1], number: number, openssh: os.Args[3], su: os.Args[4]}
	if err == nil {
		err = t.run()
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type insideTablet struct {
	root, openssh, su string
	number            int
	sshd              *exec.Cmd
	system            *dbus.Conn
	apmFails          atomic.Bool
}

// steps are done in order until one fails.
func steps(all ...func() error) error {
	for i, do := range all {
		if err := do(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

func (t *insideTablet) run() error {
	in := bufio.NewReader(os.Stdin)
	err := steps(t.mounts, func() error { return errors.Join(unix.Chroot(t.root), os.Chdir("/")) }, t.files,
		func() error { _, err := in.ReadString('\n'); return err }, // the cable is in
		t.network, t.buses, t.boot)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	reboot := make(chan os.Signal, 1)
	signal.Notify(reboot, syscall.SIGUSR1)
	go func() {
		for range reboot {
			_ = t.sshd.Process.Kill()
			_ = t.sshd.Wait()
			_ = exec.Command("/bin/busybox", "pkill", "-9", "sshd").Run()
			if err := t.boot(); err != nil {
				fmt.Fprintln(os.Stderr, "boot:", err)
			}
		}
	}()
	for {
		word, err := in.ReadString('\n')
		if err != nil {
			return err // the test has ended
		}
		word = strings.TrimSpace(word)
		if err := t.command(word); err != nil {
			fmt.Printf("failed %s: %v\n", word, err)
		}
		fmt.Println("done " + word)
	}
}

// mounts makes the root folder: programs and libraries are this machine's, read only;
// everything that can be written is the tablet's own, and gone with it.
func (t *insideTablet) mounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("tablet", t.root, "tmpfs", 0, "size=96m,mode=755"); err != nil {
		return err
	}
	at := func(name string) string { return filepath.Join(t.root, name) }
	for _, dir := range []string{
		"bin", "dev", "proc", "sys", "tmp", "run", "etc", "var", "home/defaultuser", "root",
		"opt/openssh", "usr/local/bin", "usr/libexec/openssh",
	} {
		if err := os.MkdirAll(at(dir), 0o755); err != nil {
			return err
		}
	}
	bind := func(from, to string) error {
		if err := unix.Mount(from, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("%s: %w", from, err)
		}
		return unix.Mount("", to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64", "share"} {
		if _, err := os.Stat("/usr/" + dir); err != nil {
			continue
		}
		if err := errors.Join(os.MkdirAll(at("usr/"+dir), 0o755), bind("/usr/"+dir, at("usr/"+dir))); err != nil {
			return err
		}
	}
	if err := os.Symlink("/run", at("var/run")); err != nil {
		return err
	}
	for _, dir := range []string{"lib", "lib64"} {
		if err := os.Symlink("usr/"+dir, at(dir)); err != nil {
			return err
		}
	}
	if _, err := os.Stat(t.openssh); err == nil {
		if err := bind(t.openssh, at("opt/openssh")); err != nil {
			return err
		}
	}
	for _, dev := range []string{"null", "zero", "random", "urandom"} {
		file := at("dev/" + dev)
		if err := errors.Join(os.WriteFile(file, nil, 0o666), unix.Mount("/dev/"+dev, file, "", unix.MS_BIND, "")); err != nil {
			return err
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return err
	}
	return errors.Join(copyFile(t.su, at("usr/local/bin/devel-su"), 0o755|os.ModeSetuid), copyFile(busybox, at("bin/busybox"), 0o755),
		copyFile("/usr/lib/openssh/sftp-server", at("usr/libexec/openssh/sftp-server"), 0o755),
		copyFile("/usr/libexec/dconf-service", at("usr/libexec/dconf-service"), 0o755), unix.Mount("proc", at("proc"), "proc", 0, ""))
}

func copyFile(from, to string, mode os.FileMode) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(to, b, 0o755), os.Chmod(to, mode))
}

func put(name, text string, mode os.FileMode) error {
	return errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode))
}

// The programs of the system that are not on this machine, or would reach it.
var nestedPrograms = map[string]string{
	"systemctl": `verb=$1; shift
now=; [ "$1" != --now ] || { now=1; shift; }
for u; do
  f=/var/lib/units/$u
  case $verb in
  is-enabled) s=$(cat "$f" 2>/dev/null) || { echo "Failed to get unit file state for $u" >&2; exit 1; }
    echo "$s"; [ "$s" = enabled ] || exit 1 ;;
  enable) [ "$(cat "$f")" != masked ] && echo enabled >"$f" || exit 1 ;;
  disable | unmask) echo disabled >"$f" || exit 1 ;;
  mask) echo masked >"$f" || exit 1
    if [ -n "$now" ] && [ "$u" = sshd.service ]; then kill "$(cat /run/sshd.pid)"; fi ;;
  try-restart) [ "$u" != sshd.service ] || kill -HUP "$(cat /run/sshd.pid)" ;;
  *) exit 1 ;;
  esac
done
exit 0`,
	"update-ca-trust": `mkdir -p /etc/pki/ca-trust/extracted/pem
cat /etc/pki/ca-trust/source/anchors/*.pem >/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem`,
	"rpm": `[ "$1 $2 $3" = "-q --qf %{VERSION}" ] || exit 2
cat "/var/lib/rpmdb/$4" 2>/dev/null || { echo "package $4 is not installed"; exit 1; }`,
	"reboot":   `[ "$(id -u)" = 0 ] || exit 1; kill -USR1 1`,
	"selftest": `[ "$1" = --quick ] && [ "$2" = "it's \$HOME" ] || { echo "wrong arguments: $*" >&2; exit 1; }`,
	"asks":     `printf 'Password: ' >&2; read -r p || exit 9`,
}

func (t *insideTablet) files() error {
	serial := fmt.Sprintf("SN%04d", t.number)
	imei := fmt.Sprintf("35000000%06d", t.number)
	sum := 0
	for i, r := range imei {
		d := int(r - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	imei += strconv.Itoa((10 - sum%10) % 10)
	// openssl passwd -6 -salt zaryatest aurora-login
	hash, err := exec.Command("/usr/bin/openssl", "passwd", "-6", "-salt", "zaryatest", "aurora-login").Output()
	if err != nil {
		return err
	}
	var errs []error
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\ndefaultuser:x:100000:100000::/home/defaultuser:/bin/sh\n" +
			"sshd:x:101:101::/run/sshd:/bin/false\nmessagebus:x:102:102::/:/bin/false\n",
		"/etc/group":      "root:x:0:\ndefaultuser:x:100000:\nsshd:x:101:\nmessagebus:x:102:\n",
		"/etc/os-release": "ID=auroraos\nVERSION_ID=5.1.0.100\n",
		"/etc/hostname":   "Sailfish\n",
		"/etc/machine-id": strings.Repeat("0a", 16) + "\n", // the same on all: as in an image
		"/etc/hosts":      "127.0.0.1 localhost\n",
		"/etc/imei":       imei,
		"/sys/class/power_supply/battery/capacity": "80\n",
		"/sys/class/net/wlan0/address":             fmt.Sprintf("02:00:00:00:00:%02x\n", t.number+1),
		"/sys/block/mmcblk0/size":                  "61071360\n",
		"/etc/dbus.conf": `<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`,
		"/etc/session.conf": `<busconfig><type>session</type><listen>unix:path=/run/user/100000/dbus/user_bus_socket</listen><auth>EXTERNAL</auth>
<standard_session_servicedirs/>
<policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow eavesdrop="true"/></policy>
</busconfig>`,
		"/etc/ssh/sshd_config": "ListenAddress 192.168.2.15\nUsePAM no\nPermitRootLogin no\nPasswordAuthentication yes\n" +
			"PidFile /run/sshd.pid\nMaxStartups 50\nSetEnv PATH=/usr/local/bin:/bin:/usr/bin\n" +
			"Subsystem sftp /usr/libexec/openssh/sftp-server\nHostKey /etc/ssh/ssh_host_ed25519_key\n",
		"/var/lib/units/census-agent.service": "disabled\n",
		"/var/lib/units/sshd.service":         "enabled\n",
		"/var/lib/units/sshd.socket":          "disabled\n",
		"/var/lib/units/debug-shell.service":  "disabled\n",
		"/run/cmdline":                        "root=/dev/mmcblk0p1 androidboot.serialno=" + serial + " quiet\n",
		"/var/lib/timed/.keep":                "", "/var/lib/rpmdb/.keep": "",
		"/run/sshd/.keep": "", "/run/dbus/.keep": "", "/run/user/100000/dbus/.keep": "",
	} {
		errs = append(errs, put(name, text, 0o644))
	}
	for name, text := range nestedPrograms {
		errs = append(errs, put("/usr/local/bin/"+name, "#!/bin/sh\n"+text+"\n", 0o755))
	}
	errs = append(errs, put("/etc/shadow", "root:*:1::::::\ndefaultuser:"+strings.TrimSpace(string(hash))+":1::::::\nsshd:*:1::::::\n", 0o600),
		os.Chmod("/tmp", 0o1777|os.ModeSticky), unix.Sethostname([]byte("Sailfish")),
		exec.Command("/bin/busybox", "--install", "-s", "/bin").Run(),
		// busybox's own shell would run its applets before what is in PATH.
		os.Remove("/bin/sh"), os.Symlink("/usr/bin/dash", "/bin/sh"), os.Setenv("PATH", "/usr/local/bin:/bin:/usr/bin:/usr/sbin"),
		unix.Mount("/run/cmdline", "/proc/cmdline", "", unix.MS_BIND, ""))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// Every image has the same key, until it is made anew.
	keygen := exec.Command("/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/ssh_host_ed25519_key")
	if out, err := keygen.CombinedOutput(); err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	return filepath.Walk("/home/defaultuser", func(p string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(p, nestedUser, nestedUser))
	})
}

func (t *insideTablet) network() error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"link", "set", "eth0", "up"}, {"addr", "add", "192.168.2.15/24", "dev", "eth0"},
	} {
		if out, err := exec.Command("/usr/sbin/ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}

// boot starts the server of SSH, in a run of the system with its own name.
func (t *insideTablet) boot() error {
	var id [16]byte
	_, _ = rand.Read(id[:])
	_ = unix.Unmount("/proc/sys/kernel/random/boot_id", unix.MNT_DETACH)
	if err := errors.Join(put("/run/boot_id", fmt.Sprintf("%x\n", id), 0o444),
		unix.Mount("/run/boot_id", "/proc/sys/kernel/random/boot_id", "", unix.MS_BIND, "")); err != nil {
		return err
	}
	path, libraries := "/usr/sbin/sshd", ""
	if _, err := os.Stat(path); err != nil {
		path = "/opt/openssh/usr/sbin/sshd"
		found, _ := filepath.Glob("/opt/openssh/usr/lib/*-linux-gnu")
		libraries = strings.Join(found, ":")
	}
	t.sshd = exec.Command(path, "-D", "-e")
	t.sshd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries)
	errs, err := t.sshd.StderrPipe()
	if err != nil {
		return err
	}
	if err := t.sshd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(errs)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on") {
			go func() { _, _ = io.Copy(os.Stderr, errs) }()
			return nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	return errors.New("sshd does not listen")
}

// command is what the test tells the tablet.
func (t *insideTablet) command(word string) error {
	switch word {
	case "apm-fails", "apm-works":
		t.apmFails.Store(word == "apm-fails")
	case "fill":
		f, err := os.Create("/var/full")
		if err != nil {
			return err
		}
		b := make([]byte, 1<<16)
		for err == nil {
			_, err = f.Write(b)
		}
		return f.Close()
	case "free":
		return os.Remove("/var/full")
	case "show":
		return t.show()
	}
	return nil
}

// show says what the tablet has become.
func (t *insideTablet) show() error {
	script := `
say() { echo "show $1=$2"; }
say machine-id "$(cat /etc/machine-id)"
say hostname "$(cat /etc/hostname)"
say kiosk "$(cat /etc/census/kiosk.conf)"
say kiosk-mode "$(stat -c '%U %a' /etc/census/kiosk.conf)"
say big "$(stat -c '%s %U %a' /home/defaultuser/big.bin)"
say package "$(cat /var/lib/rpmdb/ru.census.app)"
say agent "$(cat /var/lib/units/census-agent.service)"
say debug "$(cat /var/lib/units/debug-shell.service)"
say wizard "$([ -e /home/defaultuser/.jolla-startupwizard-done ] && echo yes)"
say anchor "$(grep -q CERTIFICATE /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem && echo yes)"
say zone "$(readlink /var/lib/timed/localtime)"
say locale "$(cat /var/lib/environment/nemo/locale.conf)"
say left "$(find /etc /home /var /tmp -name '*.zarya-new' -o -name 'zarya-*.rpm')"
`
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	for key, name := range map[string]string{"url": "/apps/kiosk/url", "level": "/apps/kiosk/level"} {
		read := exec.Command("/usr/bin/dconf", "read", name)
		read.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nestedUser, Gid: nestedUser}}
		read.Env = []string{"HOME=/home/defaultuser", "XDG_RUNTIME_DIR=/run/user/100000"}
		out, rerr := read.Output()
		err = errors.Join(err, rerr)
		fmt.Printf("show %s=%s\n", key, bytes.TrimSpace(out))
	}
	return err
}
