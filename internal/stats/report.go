// This file counts records by group: yields, failures, times.

package stats

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// By is what records are grouped by.
type By string

// What records can be grouped by. All is one group.
const (
	ByAll      By = ""
	ByDay      By = "day"
	ByStation  By = "station"
	ByPort     By = "port"
	ByOperator By = "operator"
	ByLot      By = "lot"
	ByModel    By = "model"
	ByBundle   By = "bundle"
	ByClass    By = "class" // of a failure; "" passed
)

// Groupings are all of them but ByAll.
var Groupings = []By{ByDay, ByStation, ByPort, ByOperator, ByLot, ByModel, ByBundle, ByClass}

// Key is the group of a record; days are those of a location.
func (by By) Key(r Record, location *time.Location) string {
	switch by {
	case ByDay:
		return r.Time.In(location).Format(time.DateOnly)
	case ByStation:
		return r.Station
	case ByPort:
		return strings.Trim(r.Station+" "+r.Port, " ") // each station has an A1
	case ByOperator:
		return r.Operator
	case ByLot:
		return r.Lot
	case ByModel:
		return r.Model
	case ByBundle:
		return r.Bundle
	case ByClass:
		return string(r.Class)
	default:
		return ""
	}
}

// Report counts records. Make one with New.
type Report struct {
	by       By
	location *time.Location
	units    map[unitKey]*unit
	groups   map[string]*group
	nameless int // units without a serial
}

// New makes a report that is grouped by something; days are those of a location.
func New(by By, location *time.Location) *Report {
	return &Report{by: by, location: location, units: map[unitKey]*unit{}, groups: map[string]*group{}}
}

// unitKey is one tablet on one day.
type unitKey struct{ day, serial string }

// unit is its jobs, in the order in which they came.
type unit struct{ jobs []job }

// job is what is kept of a record.
type job struct {
	at      time.Time
	station string
	attempt int // of the tablet at the station; 0 is not known
	good    bool
	group   *group
}

// before reports whether a job came before another: at one station by their attempts, which
// no clock changes, else by their times.
func (j job) before(o job) bool {
	if j.station == o.station && j.attempt > 0 && o.attempt > 0 {
		return j.attempt < o.attempt
	}
	return j.at.UnixMicro() < o.at.UnixMicro()
}

// group is what is counted of one.
type group struct {
	jobs, left int
	hours      map[stationHour]bool
	failures   map[failure]int
	states     map[string][]int64 // milliseconds
	steps      map[string][]int64
	limits     map[Held]int
}

type stationHour struct {
	station string
	hour    int64
}

type failure struct{ class, step string }

// Add counts a record.
func (r *Report) Add(rec Record) {
	day := rec.Time.In(r.location).Format(time.DateOnly)
	key := r.by.Key(rec, r.location)
	g := r.groups[key]
	if !rec.Counts() {
		if rec.Result != flash.Interrupted || rec.Golden || rec.Foreign {
			return
		}
	}
	if g == nil {
		g = &group{hours: map[stationHour]bool{}, failures: map[failure]int{}, states: map[string][]int64{}, steps: map[string][]int64{},
			limits: map[Held]int{}}
		r.groups[key] = g
	}
	if !rec.Counts() {
		g.left++
		return
	}
	g.jobs++
	g.hours[stationHour{rec.Station, rec.Time.Unix() / 3600}] = true
	if !rec.Good() {
		g.failures[failure{cmp.Or(rec.Reason, string(rec.Class)), rec.Step}]++
	}
	for _, h := range rec.Limits {
		g.limits[h]++
	}
	for _, lap := range rec.Steps {
		g.steps[lap.Name] = append(g.steps[lap.Name], lap.Took.Milliseconds())
	}
	if rec.Result == flash.Pass {
		for _, lap := range append(slices.Clone(rec.States), Lap{Total, rec.Total}) {
			g.states[lap.Name] = append(g.states[lap.Name], lap.Took.Milliseconds())
		}
	}
	who := unitKey{day, rec.Serial}
	if rec.Serial == "" || flash.Placeholder(rec.Serial) {
		r.nameless++
		who.serial = fmt.Sprintf("\x00%d", r.nameless)
	}
	u := r.units[who]
	if u == nil {
		u = &unit{}
		r.units[who] = u
	}
	u.add(job{rec.Time, rec.Station, rec.Attempt, rec.Good(), g})
}

// add puts a job where it belongs; of two with one time, the one that came first is first.
func (u *unit) add(j job) {
	i := len(u.jobs)
	for i > 0 && j.before(u.jobs[i-1]) {
		i--
	}
	u.jobs = slices.Insert(u.jobs, i, j)
}

func (u *unit) first() bool  { return u.jobs[0].good }
func (u *unit) second() bool { return u.first() || len(u.jobs) > 1 && u.jobs[1].good }
func (u *unit) last() bool   { return u.jobs[len(u.jobs)-1].good }

