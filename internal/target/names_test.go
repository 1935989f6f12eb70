package target

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/usb"
)

func TestExpandNames(t *testing.T) {
	got, err := ExpandNames([]string{"A1..A3", "B", "C9..10"})
	if d := cmp.Diff([]string{"A1", "A2", "A3", "B", "C9", "C10"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	for _, bad := range [][]string{{"A3..A1"}, {"A1..A"}, {"A..B"}, {"A1..A999"}, {"1"}, {"A1", "A1"}, {"A1..B2"}} {
		if got, err := ExpandNames(bad); err == nil {
			t.Errorf("%v: %v", bad, got)
		}
	}
}

// TestPortNames finds, gives, takes and moves names of ports.
func TestPortNames(t *testing.T) {
	s := newSysfs(t)
	s.Tablet("1", "SN1", inFastboot)
	s.Tablet("2", "SN2", inFastboot)
	const path = controller + "-usb-0:"
	b := s.bench(map[string]string{"1": "A1"})
	for _, test := range []struct{ name, want string }{
		{"A1", path + "1"}, {"a1", path + "1"}, {"usb:1-2", path + "2"}, {"1-2", path + "2"}, {"1-7", path + "7"},
		{"pci-x-usb-0:1", "pci-x-usb-0:1"},
		{"9-9", `no-device: no tablet is in the port "9-9"`}, {"A9", `no-device: no tablet is in the port "A9"`},
		{"1-*", `usage: "1-*" is 2 ports: usb:1-1, usb:1-2`},
	} {
		got, err := b.PortPath(test.name)
		if err != nil {
			got = outcome(err)
		}
		if got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
	if err := b.NamePort(path+"2", "a1"); outcome(err) != "usage: A1 is the name of "+path+"1 already" &&
		outcome(err) != "usage: a1 is the name of "+path+"1 already" {
		t.Errorf("%v", outcome(err))
	}
	must(t, b.MoveName(path+"2", "A1"))
	must(t, b.MoveName(path+"1", "A2"))
	must(t, b.MoveName(path+"2", "A1")) // where it is already
	names, err := b.Names()
	if d := cmp.Diff(usb.Names{path + "2": "A1", path + "1": "A2"}, names); d != "" || err != nil {
		t.Error(d, err)
	}
	must(t, b.NamePort(path+"1", ""))
	if names, err := b.Names(); err != nil || names.Find("A2") != "" {
		t.Error(names, err)
	}
	if names, err := NewBench(Options{}).Names(); err != nil || len(names) > 0 {
		t.Errorf("a bench without names: %v, %v", names, err)
	}
}
