// A plain model of what is counted, which the counting agrees with on random records.

package stats

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
)

// randomRecords are n records of three days, in the order of their times, no two at one time.
func randomRecords(rnd *rand.Rand, n int) []Record {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	var list []Record
	at := noon.Add(-12 * time.Hour)
	for range n {
		at = at.Add(time.Millisecond + time.Duration(rnd.Int64N(int64(72*time.Hour)/int64(n))))
		r := Record{Time: at, Serial: pick("", "0123456789ABCDEF", "S1", "S2", "S3", "S4", "S5", "S6", "S7"),
			Station: pick("a", "b"), Port: pick("A1", "A2", ""),
			Operator: pick("", "Ann", "Ben"), Lot: pick("1", "2"), Model: pick("M", "N"), Bundle: pick("x 1", "x 2"),
			Result: flash.JobResult(pick("pass", "pass", "pass", "compliant", "fail", "fail", "interrupted", "skipped")),
			Golden: rnd.IntN(10) == 0, Foreign: rnd.IntN(10) == 0, Total: time.Duration(rnd.IntN(1000)) * time.Second}
		if r.Result == flash.Fail {
			r.Class, r.Step = flash.Class(pick("cable", "device")), pick("flash:boot", "boot")
			r.Reason = pick("", "", "battery")
		}
		for _, name := range []string{"flash", "boot"} {
			if rnd.IntN(3) > 0 {
				r.States = append(r.States, Lap{name, time.Duration(rnd.IntN(500)) * time.Second})
				r.Steps = append(r.Steps, Lap{"step " + name, time.Duration(rnd.IntN(500)) * time.Second})
			}
		}
		for _, name := range []string{"wire", "boot"} {
			if rnd.IntN(2) > 0 {
				r.Limits = append(r.Limits, Held{name, rnd.IntN(3) == 0})
			}
		}
		list = append(list, r)
	}
	return list
}

// plainly counts the records of one group in the plain way. all are in the order of time.
func plainly(all []Record, in func(Record) bool) (g Group) {
	counts := func(r Record) bool {
		return !r.Golden && !r.Foreign && slices.Contains([]string{"pass", "compliant", "fail"}, string(r.Result))
	}
	days := map[string]map[string][]Record{}
	hours := map[string]bool{}
	failures := map[[2]string]int{}
	limits := map[string]Limited{}
	states, steps := map[string][]int{}, map[string][]int{}
	for i, r := range all {
		if in(r) && r.Result == "interrupted" && !r.Golden && !r.Foreign {
			g.Interrupted++
		}
		if !counts(r) {
			continue
		}
		day, who := r.Time.Local().Format("02.01.06"), r.Serial
		if who == "" || who == "0123456789ABCDEF" {
			who = fmt.Sprint("nameless ", i)
		}
		if days[day] == nil {
			days[day] = map[string][]Record{}
		}
		days[day][who] = append(days[day][who], r)
		if !in(r) {
			continue
		}
		g.Jobs++
		hours[r.Station+r.Time.UTC().Format("2006-01-02 15")] = true
		if r.Result == "fail" {
			failures[[2]string{cmp.Or(r.Reason, string(r.Class)), r.Step}]++
		}
		if r.Result == "pass" {
			states["total"] = append(states["total"], int(r.Total.Seconds()))
			for _, l := range r.States {
				states[l.Name] = append(states[l.Name], int(l.Took.Seconds()))
			}
		}
		for _, h := range r.Limits {
			l := limits[h.Name]
			l.Name, l.Jobs = h.Name, l.Jobs+1
			if h.Outside {
				l.Outside++
			}
			limits[h.Name] = l
		}
		for _, l := range r.Steps {
			steps[l.Name] = append(steps[l.Name], int(l.Took.Seconds()))
		}
	}
	g.Hours = len(hours)
	for _, units := range days {
		for _, jobs := range units {
			good := ""
			for _, r := range jobs {
				if r.Result == "fail" {
					good += "0"
				} else {
					good += "1"
				}
			}
			if in(jobs[0]) {
				g.Units++
				if good[0] == '1' {
					g.First++
				}
				if good[:min(2, len(good))] != "00" && good != "0" {
					g.Second++
				}
				if good[len(good)-1] == '1' {
					g.Last++
				}
			}
			stands := len(good)
			for stands > 0 && good[stands-1] == '1' {
				stands--
			}
			if stands < len(good) && in(jobs[stands]) {
				g.Passed++
			}
		}
	}
	g.Limits = slices.AppendSeq([]Limited{}, maps.Values(limits))
	g.Failures, g.States, g.Steps = []Failure{}, []Times{}, []Times{}
	for f, n := range failures {
		g.Failures = append(g.Failures, Failure{f[0], f[1], n})
	}
	times := func(lists map[string][]int) (list []Times) {
		list = []Times{}
		for name, l := range lists {
			at := func(part float64) int64 { // the first of which at least this part is not above it
				for _, v := range slices.Sorted(slices.Values(l)) {
					below := 0
					for _, w := range l {
						if w <= v {
							below++
						}
					}
					if float64(below) >= part*float64(len(l))-1e-9 {
						return int64(v) * 1000
					}
				}
				return -1
			}
			list = append(list, Times{name, len(l), at(0.5), at(0.95)})
		}
		return list
	}
	g.States, g.Steps = times(states), times(steps)
	return g
}

