// This file counts the day: what passed, how fast, and why the others did not.

package station

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Outcome is how one job ended.
type Outcome struct {
	Time   time.Time
	Serial string // "": every nameless tablet is another
	Good   bool
	Reason string // why not, as Port.Reason has it
	Left   bool   // it counts for nothing: interrupted, foreign, a golden or test unit
}

// day counts from midnight, by the station's clock. The zero day is ready.
type day struct {
	date   string
	units  map[string]*unit
	count  int // of nameless tablets
	passed []time.Time
	why    map[string]int
}

// unit is one tablet's day: its first counted job and its last.
type unit struct{ first, last bool }

func (d *day) turn(now time.Time) {
	if date := now.Local().Format(time.DateOnly); d.date != date {
		*d = day{date: date, units: map[string]*unit{}, why: map[string]int{}}
	}
}

// add counts one outcome. A unit that passed twice has passed once.
func (d *day) add(o Outcome) {
	d.turn(o.Time)
	if o.Left {
		return
	}
	if !o.Good {
		d.why[cmp.Or(o.Reason, "bug")]++
	}
	if o.Serial == "" {
		d.count++
		o.Serial = string(rune(0)) + time.Duration(d.count).String()
	}
	u := d.units[o.Serial]
	if u == nil {
		u = &unit{first: o.Good}
		d.units[o.Serial] = u
	}
	if o.Good && !u.last {
		d.passed = append(d.passed, o.Time)
	}
	u.last = u.last || o.Good
}

// figures are the day's at a moment.
func (d *day) figures(now time.Time, plan float64, known paces) Figures {
	d.turn(now)
	f := Figures{Done: len(d.passed), Plan: plan, FirstPass: -1, LastPass: -1}
	hours := map[int]int{}
	for _, at := range d.passed {
		hours[at.Local().Hour()]++
		if now.Sub(at) < time.Hour {
			f.Hour++
		}
	}
	if n := len(d.units); n > 0 {
		first, last := 0, 0
		for _, u := range d.units {
			first += one(u.first)
			last += one(u.last)
		}
		f.FirstPass, f.LastPass = float64(first)/float64(n), float64(last)/float64(n)
	}
	for _, key := range slices.Sorted(maps.Keys(d.why)) {
		f.Failures = append(f.Failures, Count{key, d.why[key]})
	}
	slices.SortStableFunc(f.Failures, func(a, b Count) int { return b.N - a.N })
	if len(hours) > 0 {
		keys := slices.Sorted(maps.Keys(hours))
		for h := keys[0]; h <= now.Local().Hour(); h++ {
			f.Hours = append(f.Hours, Hour{h, hours[h]})
		}
	}
	f.Slowest, f.P95 = known.slowest()
	return f
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// slowest is the state whose 95th percentile over all models is the longest, in
// milliseconds.
func (p paces) slowest() (state string, p95 int64) {
	for _, s := range paceStates {
		var all []time.Duration
		for _, jobs := range p {
			for _, job := range jobs {
				all = append(all, job[s])
			}
		}
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		if at := all[(len(all)*95+99)/100-1].Milliseconds(); at > p95 {
			state, p95 = string(s), at
		}
	}
	return state, p95
}
