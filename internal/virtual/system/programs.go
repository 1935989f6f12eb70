// This file has the programs of the booted system that change its settings: units,
// packages, settings of the interface, certificates, host keys. Each does what a host can
// see of it, with files of the tablet's own system, and nothing else.

package virtual

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

const (
	systemUnits = "/etc/systemd/system/"
	wants       = systemUnits + "multi-user.target.wants/"
	rpmDatabase = "/var/lib/rpm/virtual.json"   // name: version
	dconfBase   = "/.config/dconf/virtual.json" // in the login's home; key: value
	anchorsDir  = "/etc/pki/ca-trust/source/anchors"
	caBundle    = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
	installTime = 300 * time.Millisecond // until the package manager is done
)

// sshUnits are those that let SSH in.
var sshUnits = []string{"sshd.service", "sshd.socket"}

// out is what a program says to the host.
type output interface {
	io.ReadWriter
	Stderr() io.ReadWriter
}

// makeFile writes a file and the folders that it is in.
func (t *Tablet) makeFile(name string, data []byte, mode fs.FileMode, uid int) error {
	if err := t.makeFolder(path.Dir(name), uid); err != nil {
		return err
	}
	return t.root.WriteFile(name, data, mode, uid)
}

func (t *Tablet) makeFolder(name string, uid int) error {
	at, n, err := t.root.walk(name, true)
	if err == nil && n.Mode.IsDir() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := t.makeFolder(path.Dir(at), uid); err != nil {
		return err
	}
	return t.root.put(at, &node{Mode: fs.ModeDir | 0o755, UID: uid, GID: uid})
}

// table reads a map that a program keeps in a file.
func (t *Tablet) table(name string) map[string]string {
	m := map[string]string{}
	if b, err := t.root.ReadFile(name); err == nil {
		_ = json.Unmarshal(b, &m) // only these programs write it
	}
	return m
}

func (t *Tablet) keep(name string, m map[string]string, uid int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return t.makeFile(name, b, 0o644, uid)
}

// settings runs a program of this file; known is false for any other.
func (t *Tablet) settings(ch output, argv []string, uid int) (status int, known bool) {
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
	asRoot := slices.Contains([]string{"ssh-keygen", "update-ca-trust", "systemd-run", "pkcon"}, name)
	if asRoot && uid != 0 {
		return fail("%s: permission denied", name)
	}
	switch {
	case name == "id" && len(argv) == 2 && argv[1] == "-u":
		say(ch, "%d\n", uid)
		return 0, true
	case name == "sha256sum" && len(argv) == 2:
		b, err := t.root.ReadFile(argv[1])
		if err != nil {
			return fail("sha256sum: %s: %v", argv[1], err)
		}
		say(ch, "%x  %s\n", sha256.Sum256(b), argv[1])
		return 0, true
	case name == "ssh-keygen" && len(argv) == 2 && argv[1] == "-A":
		_, err := t.signer()
		return done(err)
	case name == "update-ca-trust" && len(argv) == 1:
		return done(t.takeCertificates())
	case name == "systemctl" && len(argv) > 2:
		return t.systemctl(ch, argv[1], argv[2:], uid), true
	case name == "systemd-run" && len(argv) == 4 && argv[2] == "systemctl" && argv[3] == "poweroff":
		seconds, err := strconv.Atoi(strings.TrimPrefix(argv[1], "--on-active="))
		if err != nil {
			return fail("systemd-run: %v", err)
		}
		t.offAfter(time.Duration(seconds) * time.Second)
		return 0, true
	case name == "rpm" && len(argv) == 5 && argv[1] == "-q" && argv[2] == "--qf" && argv[3] == "%{VERSION}":
		version, ok := t.table(rpmDatabase)[argv[4]]
		if !ok {
			say(ch, "package %s is not installed\n", argv[4])
			return 1, true
		}
		say(ch, "%s", version)
		return 0, true
	case name == "pkcon" && len(argv) == 4 && argv[1] == "-y" && argv[2] == "install-local":
		return done(t.install(argv[3]))
	case name == "env" && len(argv) > 2 && strings.HasPrefix(argv[1], "DBUS_SESSION_BUS_ADDRESS=unix:path="+t.busSocket()):
		return t.settings(ch, argv[2:], uid)
	case name == "dconf" && len(argv) >= 3:
		return t.dconf(ch, argv[1], argv[2:], uid), true
	case name == "gdbus" && len(argv) > 8 && argv[1] == "call" && argv[3] == "--dest":
		return t.bus(ch, argv[4], argv[8], argv[9:])
	case name == "gdbus" && len(argv) == 9:
		return t.bus(ch, argv[4], argv[8], nil)
	}
	return 0, false
}

