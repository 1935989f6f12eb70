// Benches for the tests: of folders like Linux's /sys, with names, and failures to compare.

package target

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/usb"
)

const controller = targettest.Controller

// Interfaces of the modes.
var (
	inFastboot = targettest.Fastboot
	inADB      = targettest.ADB
	inNormal   = targettest.Normal
	inSystem   = targettest.System
)

// sysfs is a folder like /sys, and the test's.
type sysfs struct {
	*targettest.Sysfs
	t *testing.T
}

func newSysfs(t *testing.T) sysfs { return sysfs{targettest.NewSysfs(t), t} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bench is a bench of the folder, with names in a file of its own.
func (s sysfs) bench(names map[string]string) *Bench {
	s.t.Helper()
	b := NewBench(Options{Sysfs: s.Root, Names: filepath.Join(s.t.TempDir(), "ports"), LockDir: filepath.Join(s.t.TempDir(), "locks")})
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
