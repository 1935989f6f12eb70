package station_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/target"
)

func TestPlacesAsTheyAreWritten(t *testing.T) {
	bench := target.NewBench(target.Options{LockDir: t.TempDir(), Names: t.TempDir() + "/ports"})
	defer bench.Close()
	places, watchers, err := station.ParsePlaces(bench, []string{"A1=tcp:10.0.0.5", "tcp:10.0.0.6", "udp:10.0.0.7"})
	if err != nil || len(watchers) != 1 {
		t.Fatalf("%v, %v", watchers, err)
	}
	for i, name := range []string{"A1", "T2", "T3"} {
		if p := places[i]; p.Name != name || p.Target.Where().PortName != name {
			t.Errorf("%+v, not %s", p, name)
		}
	}
	for typed, want := range map[string]string{
		"A1=tcp:h:1 A1=tcp:h:2": "are the same place", "A1=tcp:h:1 A2=tcp:h:1": "are the same place",
		"A1=port:B1": "has its name already", "VT0001": "VT0001",
	} {
		_, _, err := station.ParsePlaces(bench, strings.Fields(typed))
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", typed, err)
		}
	}
	names := filepath.Join(t.TempDir(), "ports")
	if err := os.WriteFile(names, []byte("A1 pci-0000:00:14.0-usb-0:5.4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	named := target.NewBench(target.Options{LockDir: t.TempDir(), Names: names, Sysfs: t.TempDir()})
	defer named.Close()
	if _, _, err := station.ParsePlaces(named, []string{"A1=tcp:h", "port:A*"}); err == nil ||
		!strings.Contains(err.Error(), "A1 is the name of a hub port") {
		t.Errorf("two ports are called A1: %v", err)
	}
	// The name of a place is no other place: the lock is on the address.
	lock := station.Lock(bench, "a test")
	release, err := lock(context.Background(), places[0].Target)
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := station.ParsePlaces(bench, []string{"B7=tcp:10.0.0.5"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(context.Background(), again[0].Target); err == nil {
		t.Error("one address was taken twice under two names")
	}
	release()
}
