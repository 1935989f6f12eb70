// This file is the report: yields by day, what tablets did not pass for, how long things
// take. It is counted by the rules of zarya report.

package page

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/untrusted"
	"github.com/zarya-station/zarya/internal/words"
)

const (
	reportAge = 30 * time.Second // how old a report may be: it is counted from a month of records
	mostSteps = 20               // that are listed, the slowest first
	mostWhy   = 10               // bars of reasons
	mostName  = 24               // bytes of a step's name beside its bar
)

// spans are the days that a report may be of.
var spans = []int{1, 7, 30}

// Counter gives the records of the jobs that ended since a time, each once, to add.
type Counter func(ctx context.Context, since time.Time, add func(stats.Record)) error

// reports are those that were counted lately.
type reports struct {
	sync.Mutex // held while one is counted: a hundred browsers do not read the ledger at once
	by         map[int]counted
}

type counted struct {
	at   time.Time
	all  stats.Group
	days []stats.Group
}

type (
	reportPage struct {
		head
		Spans  []span
		Tiles  []tile
		Days   []dayRow
		Passed *bars
		Yields *lines
		Why    *bars
		States []timeRow
		Steps  []timeRow
	}
	span struct {
		Days int
		Name string
		Now  bool
	}
	dayRow  struct{ Day, Passed, Units, First, Second, Last, Hour, Cut string }
	timeRow struct{ Name, N, P50, P95 string }
)

func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	days := 7
	for _, n := range spans {
		if r.URL.Query().Get("days") == fmt.Sprint(n) {
			days = n
		}
	}
	c, err := s.count(r.Context(), days, time.Now())
	if err != nil {
		s.o.Log("the page's report: %v", err)
		s.fail(w, http.StatusServiceUnavailable, s.text("page.no-report", "words", err.Error()), "/")
		return
	}
	p := reportPage{head: s.head("report"), Tiles: s.reportTiles(c.all),
		Why: s.failures(c.all.Failures), States: s.times(c.all.States, "page.span."),
		Steps: s.times(c.all.Steps[:min(mostSteps, len(c.all.Steps))], "")}
	p.Spans = s.spans(days)
	for _, g := range c.days {
		p.Days = append(p.Days, s.dayRow(g))
	}
	slices.Reverse(p.Days)
	if len(c.days) > 1 {
		p.Passed, p.Yields = s.passed(c.days), s.yields(c.days)
	}
	s.render(w, http.StatusOK, "report", p)
}

// count is a report of so many days, today's among them.
func (s *Server) count(ctx context.Context, days int, now time.Time) (counted, error) {
	s.reports.Lock()
	defer s.reports.Unlock()
	if c, ok := s.reports.by[days]; ok && now.Sub(c.at) < reportAge && now.Sub(c.at) >= 0 {
		return c, nil
	}
	c := counted{at: now}
	if s.o.Count == nil {
		return c, nil
	}
	all, byDay := stats.New(stats.ByAll, time.Local), stats.New(stats.ByDay, time.Local)
	err := s.o.Count(ctx, firstOf(days, now), func(r stats.Record) {
		all.Add(r)
		byDay.Add(r)
	})
	if err != nil {
		return counted{}, err
	}
	if groups := all.Groups(); len(groups) > 0 {
		c.all = groups[0]
	}
	c.days = byDay.Groups()
	c.days = c.days[max(0, len(c.days)-days-1):] // a clock that was wrong makes days of its own
	if s.reports.by == nil {
		s.reports.by = map[int]counted{}
	}
	s.reports.by[days] = c
	return c, nil
}

// part is a yield in words.
func (s *Server) part(p float64) string {
	if p < 0 {
		return "–"
	}
	return s.o.Words.PercentWide(p)
}

func (s *Server) number(n int) string { return s.o.Words.Number(float64(n), 0) }

func (s *Server) rate(g stats.Group) string {
	if g.Rate() < 0 {
		return "–"
	}
	return s.o.Words.Number(g.Rate(), 0)
}

func (s *Server) reportTiles(g stats.Group) []tile {
	return []tile{
		{s.text("page.passed"), s.number(g.Passed), s.text("page.of", "n", s.number(g.Units))},
		{s.text("label.per-hour"), s.rate(g), ""},
		{s.text("label.first-pass"), s.part(g.Yield(g.First)), ""},
		{s.text("page.second-pass"), s.part(g.Yield(g.Second)), ""},
		{s.text("label.last-pass"), s.part(g.Yield(g.Last)), ""},
	}
}

