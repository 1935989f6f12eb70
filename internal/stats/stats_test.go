// The rules of counting, by example; model_test.go counts the plain way beside them.

package stats

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)

// TestYields has a unit's jobs of one day in letters: p passes, c is compliant, f fails by
// the tablet, b by the bench, i is interrupted, s skipped, G a golden unit's failure, X
// another's tablet.
func TestYields(t *testing.T) {
	for _, c := range []struct {
		units                                           []string
		jobs, of, first, second, last, passed, leftOver int
	}{
		{[]string{"p"}, 1, 1, 1, 1, 1, 1, 0},
		{[]string{"c"}, 1, 1, 1, 1, 1, 1, 0},
		{[]string{"f"}, 1, 1, 0, 0, 0, 0, 0},
		{[]string{"b"}, 1, 1, 0, 0, 0, 0, 0},
		{[]string{"fp"}, 2, 1, 0, 1, 1, 1, 0},
		{[]string{"ffp"}, 3, 1, 0, 0, 1, 1, 0},
		{[]string{"pf"}, 2, 1, 1, 1, 0, 0, 0}, // it is no tablet that can be given out
		{[]string{"fpf"}, 3, 1, 0, 1, 0, 0, 0},
		{[]string{"pp"}, 2, 1, 1, 1, 1, 1, 0}, // one tablet
		{[]string{"ip"}, 1, 1, 1, 1, 1, 1, 1}, // what was interrupted is no pass of its own
		{[]string{"ii"}, 0, 0, 0, 0, 0, 0, 2},
		{[]string{"G", "X", "s"}, 0, 0, 0, 0, 0, 0, 0},
		{[]string{"p", "fp", "bfp", "ff", "p", "sGXip"}, 10, 6, 3, 4, 5, 5, 1},
	} {
		r := New(ByAll, time.Local)
		for i, unit := range c.units {
			for k, letter := range unit {
				rec := Record{Time: noon.Add(time.Duration(k) * time.Minute), Serial: fmt.Sprint("S", i),
					Result: flash.Fail, Class: flash.ClassDevice}
				switch letter {
				case 'p':
					rec.Result = flash.Pass
				case 'c':
					rec.Result = flash.Compliant
				case 'b':
					rec.Class = flash.ClassCable
				case 'i':
					rec.Result = flash.Interrupted
				case 's':
					rec.Result = flash.Skipped
				case 'G':
					rec.Golden = true
				case 'X':
					rec.Foreign = true
				}
				r.Add(rec)
			}
		}
		g := Group{}
		if all := r.Groups(); len(all) > 0 {
			g = all[0]
		}
		got := []int{g.Jobs, g.Units, g.First, g.Second, g.Last, g.Passed, g.Interrupted}
		if want := []int{c.jobs, c.of, c.first, c.second, c.last, c.passed, c.leftOver}; !slices.Equal(got, want) {
			t.Errorf("%v: %v, not %v", c.units, got, want)
		}
	}
}

func TestDayTurns(t *testing.T) {
	var d Day
	d.Add(Record{Time: noon, Serial: "S1", Result: flash.Pass})
	d.Add(Record{Time: noon, Serial: "S2", Result: flash.Fail, Class: flash.ClassCable})
	f := d.Figures(noon.Add(59 * time.Minute))
	if f.Done != 1 || f.Hour != 1 || f.Units != 2 || !slices.Equal(f.Failures, []Count{{"cable", 1}}) {
		t.Errorf("%+v", f)
	}
	if f := d.Figures(noon.Add(time.Hour)); f.Done != 1 || f.Hour != 0 || !slices.Equal(f.Hours, []Hour{{12, 1}, {13, 0}}) {
		t.Errorf("%+v", f)
	}
	f = d.Figures(noon.Add(12 * time.Hour))
	if f.Done != 0 || f.FirstPass != -1 || f.LastPass != -1 || f.Failures != nil || f.Hours != nil {
		t.Errorf("the next day: %+v", f)
	}
	d.Add(Record{Time: noon, Serial: "S3", Result: flash.Pass}) // the clock was set right
	if f := d.Figures(noon); f.Done != 2 || f.Units != 3 {
		t.Errorf("the day of the clock: %+v", f)
	}
	for days := range 10 { // a clock that goes mad does not fill the memory
		d.Figures(noon.AddDate(0, 0, days))
	}
	if len(d.others) > keptDays {
		t.Errorf("%d days are kept", len(d.others))
	}
}

