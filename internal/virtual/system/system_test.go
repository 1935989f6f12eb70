// The booted system as a host sees it: it boots or does not, programs answer as on a
// device, files are where they were put. The whole tablet's tests have OpenSSH's client.

package system_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
	"github.com/zarya-station/zarya/internal/virtual/system"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// image is a system image, made once.
var image = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "system-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	set, err := imageset.Build(context.Background(), filepath.Join(dir, "set"), imageset.Options{Size: 16 << 20, From: "."})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(set.System)
})

// tablet is a system and what it runs on.
type tablet struct {
	*system.System
	t      *testing.T
	device *device.Device
	net    *memnet.Net
}

// newTablet makes a system whose partitions hold an image that boots.
func newTablet(t *testing.T, dir string, faults ...string) *tablet {
	t.Helper()
	f, err := device.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	c := device.Config{Serial: "VT1", Family: f, Dir: dir}
	for _, spec := range faults {
		fault, err := device.ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		c.Faults = append(c.Faults, fault)
	}
	d, err := device.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := system.New(d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := image()
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	tab := &tablet{System: s, t: t, device: d, net: &memnet.Net{}}
	t.Cleanup(d.Close)
	sum := sha256.Sum256(b)
	tab.write("system", b)
	tab.writeVBMeta(device.VBMetaDigests{Name: "system", Ranges: [][2]int64{{0, int64(len(b))}}, SHA256: hex.EncodeToString(sum[:])})
	return tab
}

func (tab *tablet) write(partition string, b []byte) {
	tab.t.Helper()
	p, _, err := tab.device.Partition(partition)
	if err == nil {
		_, err = p.WriteAt(b, 0)
	}
	if err != nil {
		tab.t.Fatal(err)
	}
}

func (tab *tablet) writeVBMeta(digests ...device.VBMetaDigests) {
	tab.t.Helper()
	b, err := device.VBMeta{Version: "test", Partitions: digests}.Bytes()
	if err != nil {
		tab.t.Fatal(err)
	}
	tab.write("vbmeta", b)
}

// booted is one run of the system.
type booted struct {
	client *ssh.Client
	stop   func()
	gone   chan *device.Departure // what the run ended with
}

// boot runs the system until the test ends, and logs in.
func (tab *tablet) boot() *booted {
	tab.t.Helper()
	ctx, cancel := context.WithCancel(tab.t.Context())
	listening := make(chan struct{})
	b := &booted{gone: make(chan *device.Departure, 1)}
	var wg sync.WaitGroup
	wg.Go(func() {
		gone, err := tab.Run(ctx, func() (net.Listener, error) {
			defer close(listening)
			return tab.net.Listen("tablet")
		})
		if err != nil && ctx.Err() == nil {
			tab.t.Error(err)
		}
		b.gone <- gone
	})
	<-listening
	client, err := tab.login(ssh.Password(device.DefaultLogin.Password))
	if err != nil {
		tab.t.Fatal(err)
	}
	b.client = client
	b.stop = func() { _ = client.Close(); cancel(); wg.Wait() }
	tab.t.Cleanup(b.stop)
	return b
}

func (tab *tablet) login(auth ssh.AuthMethod) (*ssh.Client, error) {
	conn, err := tab.net.Dial(tab.t.Context(), "tablet")
	if err != nil {
		return nil, err
	}
	c, channels, requests, err := ssh.NewClientConn(conn, "tablet", &ssh.ClientConfig{User: device.DefaultLogin.User,
		Auth: []ssh.AuthMethod{auth}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}) //nolint:gosec // our own tablet
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ssh.NewClient(c, channels, requests), nil
}

// run runs one line and returns all that it says, with !STATUS if it fails. A line that
// begins with # is run as root.
func (b *booted) run(t *testing.T, line string) string {
	t.Helper()
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if rest, root := strings.CutPrefix(line, "# "); root {
		line = "devel-su " + rest
		s.Stdin = strings.NewReader(device.DefaultLogin.RootPassword + "\n")
	}
	out, err := s.CombinedOutput(line)
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("%s!%d", out, exit.ExitStatus())
	} else if err != nil {
		return fmt.Sprintf("%s!%v", out, err)
	}
	return string(out)
}

