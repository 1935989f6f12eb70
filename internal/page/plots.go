// This file is the plots: bars as SVG, by attributes alone.

package page

import (
	"fmt"

	"github.com/zarya-station/zarya/internal/station"
)

// bars is one plot. Coordinates are those of its view box.
type bars struct {
	Title, About string
	Label        string // the whole of it in words, for who does not see it
	W, H         int
	Base         int // y of the line that bars stand on; 0: they lie
	PlanY        int // 0: no plan
	Plan         string
	Bars         []bar
}

type bar struct {
	X, Y, W, H int
	Name       string
	NX, NY     int // where its name is
	N          string
	VX, VY     int // where its number is
	In         bool
}

// hours is how many tablets passed in each hour.
func (s *Server) hours(f station.Figures) *bars {
	if len(f.Hours) == 0 {
		return nil
	}
	shown := f.Hours[max(0, len(f.Hours)-12):]
	points := make([]point, len(shown))
	for i, h := range shown {
		points[i] = point{fmt.Sprint(h.Hour), h.N}
	}
	return s.upright(s.text("page.tablets-hour"), points, f.Plan)
}

// point is one bar of a plot.
type point struct {
	name string
	n    int
}

// upright is bars that stand. Where there are many, not each has room for its words.
func (s *Server) upright(title string, points []point, plan float64) *bars {
	const left, top, height = 4, 20, 92
	right := 4
	if plan > 0 {
		right = 46 // its name stands there
	}
	b := &bars{Title: title, W: 340, H: top + height + 20, Base: top + height}
	most := plan
	for _, p := range points {
		most = max(most, float64(p.n))
	}
	scale := func(n float64) int { return int(n / max(most, 1) * height) }
	if plan > 0 {
		b.PlanY = b.Base - scale(plan)
		b.Plan = s.text("label.plan", "n", s.o.Words.Number(plan, 0))
	}
	pitch := min((b.W-left-right)/max(1, len(points)), 48)
	gap := min(6, max(1, pitch/4))
	every := 1
	if pitch < 20 {
		every = (36 + pitch) / max(1, pitch)
	}
	told := false // where not all have room for their numbers, the highest has
	for i, p := range points {
		x, tall := left+i*pitch, scale(float64(p.n))
		one := bar{X: x, Y: b.Base - tall, W: pitch - gap, H: tall,
			NX: x + (pitch-gap)/2, NY: b.Base + 14, VX: x + (pitch-gap)/2, VY: b.Base - tall - 4}
		if i%every == every/2 {
			one.Name = p.name
		}
		if every == 1 || p.n == int(most) && !told {
			one.N, told = s.number(p.n), true
		}
		if tall >= 20 && every == 1 {
			one.In, one.VY = true, b.Base-tall+14
		}
		b.Bars = append(b.Bars, one)
		b.Label += fmt.Sprintf("%s %d, ", p.name, p.n)
	}
	b.Label = b.Title + ": " + b.Label + b.Plan
	return b
}

// why is what tablets did not pass for, the most frequent first.
func (s *Server) why(f station.Figures) *bars {
	all := 0
	for _, c := range f.Failures {
		all += c.N
	}
	return s.lying(f.Failures[:min(6, len(f.Failures))], all, 120, func(key string) string { return s.text("row." + key) })
}

// lying is bars that lie, the longest first; all is what they are part of, left the room for
// their names. It is nil if there are none.
func (s *Server) lying(counts []station.Count, all, left int, name func(key string) string) *bars {
	if len(counts) == 0 {
		return nil
	}
	const row = 26
	b := &bars{Title: s.text("page.why-failed"), About: s.o.Words.Count("count.failed", all, nil), W: 340}
	wide, most := b.W-left-40, 1
	for _, c := range counts {
		most = max(most, c.N)
	}
	for i, c := range counts {
		w, y := max(3, wide*c.N/most), 4+i*row
		b.Bars = append(b.Bars, bar{X: left, Y: y, W: w, H: row - 8, N: s.number(c.N),
			Name: name(c.Key), NX: left - 8, NY: y + 13, VX: left + w + 7, VY: y + 13})
		b.Label += fmt.Sprintf("%s %d, ", name(c.Key), c.N)
	}
	b.H = 4 + len(b.Bars)*row
	b.Label = b.Title + ": " + b.Label
	return b
}
