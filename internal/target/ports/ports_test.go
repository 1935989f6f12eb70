package ports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/usb"
)

// bench is a bench of a folder like /sys, with names in a file of its own.
func bench(t *testing.T) (*targettest.Sysfs, *target.Bench) {
	t.Helper()
	s := targettest.NewSysfs(t)
	b := target.NewBench(target.Options{Sysfs: s.Root, Names: filepath.Join(t.TempDir(), "ports"), LockDir: t.TempDir()})
	t.Cleanup(b.Close)
	return s, b
}

func path(chain string) string { return targettest.Controller + "-usb-0:" + chain }

func TestListHasWhatIsNamedAndWhatIsPluggedIn(t *testing.T) {
	s, b := bench(t)
	s.Tablet("1", "SN1", targettest.Fastboot)
	s.Tablet("2", "SN2", targettest.Fastboot)
	for chain, name := range map[string]string{"2": "A2", "7": "A1"} {
		if err := b.NamePort(path(chain), name); err != nil {
			t.Fatal(err)
		}
	}
	items, err := List(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []Item{{"", "1-1", path("1"), usb.Fastboot, "SN1"}, {"A1", "", path("7"), "", ""}, {"A2", "1-2", path("2"), usb.Fastboot, "SN2"}}
	for i, w := range want {
		if items[i] != w {
			t.Errorf("%+v, not %+v", items[i], w)
		}
	}
	var out strings.Builder
	Text(&out, nil, items)
	if !strings.Contains(out.String(), "A2               1-2          fastboot   SN2                "+path("2")+"\n") {
		t.Error(out.String())
	}
}

func TestImportNamesAllOrNone(t *testing.T) {
	_, b := bench(t)
	file := filepath.Join(t.TempDir(), "ports.csv")
	for text, want := range map[string]string{
		"port,number\n1,2\n": "has no columns port and name",
		"port,name\n" + path("1") + ",A1\n" + path("1") + ",A2\n":      "ports.csv:3",
		"port,name\n" + path("1") + ",A1\n" + path("2") + ",no name\n": "ports.csv:3",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Import(b, file)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if items, err := List(b); err != nil || len(items) != 0 {
		t.Errorf("after tables that are wrong there are %v, %v", items, err)
	}
	if err := os.WriteFile(file, []byte("name;port\nA1;"+path("1")+"\nA2;"+path("2")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := Import(b, file); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if names, err := b.Names(); err != nil || names[path("1")] != "A1" || names[path("2")] != "A2" {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := Import(b, file+"-not"); err == nil {
		t.Error("a table that is not there was read")
	}
}

// What is plugged in before is not asked for; one port is not named twice.
func TestLearnByPluggingIn(t *testing.T) {
	s, b := bench(t)
	s.Tablet("1", "OLD", targettest.Fastboot)
	var said []string
	err := Learn(t.Context(), b, []string{"A1", "A2"}, Teacher{
		Ask: func(name string) {
			said = append(said, "ask "+name)
			switch name {
			case "A1":
				s.Put("1-4", "devnum=7", "speed=480", "serial=STICK")
			case "A2": // the stick goes, and comes again in its port: that is seen as a new device
				s.Pull("4")
				s.Put("1-4", "devnum=8", "speed=480", "serial=STICK")
			}
		},
		Already: func(name string) {
			said = append(said, "already "+name)
			s.Put("1-5", "devnum=9", "speed=480", "serial=STICK")
		},
		Learnt: func(name string, p usb.Port) { said = append(said, name+" is "+p.Short()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(said, ", "); got != "ask A1, A1 is 1-4, ask A2, already A1, A2 is 1-5" {
		t.Error(got)
	}
	if names, err := b.Names(); err != nil || names[path("4")] != "A1" || names[path("5")] != "A2" || names[path("1")] != "" {
		t.Errorf("%v, %v", names, err)
	}
}
