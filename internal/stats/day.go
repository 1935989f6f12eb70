// This file is one day as it goes on: what a station shows of today.

package stats

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Day counts the records of one day as they come. When a record or the clock has another
// date, it begins anew; a clock that jumps to another date and back finds what was counted
// before. The zero value is ready.
type Day struct {
	date   string
	report *Report
	known  *Group             // of all that came until now; nil: to be counted
	others map[string]*Report // by date
}

// keptDays is how many other days are kept.
const keptDays = 3

// Figures are a day's at one moment.
type Figures struct {
	Done       int     // tablets that passed
	Hour       int     // of them within the last hour
	Units      int     // tablets that anything was done to
	FirstPass  float64 // of units, 0 to 1; -1: none yet
	SecondPass float64
	LastPass   float64
	Failures   []Count // by reason, the most frequent first
	Hours      []Hour  // tablets that passed by the hour, from the first until now
	Slowest    string  // the state whose 95th percentile is the longest; "": none yet
	P95        int64   // of it, milliseconds
}

// Count is how often a key came.
type Count struct {
	Key string
	N   int
}

// Hour is what passed in one hour of the day.
type Hour struct {
	Hour int // 0 to 23, local time
	N    int
}

func (d *Day) turn(to time.Time) {
	date := to.Local().Format(time.DateOnly)
	if d.date == date {
		return
	}
	if d.others == nil {
		d.others = map[string]*Report{}
	}
	if d.report != nil {
		d.others[d.date] = d.report
	}
	d.date, d.report, d.known = date, d.others[date], nil
	if delete(d.others, date); d.report == nil {
		d.report = New(ByAll, time.Local)
	}
	if len(d.others) > keptDays {
		delete(d.others, slices.Min(slices.Collect(maps.Keys(d.others))))
	}
}

// Add counts a record.
func (d *Day) Add(r Record) {
	d.turn(r.Time)
	d.report.Add(r)
	d.known = nil
}

// Figures are what was counted of the day that now is in.
func (d *Day) Figures(now time.Time) Figures {
	d.turn(now)
	if d.known == nil {
		d.known = &Group{}
		if groups := d.report.Groups(); len(groups) > 0 {
			d.known = &groups[0]
		}
	}
	g := d.known
	f := Figures{Done: g.Passed, Units: g.Units, FirstPass: g.Yield(g.First), SecondPass: g.Yield(g.Second), LastPass: g.Yield(g.Last)}
	var hours [24]int
	for _, u := range d.report.units {
		j := u.passed()
		if j == nil {
			continue
		}
		hours[j.at.Local().Hour()]++
		if now.Sub(j.at) < time.Hour {
			f.Hour++
		}
	}
	for h, n := range hours {
		if n > 0 || len(f.Hours) > 0 && h <= now.Local().Hour() {
			f.Hours = append(f.Hours, Hour{h, n})
		}
	}
	f.Failures = byReason(g.Failures)
	for _, t := range g.States {
		if t.Name != Total && t.P95 > f.P95 {
			f.Slowest, f.P95 = t.Name, t.P95
		}
	}
	return f
}

// byReason adds up the steps of each reason.
func byReason(failures []Failure) (counts []Count) {
	for _, f := range failures {
		i := slices.IndexFunc(counts, func(c Count) bool { return c.Key == f.Class })
		if i < 0 {
			i = len(counts)
			counts = append(counts, Count{Key: f.Class})
		}
		counts[i].N += f.N
	}
	slices.SortFunc(counts, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Key, b.Key)) })
	return counts
}