// files opens SFTP, as root or as the login.
func (b *booted) files(t *testing.T, root bool) *sftp.Client {
	t.Helper()
	if !root {
		f, err := sftp.NewClient(b.client)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, ierr := s.StdinPipe()
	out, oerr := s.StdoutPipe()
	err = errors.Join(ierr, oerr, s.Start("devel-su /usr/libexec/openssh/sftp-server"))
	if err == nil {
		_, err = io.WriteString(in, device.DefaultLogin.RootPassword+"\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := sftp.NewClientPipe(out, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = f.Close(), s.Close() })
	return f
}

func put(t *testing.T, f *sftp.Client, name string, content []byte) {
	t.Helper()
	w, err := f.Create(name)
	if err == nil {
		_, err = w.Write(content)
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// rpm is the smallest package there is: a lead, a signature header, a header of two tags.
func rpm(name, version string) []byte {
	header := func(tags map[uint32]string) []byte {
		var index, store []byte
		for _, tag := range []uint32{1000, 1001} {
			if text, ok := tags[tag]; ok {
				for _, n := range []uint32{tag, 6, uint32(len(store)), 1} {
					index = binary.BigEndian.AppendUint32(index, n)
				}
				store = append(store, text+"\x00"...)
			}
		}
		b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
		b = binary.BigEndian.AppendUint32(b, uint32(len(index)/16))
		b = binary.BigEndian.AppendUint32(b, uint32(len(store)))
		return slices.Concat(b, index, store)
	}
	b := append([]byte("\xed\xab\xee\xdb"), make([]byte, 92)...)
	b = append(b, header(map[uint32]string{1000: "padded"})...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return append(b, header(map[uint32]string{1000: name, 1001: version})...)
}

// TestPrograms runs what provisioning runs, in this order on one tablet.
func TestPrograms(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	put(t, b.files(t, false), "/tmp/app.rpm", rpm("ru.app", "1.2"))
	put(t, b.files(t, false), "/tmp/bad.rpm", []byte("no package at all"))
	put(t, b.files(t, false), "/tmp/cut.rpm", rpm("ru.app", "1.2")[:120])
	root := b.files(t, true)
	if err := errors.Join(root.MkdirAll("/etc/pki/ca-trust/source/anchors"), root.MkdirAll("/usr/lib/systemd/system")); err != nil {
		t.Fatal(err)
	}
	put(t, root, "/etc/pki/ca-trust/source/anchors/a.crt", []byte("A"))
	put(t, root, "/etc/pki/ca-trust/source/anchors/b.crt", []byte("B"))
	put(t, root, "/usr/lib/systemd/system/app.service", []byte("[Unit]\n"))
	bus := "gdbus call --system --dest "
	apm := bus + "ru.omp.APM --object-path /ru/omp/APM --method ru.omp.APM."
	login := "env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/100000/dbus/user_bus_socket "
	for _, test := range []struct{ line, want string }{
		{"id -u", "100000\n"},
		{"# id -u", "0\n"},
		{"id -un", "sh: id: command not found\n!127"},
		{"sha256sum /tmp/bad.rpm", fmt.Sprintf("%x  /tmp/bad.rpm\n", sha256.Sum256([]byte("no package at all")))},
		{"sha256sum /none", "sha256sum: /none: file does not exist\n!1"},
		{"devel-su", "sh: devel-su: command not found\n!127"},
		{"''", "sh: : command not found\n!127"},

		{"rpm -q --qf %{VERSION} ru.app", "sh: syntax error near '%'\n!2"},
		{"rpm -q --qf '%{VERSION}' ru.app", "package ru.app is not installed\n!1"},
		{"pkcon -y install-local /tmp/app.rpm", "pkcon: permission denied\n!1"},
		{"# pkcon -y install-local /tmp/bad.rpm", "/tmp/bad.rpm is no package\n!1"},
		{"# pkcon -y install-local /tmp/cut.rpm", "/tmp/cut.rpm is no package\n!1"},
		{"# pkcon -y install-local /tmp/none.rpm", "file does not exist\n!1"},
		{"# pkcon -y install-local /tmp/app.rpm", ""},
		{"rpm -q --qf '%{VERSION}' ru.app", "1.2"},
		{apm + "GetPackage ru.app", "({'id': <'ru.app'>, 'version': <'1.2'>},)\n"},
		{apm + "GetPackage ru.none", "Error: GDBus.Error:ru.omp.APM.Error.PackageNotExist: ru.none\n!1"},
		{apm + "GetPackage", "Error: GDBus.Error:org.freedesktop.DBus.Error.InvalidArgs: NAME\n!1"},
		{apm + "Install /tmp/app.rpm", "Error: GDBus.Error:org.freedesktop.DBus.Error.InvalidArgs: PATH and options\n!1"},
		{apm + "Install /tmp/none.rpm '{}'", "Error: GDBus.Error:ru.omp.APM.Error.FileNotExist: /tmp/none.rpm\n!1"},
		{apm + "Install /tmp/bad.rpm '{}'", "Error: GDBus.Error:ru.omp.APM.Error.InvalidPackage: /tmp/bad.rpm is no package\n!1"},
		{bus + "org.none --object-path / --method org.none.Do", "Error: GDBus.Error:org.freedesktop.DBus.Error.ServiceUnknown: The name org.none was not provided by any .service files\n!1"},
		{bus + "ru.omp.deviceinfo --object-path / --method ru.omp.deviceinfo.Features.getDeviceModel", "('AGS3-L09',)\n"},
		{bus + "org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.GetId", "('0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f',)\n"},

		{login + "dconf read /a/b", ""},
		{login + "dconf write /a/b \\''text'\\'", ""},
		{login + "dconf read /a/b", "'text'\n"},
		{"dconf reset /a/b", "error: dconf reset\n!1"},

		{"# update-ca-trust", ""},
		{"update-ca-trust", "update-ca-trust: permission denied\n!1"},
		{"sha256sum /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", fmt.Sprintf("%x  /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem\n", sha256.Sum256([]byte("A\nB\n")))},
		{"# ssh-keygen -A", ""},

		{"systemctl is-enabled app.service", "disabled\n!1"},
		{"systemctl is-enabled none.service", "Failed to get unit file state for none.service: No such file or directory\n!1"},
		{"systemctl enable app.service", "Access denied\n!1"},
		{"# systemctl enable app.service", ""},
		{"systemctl is-enabled app.service", "enabled\n"},
		{"# systemctl disable app.service", ""},
		{"# systemctl mask app.service none.service", ""},
		{"systemctl is-enabled app.service", "masked\n!1"},
		{"# systemctl enable app.service", "Failed to enable unit: Unit file app.service is masked.\n!1"},
		{"# systemctl unmask app.service", ""},
		{"systemctl is-enabled app.service", "disabled\n!1"},
		{"# systemctl try-restart app.service", ""},
		{"# systemctl dance app.service", "Unknown command verb dance.\n!1"},
		{"systemctl is-enabled sshd.service", "enabled\n"},

		{"poweroff", "poweroff: permission denied\n!1"},
		{"# reboot recovery", "!1"},
		{"# systemd-run --on-active=soon systemctl poweroff", "systemd-run: strconv.Atoi: parsing \"soon\": invalid syntax\n!1"},
		{`# sh -c 'head -c "$1" "$2" | sha256sum' sh x /dev/disk/by-partlabel/boot`, "head: cannot open '/dev/disk/by-partlabel/boot' for reading\n!1"},
		{`sh -c 'head -c "$1" "$2" | sha256sum' sh 1 /dev/disk/by-partlabel/boot`, "head: cannot open '/dev/disk/by-partlabel/boot' for reading\n!1"},
		{`# sh -c 'head -c "$1" "$2" | sha256sum' sh 1 /dev/disk/by-partlabel/boot`, fmt.Sprintf("%x  -\n", sha256.Sum256([]byte{0}))},
	} {
		if got := b.run(t, test.line); got != test.want {
			t.Errorf("%s: %q, not %q", test.line, got, test.want)
		}
	}
	// APM answers before the package is there.
	put(t, b.files(t, false), "/tmp/app.rpm", rpm("ru.app", "1.3"))
	if got := b.run(t, apm+"Install /tmp/app.rpm '{}'"); got != "()\n" {
		t.Errorf("install: %q", got)
	}
	for deadline := time.Now().Add(time.Minute); b.run(t, apm+"GetPackage ru.app") != "({'id': <'ru.app'>, 'version': <'1.3'>},)\n"; {
		if time.Now().After(deadline) { // only against a hang
			t.Fatal("the package is not installed")
		}
	}
	if got := b.run(t, bus+"org.ofono --object-path / --method org.ofono.Manager.GetModems"); !strings.Contains(got, "'Serial': <'35") {
		t.Errorf("modems: %q", got)
	}
}

// TestFiles uses SFTP with the rights of the login and of root.
func TestFiles(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	user, root := b.files(t, false), b.files(t, true)
	put(t, user, "note", []byte("text"))
	put(t, root, "/etc/secret", []byte("key"))
	exclusive := func(f *sftp.Client, name string) error {
		w, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	open := func(f *sftp.Client, name string, flags int) error {
		w, err := f.OpenFile(name, flags)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	ok, failed := errors.New("no error"), errors.New("any error") // SFTP 3 has few words
	for _, test := range []struct {
		name string
		got  error
		want error
	}{
		{"root hides a file", root.Chmod("/etc/secret", 0o600), ok},
		{"the login reads it", open(user, "/etc/secret", os.O_RDONLY), os.ErrPermission},
		{"root reads it", open(root, "/etc/secret", os.O_RDONLY), ok},
		{"the login writes outside its home", open(user, "/etc/note", os.O_WRONLY|os.O_CREATE), os.ErrPermission},
		{"the login removes outside its home", user.Remove("/etc/secret"), os.ErrPermission},
		{"the login renames outside its home", user.PosixRename("note", "/etc/note"), os.ErrPermission},
		{"a new file that is there", exclusive(user, "note"), failed},
		{"a new file that is not", exclusive(user, "new"), ok},
		{"a file that is not there", open(user, "none", os.O_WRONLY), os.ErrNotExist},
		{"a file in no folder", open(user, "none/note", os.O_WRONLY|os.O_CREATE), os.ErrNotExist},
		{"read a file that is not there", open(user, "none", os.O_RDONLY), os.ErrNotExist},
		{"a folder", user.Mkdir("dir"), ok},
		{"a folder again", user.Mkdir("dir"), failed},
		{"a folder in none", user.Mkdir("none/dir"), os.ErrNotExist},
		{"write a folder", open(user, "dir", os.O_WRONLY|os.O_CREATE), failed},
		{"a file in it", open(user, "dir/note", os.O_WRONLY|os.O_CREATE), ok},
		{"remove a folder that is not empty", user.RemoveDirectory("dir"), failed},
		{"rename over what is there", user.Rename("note", "new"), failed},
		{"rename a folder", user.Rename("dir", "dir2"), failed},
		{"rename", user.Rename("new", "newer"), ok},
		{"replace", user.PosixRename("note", "newer"), ok},
		{"rename what is not there", user.Rename("new", "newest"), os.ErrNotExist},
		{"remove what is not there", user.Remove("new"), os.ErrNotExist},
		{"a link", user.Symlink("newer", "/home/defaultuser/link"), ok},
		{"a link again", user.Symlink("newer", "/home/defaultuser/link"), failed},
		{"cut a file", user.Truncate("newer", 2), ok},
		{"set a time", user.Chtimes("newer", time.Unix(1, 0), time.Unix(1e9, 0)), ok},
		{"set an owner", root.Chown("/home/defaultuser/newer", 7, 8), ok},
		{"change what is not there", user.Chmod("none", 0o600), os.ErrNotExist},
		{"a hard link", user.Link("newer", "hard"), failed},
		{"list a file", func() error { _, err := user.ReadDir("newer"); return err }(), failed},
		{"list what is not there", func() error { _, err := user.ReadDir("none"); return err }(), os.ErrNotExist},
		{"read no link", func() error { _, err := user.ReadLink("/home/defaultuser/newer"); return err }(), failed},
		{"empty the folder", user.Remove("dir/note"), ok},
		{"remove it", user.RemoveDirectory("dir"), ok},
	} {
		good := test.got == nil
		switch test.want {
		case ok:
		case failed:
			good = !good
		default:
			good = errors.Is(test.got, test.want)
		}
		if !good {
			t.Errorf("%s: %v, not %v", test.name, test.got, test.want)
		}
	}
	info, err := user.Stat("link") // followed
	if err != nil || info.Size() != 2 || info.ModTime().Unix() != 1e9 {
		t.Fatalf("%+v %v", info, err)
	}
	if st, is := info.Sys().(*sftp.FileStat); !is || st.UID != 7 || st.GID != 8 {
		t.Errorf("the owner: %+v", info.Sys())
	}
	if info, err := user.Lstat("link"); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%v %v", info, err)
	}
	if target, err := tab.ReadLink("/home/defaultuser/link"); err != nil || target != "newer" {
		t.Errorf("%s %v", target, err)
	}
	infos, err := user.ReadDir(".")
	var names []string
	for _, i := range infos {
		names = append(names, i.Name())
	}
	if slices.Sort(names); err != nil || !slices.Contains(names, "newer") || slices.Contains(names, "note") || slices.Contains(names, "dir") {
		t.Errorf("%v %v", names, err)
	}
	for name, want := range map[string]string{
		"/proc/cmdline": "androidboot.serialno=VT1 ", "/sys/class/power_supply/battery/capacity": "80\n", "/proc/sys/kernel/random/boot_id": "-",
		"/sys/class/net/wlan0/address": "02:", "/sys/block/mmcblk0/size": "61071360\n",
	} {
		f, err := user.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		_ = f.Close()
		if info, serr := user.Stat(name); err != nil || serr != nil || info.Size() != int64(len(text)) || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q %v %v", name, text, err, serr)
		}
	}
}

// TestBoots is what a tablet needs to boot, and what it is when it does not.
func TestBoots(t *testing.T) {
	empty := hex.EncodeToString(sha256.New().Sum(nil))
	for _, test := range []struct {
		name, log string
		change    func(tab *tablet)
		faults    []string
	}{
		{"nothing was flashed", "vbmeta is invalid", func(tab *tablet) { tab.write("vbmeta", make([]byte, 4096)) }, nil},
		{"another partition", "no partition none", func(tab *tablet) { tab.writeVBMeta(device.VBMetaDigests{Name: "none"}) }, nil},
		{"beyond the partition", "boot is too small", func(tab *tablet) {
			tab.writeVBMeta(device.VBMetaDigests{Name: "boot", Ranges: [][2]int64{{0, 1 << 40}}})
		}, nil},
		{"a negative range", "boot is too small", func(tab *tablet) {
			tab.writeVBMeta(device.VBMetaDigests{Name: "boot", Ranges: [][2]int64{{-1, 1}}})
		}, nil},
		{"one byte is wrong", "system is not what vbmeta says", func(tab *tablet) { tab.write("system", []byte{1}) }, nil},
		{"no file system", "system is no ext4 file system", func(tab *tablet) {
			tab.write("system", make([]byte, 1<<20))
			tab.writeVBMeta(device.VBMetaDigests{Name: "boot", SHA256: empty})
		}, nil},
		{"no vbmeta", "no vbmeta", func(tab *tablet) { _ = tab.device.DeletePartition("vbmeta") }, nil},
		{"no system", "no partition system", func(tab *tablet) { _ = tab.device.DeletePartition("system") }, nil},
		{"the fault", "as asked", func(*tablet) {}, []string{"no-boot"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tab := newTablet(t, "", test.faults...)
			logged := make(chan string, 10)
			tab.device.Config.Log = func(format string, args ...any) { logged <- fmt.Sprintf(format, args...) }
			test.change(tab)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := tab.Run(ctx, func() (net.Listener, error) { return nil, errors.New("it listens") })
				ended <- err
			}()
			for line := range logged {
				if strings.HasPrefix(line, "does not boot: ") {
					if !strings.Contains(line, test.log) {
						t.Errorf("%s, not %s", line, test.log)
					}
					break
				}
			}
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) || tab.device.State().Mode != device.ModeDead {
				t.Errorf("it is %s (%v)", tab.device.State().Mode, err)
			}
		})
	}
}

// TestWrongBuild says that it is another version, and boots after a moment.
func TestWrongBuild(t *testing.T) {
	tab := newTablet(t, "", "wrong-build", "slow-boot=0", "low-battery")
	b := tab.boot()
	for name, want := range map[string]string{"/etc/os-release": "VERSION_ID=0.0.0.1\n", "/sys/class/power_supply/battery/capacity": "7\n"} {
		f, err := b.files(t, false).Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if _ = f.Close(); err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
}

// TestRestarts is how a system ends, and what the next one finds.
func TestRestarts(t *testing.T) {
	dir := t.TempDir()
	tab := newTablet(t, dir)
	b := tab.boot()
	put(t, b.files(t, true), "/etc/kept", []byte("text"))
	b.run(t, "# systemd-run --on-active=0 systemctl poweroff")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeOff || tab.device.State().Mode != device.ModeOff {
		t.Errorf("turned off: %+v", gone)
	}
	b.stop()
	// A power-off to come does not outlive the boot that it was asked for in.
	b = tab.boot()
	b.run(t, "# systemd-run --on-active=3600 systemctl poweroff")
	b.run(t, "# reboot bootloader")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeFastboot {
		t.Errorf("restarted: %+v", gone)
	}
	b.stop()
	tab.device.Close()
	// Another process finds what was written, until it is forgotten.
	tab = newTablet(t, dir)
	b = tab.boot()
	if text, err := tab.ReadFile("/etc/kept"); err != nil || string(text) != "text" {
		t.Errorf("%q %v", text, err)
	}
	b.run(t, "# poweroff")
	<-b.gone
	b.stop()
	if err := tab.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := tab.ReadFile("/etc/kept"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it was forgotten, and is there (%v)", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "VT1", "overlay.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := system.New(tab.device); err == nil {
		t.Error("an overlay that cannot be read was taken")
	}
}

// TestClosesSSH lets whoever is in stay, and no one else in.
func TestClosesSSH(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	if got := b.run(t, "# systemctl mask --now sshd.service sshd.socket"); got != "" {
		t.Fatal(got)
	}
	if c, err := tab.login(ssh.Password(device.DefaultLogin.Password)); err == nil {
		_ = c.Close()
		t.Error("someone came in")
	}
	if got := b.run(t, "echo still here"); got != "still here\n" {
		t.Errorf("%q", got)
	}
	b.run(t, "# reboot")
	if gone := <-b.gone; gone == nil || gone.Mode != device.ModeSystem {
		t.Errorf("%+v", gone)
	}
}

// TestLogins refuses what OpenSSH refuses.
func TestLogins(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	if _, err := tab.login(ssh.Password("wrong")); err == nil {
		t.Error("a wrong password was taken")
	}
	if got := b.run(t, "devel-su true"); got != "Auth failed\n!1" {
		t.Errorf("root without a password: %q", got)
	}
	if _, _, err := b.client.OpenChannel("direct-tcpip", nil); err == nil {
		t.Error("it forwards connections")
	}
	s, err := b.client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.RequestSubsystem("netconf"); err == nil {
		t.Error("it has any subsystem")
	}
	if err := s.RequestPty("xterm", 24, 80, nil); err == nil {
		t.Error("it has terminals")
	}
}
