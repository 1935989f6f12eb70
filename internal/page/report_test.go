// This file has the report: what it counts, that it is counted once, and its plots.

package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
)

// month is a record of each kind on each of the last days; the tablets of today passed at
// their second attempt.
func month(ctx context.Context, since time.Time, add func(stats.Record)) error {
	now := time.Now()
	noon := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.Local)
	for day := 40; day >= 0; day-- {
		at := noon.AddDate(0, 0, -day)
		if at.Before(since) {
			continue
		}
		for i := range 20 + day%7 {
			r := stats.Record{Time: at, Serial: fmt.Sprint(day, "-", i), Station: "bench3", Port: "A1", Result: flash.Pass, Total: 190 * time.Second,
				States: []stats.Lap{{Name: flash.MeasureFlash, Took: 84 * time.Second}},
				Steps:  []stats.Lap{{Name: "flash:system", Took: 80 * time.Second}}}
			if i < 2+day%3 {
				r.Result, r.Class, r.Step, r.States, r.Total = flash.Fail, flash.ClassCable, "flash:system", nil, 0
			}
			if i == 0 {
				r.Class, r.Step = flash.ClassLocked, evil
			}
			add(r)
			if r.Result == flash.Fail && i > 0 {
				r.Time, r.Result, r.Class, r.Step = at.Add(time.Minute), flash.Pass, "", ""
				add(r)
			}
		}
	}
	return ctx.Err()
}

func TestReport(t *testing.T) {
	var asked atomic.Int32
	base := open(t, newStage(oneView()), Options{Count: func(ctx context.Context, since time.Time, add func(stats.Record)) error {
		asked.Add(1)
		return month(ctx, since, add)
	}})
	for path, want := range map[string]struct{ rows, first string }{
		"/report?days=1": {"1", "90.0 %"}, "/report": {"7", ""}, "/report?days=30": {"30", ""},
		"/report?days=-5": {"7", ""}, "/report?days=9999999": {"7", ""},
	} {
		res, body := get(t, base+path)
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
		if rows := fmt.Sprint(strings.Count(body, "<tr><td>20")); rows != want.rows {
			t.Errorf("%s: %s days, want %s", path, rows, want.rows)
		}
		for _, words := range []string{want.first, "By day", "1:24", "1:20", "cable · flash:system", "locked"} {
			if !strings.Contains(body, words) {
				t.Errorf("%s has no %q", path, words)
			}
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s: a step's name is not escaped", path)
		}
		if plots := strings.Count(body, "<polyline"); (plots == 2) != (want.rows != "1") {
			t.Errorf("%s: %d lines", path, plots)
		}
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("the ledger was read %d times for three reports", n)
	}
}

func TestReportOfNothing(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Count: func(context.Context, time.Time, func(stats.Record)) error { return nil }})
	if res, body := get(t, base+"/report"); res.StatusCode != http.StatusOK || !strings.Contains(body, "none yet") {
		t.Errorf("%s:\n%s", res.Status, body)
	}
	base = open(t, newStage(oneView()), Options{Count: func(context.Context, time.Time, func(stats.Record)) error {
		return errors.New("no such file")
	}})
	if res, body := get(t, base+"/report"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "no such file") {
		t.Errorf("%s:\n%s", res.Status, body)
	}
}