// busSocket is the login's bus.
func (t *Tablet) busSocket() string { return fmt.Sprintf("/run/user/%d/dbus/user_bus_socket", userID) }

func (t *Tablet) dconf(ch output, verb string, args []string, uid int) int {
	file := "/home/" + t.config.Login.User + dconfBase
	values := t.table(file)
	switch {
	case verb == "read" && len(args) == 1:
		if v, ok := values[args[0]]; ok {
			say(ch, "%s\n", v)
		}
		return 0
	case verb == "write" && len(args) == 2:
		values[args[0]] = args[1]
		if err := t.keep(file, values, uid); err == nil {
			return 0
		}
	}
	say(ch.Stderr(), "error: dconf %s\n", verb)
	return 1
}

// bus answers the services of the system bus.
func (t *Tablet) bus(ch output, dest, method string, args []string) (status int, known bool) {
	refuse := func(name, words string) (int, bool) {
		say(ch.Stderr(), "Error: GDBus.Error:%s: %s\n", name, words)
		return 1, true
	}
	switch dest + " " + method {
	case "ru.omp.deviceinfo ru.omp.deviceinfo.Features.getDeviceModel":
		say(ch, "('%s',)\n", t.config.Family.Product)
		return 0, true
	case "org.ofono org.ofono.Manager.GetModems":
		say(ch, "([(objectpath '/ril_0', {'Manufacturer': <'Fake Manufacturer'>, 'Serial': <'%s'>, 'Type': <'hardware'>})],)\n", t.imei())
		return 0, true
	case "ru.omp.APM ru.omp.APM.Install":
		if len(args) != 2 {
			return refuse("org.freedesktop.DBus.Error.InvalidArgs", "PATH and options")
		}
		if _, err := t.root.ReadFile(args[0]); err != nil {
			return refuse("ru.omp.APM.Error.FileNotExist", args[0])
		}
		name, _, err := t.parsed(args[0])
		if err != nil {
			return refuse("ru.omp.APM.Error.InvalidPackage", err.Error())
		}
		// Asked for now, there in a moment.
		t.set(func(s *State) {
			s.installing = append(s.installing, installing{name, args[0], time.Now().Add(installTime)})
		})
		say(ch, "()\n")
		return 0, true
	case "ru.omp.APM ru.omp.APM.GetPackage":
		if len(args) != 1 {
			return refuse("org.freedesktop.DBus.Error.InvalidArgs", "NAME")
		}
		t.settle()
		version, ok := t.table(rpmDatabase)[args[0]]
		if !ok {
			return refuse("ru.omp.APM.Error.PackageNotExist", args[0])
		}
		say(ch, "({'id': <'%s'>, 'version': <'%s'>},)\n", args[0], version)
		return 0, true
	case "org.freedesktop.DBus org.freedesktop.DBus.GetId":
		say(ch, "('%s',)\n", strings.Repeat("0f", 16))
		return 0, true
	}
	return refuse("org.freedesktop.DBus.Error.ServiceUnknown", "The name "+dest+" was not provided by any .service files")
}

// installing is a package on its way.
type installing struct {
	name, file string
	at         time.Time
}

// settle installs what has had its time.
func (t *Tablet) settle() {
	var ready []installing
	t.set(func(s *State) {
		s.installing = slices.DeleteFunc(s.installing, func(i installing) bool {
			due := !time.Now().Before(i.at)
			if due {
				ready = append(ready, i)
			}
			return due
		})
	})
	for _, i := range ready {
		_ = t.install(i.file) // one that is gone by now is not installed
	}
}

func (t *Tablet) install(file string) error {
	name, version, err := t.parsed(file)
	if err != nil {
		return err
	}
	all := t.table(rpmDatabase)
	all[name] = version
	return t.keep(rpmDatabase, all, 0)
}

// parsed reads name and version of an RPM (lead of 96 bytes, signature header padded to
// 8 bytes, header; tags 1000 and 1001).
func (t *Tablet) parsed(file string) (name, version string, err error) {
	b, err := t.root.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	bad := errors.New(file + " is no package")
	header := func(at int) (tags map[uint32]string, end int, ok bool) {
		if at+16 > len(b) || string(b[at:at+3]) != "\x8e\xad\xe8" {
			return nil, 0, false
		}
		n, size := int(binary.BigEndian.Uint32(b[at+8:])), int(binary.BigEndian.Uint32(b[at+12:]))
		store := at + 16 + 16*n
		if n < 0 || size < 0 || n > 1<<16 || size > 1<<28 || store+size > len(b) {
			return nil, 0, false
		}
		tags = map[uint32]string{}
		for i := range n {
			e := b[at+16+16*i:]
			if kind, off := binary.BigEndian.Uint32(e[4:]), int(binary.BigEndian.Uint32(e[8:])); kind == 6 && off >= 0 && off < size {
				text, _, _ := strings.Cut(string(b[store+off:store+size]), "\x00")
				tags[binary.BigEndian.Uint32(e)] = text
			}
		}
		return tags, store + size, true
	}
	if len(b) < 96 || string(b[:4]) != "\xed\xab\xee\xdb" {
		return "", "", bad
	}
	_, end, ok := header(96)
	if !ok {
		return "", "", bad
	}
	tags, _, ok := header((end + 7) / 8 * 8)
	if !ok || tags[1000] == "" {
		return "", "", bad
	}
	return tags[1000], tags[1001], nil
}