// Which attempt was the first does not depend on the clock, if the station knows it.
func TestAttemptsOrderAUnit(t *testing.T) {
	r := New(ByAll, time.Local)
	r.Add(Record{Time: noon, Station: "b", Attempt: 1, Serial: "S1", Result: flash.Fail, Class: flash.ClassCable})
	r.Add(Record{Time: noon.Add(-time.Hour), Station: "b", Attempt: 2, Serial: "S1", Result: flash.Pass})
	r.Add(Record{Time: noon.Add(time.Hour), Station: "c", Attempt: 1, Serial: "S2", Result: flash.Fail, Class: flash.ClassCable})
	r.Add(Record{Time: noon, Station: "b", Attempt: 1, Serial: "S2", Result: flash.Pass}) // of two stations, times are all there is
	if g := r.Groups()[0]; g.First != 1 || g.Last != 1 || g.Units != 2 {
		t.Errorf("%+v", g)
	}
}

// TestFromLedger writes jobs into a real ledger and counts them.
func TestFromLedger(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for i, d := range []flash.JobDone{
		{Result: flash.Fail, Class: flash.ClassCable, Step: "flash:boot", Error: "gone"},
		{Result: flash.Pass, Seconds: 90, Measurements: []flash.Measurement{
			{Name: flash.MeasureWire, Value: 7, Unit: "B/s"}, {Name: flash.MeasureBoot, Value: 30_500, Unit: "ms"}}},
		{Result: flash.Fail, Foreign: true},
		{Result: flash.Pass},
	} {
		job := flash.Job{ID: fmt.Sprint(i), Bundle: "x 1", Circumstances: flash.Circumstances{Operator: "Ann", Lot: "L", Golden: i == 3}}
		where := flash.Where{PortName: "A1", Serial: "S1"}
		d.Model = "M"
		if err := l.Intent(job, where); err != nil {
			t.Fatal(err)
		}
		for _, s := range []flash.StepDone{{Step: "flash:boot", Seconds: 2, Result: flash.StepOK},
			{Step: "hostname", Seconds: 3, Result: flash.StepAlready}} {
			if err := l.Step(job, s); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Result(job, where, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Intent(flash.Job{ID: "open"}, flash.Where{Serial: "S2"}); err != nil {
		t.Fatal(err)
	}
	count := func(since, until time.Time) (list []Record) {
		t.Helper()
		for r, err := range FromLedger(t.Context(), l, since, until) {
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, r)
		}
		return list
	}
	list := count(time.Time{}, time.Time{})
	if len(list) != 4 {
		t.Fatal(list)
	}
	for i := range list {
		if time.Since(list[i].Time) > time.Hour {
			t.Error(list[i].Time)
		}
	}
	want := Record{Time: list[1].Time, Serial: "S1", Station: "bench", Port: "A1",
		Operator: "Ann", Lot: "L", Model: "M", Bundle: "x 1", Result: flash.Pass, Attempt: 2,
		Total: 90 * time.Second, States: []Lap{{"boot", 30500 * time.Millisecond}}, Steps: []Lap{{"flash:boot", 2 * time.Second}}}
	if diff := gocmp.Diff(want, list[1]); diff != "" {
		t.Error(diff)
	}
	if list[0].Class != flash.ClassCable || list[0].Step != "flash:boot" || !list[2].Foreign || !list[3].Golden {
		t.Errorf("%+v", list)
	}
	// A span has the jobs that ended in it, with what came before their end.
	if got := count(list[1].Time, list[3].Time); gocmp.Diff(list[1:3], got) != "" {
		t.Errorf("from the second to before the fourth: %+v", got)
	}
	for range FromLedger(t.Context(), l, time.Time{}, time.Time{}) {
		break // who stops reading leaves nothing open
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range FromLedger(context.Background(), l, time.Time{}, time.Time{}) {
		if err == nil {
			t.Error("a record of a ledger that is closed")
		}
	}
}
