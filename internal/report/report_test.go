package report

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 26, 14, 30, 0, 0, time.Local)
	day := func(d, hour int) time.Time { return time.Date(2026, 11, d, hour, 0, 0, 0, time.Local) }
	for _, c := range []struct {
		text  string
		whole bool
		want  time.Time
	}{
		{"", true, time.Time{}}, {"today", false, day(26, 0)}, {"today", true, day(27, 0)}, {"2026-11-30", true, day(31, 0)},
		{"2026-11-20", false, day(20, 0)}, {"2026-11-20T09:00", true, day(20, 9)}, {"7d", false, day(19, 0)},
		{"8h", false, now.Add(-8 * time.Hour)},
	} {
		if got, err := ParseMoment(c.text, now, c.whole); err != nil || !got.Equal(c.want) {
			t.Errorf("%q, %v: %v, %v", c.text, c.whole, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-8h", "2026-11-31", "-3d", "100000d"} {
		_, err := ParseMoment(text, now, false)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestQuestionsThatHaveNoAnswer(t *testing.T) {
	for _, q := range []Question{{By: "colour"}, {Since: "soon"}, {Until: "soon"}, {Since: "2026-11-26", Until: "2026-11-25"}} {
		_, err := q.Ask(time.Now())
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// tablet is a target that only has a name.
type tablet string

func (t tablet) Where() flash.Where { return flash.Where{Address: string(t), Serial: "S" + string(t)} }

func (tablet) Fastboot(context.Context) (fastboot.Transport, error) { return nil, io.EOF }

func (tablet) Dial(context.Context, int) (net.Conn, error) { return nil, io.EOF }

func TestReportOfALedger(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, d := range map[tablet]flash.JobDone{
		"1": {Result: flash.Pass, Seconds: 90, Measurements: []flash.Measurement{{Name: "boot", Unit: "ms", Value: 61_000, High: 60_000},
			{Name: "wire", Unit: "B/s", Value: 40_000_000}}}, "2": {Result: flash.Fail, Class: flash.ClassCable, Step: "flash:boot", Error: "gone"},
	} {
		job := flash.Job{ID: "r-" + string(name), Target: name, Scope: flash.ScopeFlash, Circumstances: flash.Circumstances{Lot: "=1+1"}}
		if err := l.Intent(job, name.Where()); err != nil {
			t.Fatal(err)
		}
		if err := l.Step(job, flash.StepDone{Step: "flash:boot", Result: flash.StepOK, Seconds: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(job, name.Where(), d); err != nil {
			t.Fatal(err)
		}
	}
	for by, want := range map[string][3][]string{
		"":    {{"all  2        1       50.0 %", "boot      1     1"}, {"all,,2,2,0,1,0.5000"}, {"all"}},
		"lot": {{"LOT", "=1+1  2", "1       50.0 %   cable  flash:boot", "flash:boot  "}, {"lot,'=1+1,2,2,0,1,"}, {"all", "lot"}},
	} {
		r, err := Question{Since: "today", By: by}.Ask(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Count(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		var text, csv strings.Builder
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := r.CSV(&csv, false); err != nil {
			t.Fatal(err)
		}
		for i, got := range []string{text.String(), csv.String()} {
			for _, w := range want[i] {
				if !strings.Contains(got, w) {
					t.Errorf("by %q there is no %q in\n%s", by, w, got)
				}
			}
		}
		for i, it := range r.Items() {
			if it.By != want[2][i] || it.FirstPass == nil || *it.FirstPass != 0.5 || len(it.Limits) != 1 || it.Limits[0].Outside != 1 {
				t.Errorf("by %q: %+v", by, it)
			}
		}
	}
}

// An empty ledger has a report too, and what cannot be told is not told.
func TestReportOfNothing(t *testing.T) {
	r, err := Question{}.Ask(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if it := r.Items()[0]; it.FirstPass != nil || it.Rate != nil || it.Failures == nil || it.Limits == nil {
		t.Errorf("%+v", it)
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "from the beginning until now") {
		t.Errorf("%v: %s", err, text.String())
	}
}