// takeCertificates puts all anchors into the bundle.
func (t *Tablet) takeCertificates() error {
	names, err := t.root.list(anchorsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var all []byte
	for _, n := range names {
		b, err := t.root.ReadFile(path.Join(anchorsDir, n))
		if err != nil {
			return err
		}
		all = append(append(all, b...), '\n')
	}
	return t.makeFile(caBundle, all, 0o444, 0)
}

// unitState is what is-enabled says; "" is a unit that is not there.
func (t *Tablet) unitState(unit string) string {
	if _, n, err := t.root.walk(systemUnits+unit, false); err == nil && n.Target == "/dev/null" {
		return "masked"
	}
	if _, _, err := t.root.walk(wants+unit, false); err == nil {
		return "enabled"
	}
	if slices.Contains(sshUnits, unit) {
		return "enabled" // as the image has it
	}
	for _, dir := range []string{systemUnits, "/usr/lib/systemd/system/"} {
		if _, _, err := t.root.walk(dir+unit, true); err == nil {
			return "disabled"
		}
	}
	return ""
}

func (t *Tablet) systemctl(ch output, verb string, units []string, uid int) int {
	now := false
	units = slices.DeleteFunc(slices.Clone(units), func(u string) bool {
		now = now || u == "--now"
		return u == "--now"
	})
	if verb != "is-enabled" && uid != 0 {
		say(ch.Stderr(), "Access denied\n")
		return 1
	}
	for _, u := range units {
		state := t.unitState(u)
		if state == "" && verb != "mask" && verb != "try-restart" {
			say(ch.Stderr(), "Failed to get unit file state for %s: No such file or directory\n", u)
			return 1
		}
		link := func(name, target string) error {
			if err := t.makeFolder(path.Dir(name), 0); err != nil {
				return err
			}
			return t.root.put(name, &node{Mode: fs.ModeSymlink | 0o777, Target: target})
		}
		gone := func(name string) error {
			if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		var err error
		switch verb {
		case "is-enabled":
			say(ch, "%s\n", state)
			if state != "enabled" {
				return 1
			}
		case "enable":
			if state == "masked" {
				say(ch.Stderr(), "Failed to enable unit: Unit file %s is masked.\n", u)
				return 1
			}
			err = link(wants+u, systemUnits+u)
		case "disable":
			err = gone(wants + u)
		case "mask":
			if err = gone(wants + u); err == nil {
				err = link(systemUnits+u, "/dev/null")
			}
			if now && slices.Contains(sshUnits, u) {
				t.closeSSH()
			}
		case "unmask":
			err = gone(systemUnits + u)
		case "try-restart":
		default:
			say(ch.Stderr(), "Unknown command verb %s.\n", verb)
			return 1
		}
		if err != nil {
			say(ch.Stderr(), "%v\n", err)
			return 1
		}
	}
	return 0
}

// lettingIn reports whether the system starts a server of SSH.
func (t *Tablet) lettingIn() bool {
	return slices.ContainsFunc(sshUnits, func(u string) bool { return t.unitState(u) != "masked" })
}

// mac and imei are made of the serial: they are the same after every boot.
func (t *Tablet) mac() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := sha256.Sum256([]byte("mac " + t.config.Serial))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

func (t *Tablet) imei() string {
	sum := sha256.Sum256([]byte("imei " + t.config.Serial))
	number := fmt.Sprintf("35%012d", binary.BigEndian.Uint64(sum[:])%1_000_000_000_000)
	total := 0
	for i, r := range number {
		d := int(r - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		total += d
	}
	return number + strconv.Itoa((10-total%10)%10)
}

// publicKey is the host key's other half, in a file beside it.
func (t *Tablet) publicKey(signer ssh.Signer) error {
	return t.root.WriteFile(hostKey+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644, 0)
}

// bootID names one run of the system.
func bootID(random [16]byte) string {
	random[6], random[8] = random[6]&0x0f|0x40, random[8]&0x3f|0x80
	h := hex.EncodeToString(random[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