// unordered compares groups whose lists are in any order.
func unordered(a, b Group) string {
	for _, g := range []*Group{&a, &b} {
		slices.SortFunc(g.Failures, func(x, y Failure) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		slices.SortFunc(g.States, func(x, y Times) int { return cmp.Compare(x.Name, y.Name) })
		slices.SortFunc(g.Steps, func(x, y Times) int { return cmp.Compare(x.Name, y.Name) })
		slices.SortFunc(g.Limits, func(x, y Limited) int { return cmp.Compare(x.Name, y.Name) })
	}
	return gocmp.Diff(a, b)
}

func TestReportAgreesWithTheModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		list := randomRecords(rnd, 1+rnd.IntN(300))
		for _, by := range append([]By{ByAll}, Groupings...) {
			key := func(r Record) string {
				switch by {
				case ByDay:
					return r.Time.Local().Format("2006-01-02")
				case ByPort:
					return map[bool]string{true: r.Station, false: r.Station + " " + r.Port}[r.Port == ""]
				}
				return map[By]string{ByStation: r.Station, ByOperator: r.Operator, ByLot: r.Lot,
					ByModel: r.Model, ByBundle: r.Bundle, ByClass: string(r.Class)}[by]
			}
			report := New(by, time.Local)
			for _, i := range rnd.Perm(len(list)) { // as stations come one after the other
				report.Add(list[i])
			}
			groups := report.Groups()
			if !slices.IsSortedFunc(groups, func(a, b Group) int { return cmp.Compare(a.Key, b.Key) }) {
				t.Error("the groups are not sorted")
			}
			keys := map[string]bool{}
			for _, r := range list {
				if r.Golden || r.Foreign || r.Result == flash.Skipped {
					continue
				}
				keys[key(r)] = true
			}
			if len(groups) != len(keys) {
				t.Fatalf("seed %d by %s: %d groups, not %v", seed, by, len(groups), slices.Collect(maps.Keys(keys)))
			}
			units, passed := 0, 0
			for _, g := range groups {
				want := plainly(list, func(r Record) bool { return key(r) == g.Key })
				want.Key = g.Key
				if diff := unordered(want, g); diff != "" {
					t.Fatalf("seed %d by %s %q: %s", seed, by, g.Key, diff)
				}
				units, passed = units+g.Units, passed+g.Passed
			}
			all := plainly(list, func(Record) bool { return true })
			if units != all.Units || passed != all.Passed {
				t.Errorf("seed %d by %s: %d units and %d passed, of %d and %d", seed, by, units, passed, all.Units, all.Passed)
			}
		}
	}
}

func TestDayAgreesWithTheModel(t *testing.T) {
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		list := randomRecords(rnd, 1+rnd.IntN(300))
		var d Day
		for i, r := range list {
			d.Add(r)
			if rnd.IntN(4) > 0 {
				continue
			}
			now := r.Time.Add(time.Duration(rnd.Int64N(int64(2 * time.Hour))))
			if i+1 < len(list) && now.After(list[i+1].Time) {
				now = list[i+1].Time // what comes later would be of the past
			}
			date := now.Local().YearDay()
			var today []Record
			for _, r := range list[:i+1] {
				if r.Time.Local().YearDay() == date {
					today = append(today, r)
				}
			}
			g := plainly(today, func(Record) bool { return true })
			f := d.Figures(now)
			got := []any{f.Done, f.Units, f.FirstPass, f.SecondPass, f.LastPass}
			if want := []any{g.Passed, g.Units, g.Yield(g.First), g.Yield(g.Second), g.Yield(g.Last)}; !slices.Equal(got, want) {
				t.Fatalf("seed %d: %v, not %v", seed, got, want)
			}
			sum := 0
			for _, h := range f.Hours {
				from := time.Date(now.Year(), now.Month(), now.Day(), h.Hour, 0, 0, 0, time.Local)
				within := plainly(today, func(r Record) bool { return !r.Time.Before(from) && r.Time.Before(from.Add(time.Hour)) })
				if within.Passed != h.N {
					t.Fatalf("seed %d: %d passed from %s, not %d", seed, h.N, from, within.Passed)
				}
				sum += h.N
			}
			last := plainly(today, func(r Record) bool { return r.Time.After(now.Add(-time.Hour)) })
			if sum != f.Done || last.Passed != f.Hour {
				t.Fatalf("seed %d: %d in all hours of %d; %d in the last, not %d", seed, sum, f.Done, f.Hour, last.Passed)
			}
			failed := 0
			for _, c := range f.Failures {
				failed += c.N
			}
			for _, c := range g.Failures {
				failed -= c.N
			}
			slowest := int64(0)
			for _, s := range g.States {
				if s.Name != "total" {
					slowest = max(slowest, s.P95)
				}
			}
			if failed != 0 || f.P95 != slowest {
				t.Fatalf("seed %d: %d failures too many, the slowest %d and not %d", seed, failed, f.P95, slowest)
			}
		}
	}
}