func (s *Server) dayRow(g stats.Group) dayRow {
	return dayRow{g.Key, s.number(g.Passed), s.number(g.Units), s.part(g.Yield(g.First)), s.part(g.Yield(g.Second)),
		s.part(g.Yield(g.Last)), s.rate(g), s.number(g.Interrupted)}
}

// times are how long things took; those with a family of words are called by it.
func (s *Server) times(list []stats.Times, family string) (rows []timeRow) {
	for _, t := range list {
		name := t.Name
		if family != "" {
			name = s.text(family + name)
		}
		rows = append(rows, timeRow{name, s.number(t.N), s.took(t.P50), s.took(t.P95)})
	}
	return rows
}

// took is a time: with tenths below a minute, as a clock counts it above.
func (s *Server) took(ms int64) string {
	if ms < 60_000 {
		return s.text("page.seconds", "n", s.o.Words.Number(float64(ms)/1000, 1))
	}
	return words.Clock(time.Duration(ms) * time.Millisecond)
}

// failures are a plot of the reasons, the most frequent first, each with its step.
func (s *Server) failures(list []stats.Failure) *bars {
	counts := make([]station.Count, 0, len(list))
	names := map[string]string{}
	for i, f := range list[:min(mostWhy, len(list))] {
		key := fmt.Sprint(i)
		name := s.reason(flash.Class(f.Class))
		if f.Step != "" {
			name += " · " + untrusted.Line(f.Step, mostName)
		}
		counts, names[key] = append(counts, station.Count{Key: key, N: f.N}), name
	}
	all := 0
	for _, f := range list {
		all += f.N
	}
	return s.lying(counts, all, 210, func(key string) string { return names[key] })
}

// passed is a plot of the tablets that passed on each day.
func (s *Server) passed(days []stats.Group) *bars {
	points := make([]point, 0, len(days))
	for _, g := range days {
		points = append(points, point{s.shortDay(g.Key), g.Passed})
	}
	return s.upright(s.text("page.tablets-day"), points, 0)
}

// shortDay is 11-26 or 26.11 of 2026-11-26.
func (s *Server) shortDay(key string) string {
	t, err := time.Parse(time.DateOnly, key)
	if err != nil {
		return key
	}
	return t.Format(s.o.Words.DayForm())
}

// lines is a plot of the first-pass and last-pass yield by day.
type lines struct {
	Title, Label string
	W, H         int
	Grid         []gridLine
	First, Last  string // points of the lines
	FirstName    string
	LastName     string
	FirstY       int
	LastY        int
	NX           int
	Dates        []gridLine
}

type gridLine struct {
	X, Y int
	Name string
}

// yields draws from the lowest ten percent that is reached up to all.
func (s *Server) yields(days []stats.Group) *lines {
	const left, right, top, height = 40, 106, 10, 92
	l := &lines{Title: s.text("page.yields"), W: 340, H: top + height + 20, NX: 340 - right + 8,
		FirstName: s.text("label.first-pass"), LastName: s.text("label.last-pass")}
	floor := 1.0
	known := slices.DeleteFunc(slices.Clone(days), func(g stats.Group) bool { return g.Units == 0 })
	if len(known) < 2 {
		return nil
	}
	for _, g := range known {
		floor = min(floor, g.Yield(g.First), g.Yield(g.Last))
	}
	floor = min(.9, float64(int(floor*10))/10)
	y := func(p float64) int { return top + int((1-p)/(1-floor)*height) }
	for _, p := range []float64{floor, (1 + floor) / 2, 1} {
		l.Grid = append(l.Grid, gridLine{left, y(p), s.text("unit.percent", "n", s.o.Words.Number(p*100, 0))})
	}
	every := max(1, (len(known)+3)/4)
	l.Label = l.Title + ":"
	for i, g := range known {
		x := left + 6 + i*(l.W-left-right-6)/(len(known)-1)
		first, last := g.Yield(g.First), g.Yield(g.Last)
		l.FirstY, l.LastY = y(first), y(last)
		l.First += fmt.Sprintf("%d,%d ", x, l.FirstY)
		l.Last += fmt.Sprintf("%d,%d ", x, l.LastY)
		if i%every == 0 {
			l.Dates = append(l.Dates, gridLine{x, top + height + 14, s.shortDay(g.Key)})
		}
		l.Label += fmt.Sprintf(" %s %s / %s,", s.shortDay(g.Key), s.part(first), s.part(last))
	}
	if l.FirstY-l.LastY < 13 { // the names do not lie on one another
		l.FirstY = l.LastY + 13
	}
	return l
}
