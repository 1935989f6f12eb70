package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/hosttest"
	"github.com/zarya-station/zarya/internal/station"
)

func fullDisk(v station.View) bool {
	return slices.ContainsFunc(v.Banners, func(n station.Notice) bool { return n.Key == "disk-full" })
}

// While the disk with the log of events is full, no tablet begins, and the station says why;
// when there is room, it goes on by itself.
func TestTheLogsDiskIsFull(t *testing.T) {
	p := newPlace(t)
	logs := hosttest.Disk(t, "size=1m,nr_inodes=1000")
	filler := filepath.Join(logs, "filler")
	if err := os.WriteFile(filler, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	o := p.options("A1=" + tablet(t))
	o.Log = filepath.Join(logs, "events")
	d, ended := p.run(o)
	until(t, d.Station, "the disk is full", fullDisk)
	v := d.Station.View()
	if a := v.Actions[0]; a.Key != "station" || !strings.Contains(a.Words, logs) {
		t.Errorf("it asks for %+v", v.Actions)
	}
	ticks := v.Version + 5
	until(t, d.Station, "some time has passed", func(v station.View) bool { return v.Version > ticks })
	if p.sink.count() > 0 || passed(d.Station.View()) {
		t.Error("a tablet was flashed, and its events are nowhere")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, d.Station, "A1 is done", passed)
	if fullDisk(d.Station.View()) {
		t.Error("the disk is still called full")
	}
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-ended, d.Close()); err != nil {
		t.Error(err)
	}
}
