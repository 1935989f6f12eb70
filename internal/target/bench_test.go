// Benches for the tests: folders like Linux's /sys, names, and failures to compare.

package target

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

const controller = "pci-0000:00:14.0"

// sysfs is a folder like /sys with one root hub, bus 1.
type sysfs struct {
	t    *testing.T
	root string
}

func newSysfs(t *testing.T) sysfs {
	t.Helper()
	s := sysfs{t, t.TempDir()}
	s.put("usb1", "speed=480", "maxchild=8")
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put makes a device's folder with attributes, "name=value" each, and its link.
func (s sysfs) put(kernel string, attributes ...string) {
	s.t.Helper()
	at := filepath.Join(s.root, "devices/pci0000:00/0000:00:14.0/usb1")
	for i := range kernel + "." { // a device's folder is in that of its hub
		if hub := (kernel + ".")[:i]; kernel != "usb1" && (kernel + ".")[i] == '.' {
			at = filepath.Join(at, hub)
		}
	}
	s.attributes(at, attributes...)
	link := filepath.Join(s.root, "bus/usb/devices", kernel)
	must(s.t, os.MkdirAll(filepath.Dir(link), 0o755))
	must(s.t, os.Symlink(at, link))
}

func (s sysfs) attributes(at string, attributes ...string) {
	s.t.Helper()
	must(s.t, os.MkdirAll(at, 0o755))
	for _, a := range attributes {
		var name, value string
		for i := range a {
			if a[i] == '=' {
				name, value = a[:i], a[i+1:]
				break
			}
		}
		must(s.t, os.WriteFile(filepath.Join(at, name), []byte(value+"\n"), 0o644))
	}
}

// Interfaces of the modes.
var (
	inFastboot = [3]int{0xff, 0x42, 3}
	inADB      = [3]int{0xff, 0x42, 1}
	inNormal   = [3]int{0x06, 1, 1}
	inSystem   = [3]int{2, 6, 0}
)

// tablet plugs one in.
func (s sysfs) tablet(chain, serial string, mode [3]int) {
	s.t.Helper()
	kernel := "1-" + chain
	s.put(kernel, "devnum=250", "speed=480", "idVendor=18d1", "idProduct=d00d", "serial="+serial)
	s.attributes(filepath.Join(s.root, "bus/usb/devices", kernel, kernel+":1.0"), "bInterfaceNumber=00",
		fmt.Sprintf("bInterfaceClass=%02x", mode[0]), fmt.Sprintf("bInterfaceSubClass=%02x", mode[1]), fmt.Sprintf("bInterfaceProtocol=%02x", mode[2]))
}

// pull takes what is in a port out.
func (s sysfs) pull(chain string) {
	s.t.Helper()
	link := filepath.Join(s.root, "bus/usb/devices/1-"+chain)
	at, err := filepath.EvalSymlinks(link)
	must(s.t, errors.Join(err, os.Remove(link)))
	must(s.t, os.RemoveAll(at))
}

// bench is a bench of the folder, with names in a file of its own.
func (s sysfs) bench(names map[string]string) *Bench {
	s.t.Helper()
	b := NewBench(Options{Sysfs: s.root, Names: filepath.Join(s.t.TempDir(), "ports"), LockDir: filepath.Join(s.t.TempDir(), "locks")})
	s.t.Cleanup(b.Close)
	for chain, name := range names {
		must(s.t, b.NamePort(controller+"-usb-0:"+chain, name))
	}
	return b
}

// outcome is an error as a test compares it: its kind or class, and its words.
func outcome(err error) string {
	var f *flash.Failure
	switch kind, ok := problem.KindOf(err); {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return string(f.Class) + ": " + err.Error() + " → " + f.Hint
	case ok:
		return kind.String() + ": " + err.Error()
	}
	return err.Error()
}

func port(chain string) usb.Port { return usb.Port{Controller: controller, Bus: 1, Chain: chain} }
