// This file is the programs that change settings: of the interface, certificates, host
// keys. Each does what a host can see of it, with files of the tablet's own system, and
// nothing else.

package system

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	dconfBase  = "/.config/dconf/virtual.json" // in the login's home; key: value
	anchorsDir = "/etc/pki/ca-trust/source/anchors"
	caBundle   = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
)

// output is where a program reads and writes: the host.
type output interface {
	io.ReadWriter
	Stderr() io.ReadWriter
}

// runSettings runs a program that looks at settings or changes them; known is false for any
// other.
func (s *System) runSettings(ch output, argv []string, uid int) (status int, known bool) {
	fail := func(format string, args ...any) (int, bool) {
		say(ch.Stderr(), format+"\n", args...)
		return 1, true
	}
	done := func(err error) (int, bool) {
		if err != nil {
			return fail("%v", err)
		}
		return 0, true
	}
	name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	asRoot := slices.Contains([]string{"ssh-keygen", "update-ca-trust", "systemd-run", "pkcon", "hwclock"}, name)
	if asRoot && uid != 0 {
		return fail("%s: permission denied", name)
	}
	switch {
	case name == "id" && len(argv) == 2 && argv[1] == "-u":
		say(ch, "%d\n", uid)
		return 0, true
	case name == "sha256sum" && len(argv) == 2:
		b, err := s.root.ReadFile(argv[1])
		if err != nil {
			return fail("sha256sum: %s: %v", argv[1], err)
		}
		say(ch, "%x  %s\n", sha256.Sum256(b), argv[1])
		return 0, true
	case name == "date" && len(argv) > 1:
		return s.date(ch, argv[1:], uid), true
	case name == "hwclock" && slices.Equal(argv[1:], []string{"-w", "-u"}):
		s.keepClock()
		return 0, true
	case name == "cat" && len(argv) == 2:
		b, err := s.root.ReadFile(argv[1])
		if err != nil {
			return fail("cat: %s: %v", argv[1], err)
		}
		_, err = ch.Write(b)
		return done(err)
	case name == "ssh-keygen" && len(argv) == 2 && argv[1] == "-A":
		_, err := s.hostSigner()
		return done(err)
	case name == "update-ca-trust" && len(argv) == 1:
		return done(s.bundleCertificates())
	case name == "systemctl" && len(argv) > 2:
		return s.systemctl(ch, argv[1], argv[2:], uid), true
	case name == "systemd-run" && len(argv) == 4 && argv[2] == "systemctl" && argv[3] == "poweroff":
		seconds, err := strconv.Atoi(strings.TrimPrefix(argv[1], "--on-active="))
		if err != nil {
			return fail("systemd-run: %v", err)
		}
		s.powerOffAfter(time.Duration(seconds) * time.Second)
		return 0, true
	case name == "rpm" && len(argv) == 5 && argv[1] == "-q" && argv[2] == "--qf" && argv[3] == "%{VERSION}":
		version, ok := s.readTable(rpmDatabase)[argv[4]]
		if !ok {
			say(ch, "package %s is not installed\n", argv[4])
			return 1, true
		}
		say(ch, "%s", version)
		return 0, true
	case name == "pkcon" && len(argv) == 4 && argv[1] == "-y" && argv[2] == "install-local":
		return done(s.installPackage(argv[3]))
	case name == "env" && len(argv) > 2 && strings.HasPrefix(argv[1], "DBUS_SESSION_BUS_ADDRESS=unix:path="+s.busSocket()):
		return s.runSettings(ch, argv[2:], uid)
	case name == "dconf" && len(argv) >= 3:
		return s.dconf(ch, argv[1], argv[2:], uid), true
	case name == "gdbus" && len(argv) > 8 && argv[1] == "call" && argv[3] == "--dest":
		return s.callBus(ch, argv[4], argv[8], argv[9:])
	case name == "gdbus" && len(argv) == 9:
		return s.callBus(ch, argv[4], argv[8], nil)
	}
	return 0, false
}

// busSocket is the login's bus.
func (s *System) busSocket() string { return fmt.Sprintf("/run/user/%d/dbus/user_bus_socket", userID) }

func (s *System) dconf(ch output, verb string, args []string, uid int) int {
	file := "/home/" + s.device.Config.Login.User + dconfBase
	values := s.readTable(file)
	switch {
	case verb == "read" && len(args) == 1:
		if v, ok := values[args[0]]; ok {
			say(ch, "%s\n", v)
		}
		return 0
	case verb == "write" && len(args) == 2:
		values[args[0]] = args[1]
		if err := s.writeTable(file, values, uid); err == nil {
			return 0
		}
	}
	say(ch.Stderr(), "error: dconf %s\n", verb)
	return 1
}

// bundleCertificates puts all anchors into the bundle.
func (s *System) bundleCertificates() error {
	names, err := s.root.list(anchorsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var all []byte
	for _, n := range names {
		b, err := s.root.ReadFile(path.Join(anchorsDir, n))
		if err != nil {
			return err
		}
		all = append(append(all, b...), '\n')
	}
	return s.makeFile(caBundle, all, 0o444, 0)
}
