// This file is the day in numbers: what package stats counts, as the view shows it.

package station

import (
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/stats"
)

// measuredAs are the states of a port whose times the engine measures.
var measuredAs = map[string]PortState{
	flash.MeasureFlash: Flashing, flash.MeasureBoot: Booting, flash.MeasureProvision: Provisioning, flash.MeasureCheck: Checking,
}

// figures are the day's at a moment.
func figures(d *stats.Day, now time.Time, plan float64) Figures {
	n := d.Figures(now)
	f := Figures{Done: n.Done, Hour: float64(n.Hour), Plan: plan, FirstPass: n.FirstPass, LastPass: n.LastPass,
		Slowest: string(measuredAs[n.Slowest]), P95: n.P95}
	for _, c := range n.Failures {
		f.Failures = append(f.Failures, Count(c))
	}
	for _, h := range n.Hours {
		f.Hours = append(f.Hours, Hour(h))
	}
	return f
}