// passed is the job with which the unit passed and since when it has not failed; nil if its
// last job failed.
func (u *unit) passed() (j *job) {
	for i := len(u.jobs) - 1; i >= 0 && u.jobs[i].good; i-- {
		j = &u.jobs[i]
	}
	return j
}

// Total is the name of the time of a whole job among the states.
const Total = "total"

// Group is what was counted of one group.
type Group struct {
	Key         string    `json:"key"`
	Jobs        int       `json:"jobs"`        // that count
	Interrupted int       `json:"interrupted"` // that do not
	Units       int       `json:"units"`
	First       int       `json:"first"`  // units whose first job passed
	Second      int       `json:"second"` // one of whose first two jobs passed
	Last        int       `json:"last"`   // whose last job passed
	Passed      int       `json:"passed"` // tablets that passed here
	Hours       int       `json:"hours"`  // in which a job ended, of all stations
	Failures    []Failure `json:"failures"`
	States      []Times   `json:"states"` // of jobs that passed
	Steps       []Times   `json:"steps"`
	Limits      []Limited `json:"limits"` // of measurements, those that were beyond most often first
}

// Limited is how often a measurement was beyond its limit.
type Limited struct {
	Name    string `json:"name"`
	Jobs    int    `json:"jobs"` // in which it had a limit
	Outside int    `json:"outside"`
}

// Yield is a part of the units, 0 to 1; -1 if there are none.
func (g Group) Yield(passed int) float64 {
	if g.Units == 0 {
		return -1
	}
	return float64(passed) / float64(g.Units)
}

// Rate is tablets an hour; -1 is not known.
func (g Group) Rate() float64 {
	if g.Hours == 0 {
		return -1
	}
	return float64(g.Passed) / float64(g.Hours)
}

// Failure is how often jobs failed for one reason at one step.
type Failure struct {
	Class string `json:"class"`
	Step  string `json:"step"`
	N     int    `json:"n"`
}

// Times is how long something took.
type Times struct {
	Name string `json:"name"`
	N    int    `json:"n"`
	P50  int64  `json:"p50_ms"`
	P95  int64  `json:"p95_ms"`
}

// Groups is what was counted until now, by key.
func (r *Report) Groups() []Group {
	counted := map[*group]*Group{}
	list := make([]Group, 0, len(r.groups))
	for _, key := range slices.Sorted(maps.Keys(r.groups)) {
		g := r.groups[key]
		list = append(list, Group{Key: key, Jobs: g.jobs, Interrupted: g.left, Hours: len(g.hours),
			Failures: pareto(g.failures), States: quantiles(g.states, stateOrder), Steps: quantiles(g.steps, nil), Limits: limited(g.limits)})
		counted[g] = &list[len(list)-1]
	}
	for _, u := range r.units {
		g := counted[u.jobs[0].group]
		g.Units++
		g.First += one(u.first())
		g.Second += one(u.second())
		g.Last += one(u.last())
		if j := u.passed(); j != nil {
			counted[j.group].Passed++
		}
	}
	return list
}

// pareto is the most frequent first.
func pareto(failures map[failure]int) []Failure {
	list := []Failure{}
	for f, n := range failures {
		list = append(list, Failure{f.class, f.step, n})
	}
	slices.SortFunc(list, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Step, b.Step))
	})
	return list
}

// limited is what was beyond its limit most often first.
func limited(held map[Held]int) []Limited {
	list := []Limited{}
	for h, n := range held {
		i := slices.IndexFunc(list, func(l Limited) bool { return l.Name == h.Name })
		if i < 0 {
			i = len(list)
			list = append(list, Limited{Name: h.Name})
		}
		list[i].Jobs += n
		list[i].Outside += n * one(h.Outside)
	}
	slices.SortFunc(list, func(a, b Limited) int {
		return cmp.Or(cmp.Compare(b.Outside, a.Outside), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// stateOrder is that of a whole run.
var stateOrder = []string{flash.MeasureFlash, flash.MeasureBoot, flash.MeasureProvision, flash.MeasureCheck, Total}

// quantiles are those of each list: in the order given, or the slowest first.
func quantiles(lists map[string][]int64, order []string) []Times {
	list := []Times{}
	for name, values := range lists {
		slices.Sort(values)
		list = append(list, Times{name, len(values), quantile(values, 50), quantile(values, 95)})
	}
	slices.SortFunc(list, func(a, b Times) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Name), slices.Index(order, b.Name)),
			cmp.Compare(b.P95, a.P95), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// quantile is the smallest value that is not below so many percent of all, which are sorted.
func quantile(values []int64, percent int) int64 { return values[(len(values)*percent+99)/100-1] }

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
