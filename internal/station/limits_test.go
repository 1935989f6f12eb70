package station_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
)

func TestLimitsAsTheyAreWritten(t *testing.T) {
	got, err := station.ParseLimits([]string{"flash=3m", "boot=90s", "check=1m", "provision=2m", "wire=10MB", "battery=50"})
	want := map[string]flash.Limit{"flash": {High: 180_000}, "boot": {High: 90_000}, "check": {High: 60_000}, "provision": {High: 120_000},
		"wire": {Low: 10_000_000}, "battery": {Low: 50}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"flash", "flash=", "flash=3", "flash=-3m", "flash=1us", "wire=fast", "wire=0", "battery=0",
		"battery=101", "speed=3m", "=", ""} {
		var p *problem.Error
		if _, err := station.ParseLimits([]string{bad}); !errors.As(err, &p) || p.Kind != problem.Usage || p.Hint == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := station.ParseLimits([]string{"boot=90s", "boot=91s"}); err == nil {
		t.Error("two limits of one thing")
	}
}

func TestBeyondALimitIsSaidAndPasses(t *testing.T) {
	change := func(o *station.Options) { o.Limits = map[string]flash.Limit{"flash": {High: 1}} }
	rule(t, change, func(s *shop) {
		s.put("A1", "SN1", "slow=20000")
		s.settle()
		s.wants("A1", station.Flashed)
		lines := s.Lines("A1")
		if len(lines) == 0 || lines[len(lines)-1][:7] != "flash: " {
			t.Errorf("%q", lines)
		}
		for _, d := range s.ended {
			if m := d.Measurements[len(d.Measurements)-1]; m.Name != "flash" || m.High != 1 || !m.Outside() {
				t.Errorf("%+v", d.Measurements)
			}
		}
	})
}
