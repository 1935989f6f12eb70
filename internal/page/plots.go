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
	N          int
	VX, VY     int // where its number is
	In         bool
}

// hours is how many tablets passed in each hour.
func (s *Server) hours(f station.Figures) *bars {
	if len(f.Hours) == 0 {
		return nil
	}
	const left, top, height, right = 4, 20, 92, 46
	shown := f.Hours[max(0, len(f.Hours)-12):]
	b := &bars{Title: s.text("page.tablets-hour"), W: 340, H: top + height + 20, Base: top + height}
	most := f.Plan
	for _, h := range shown {
		most = max(most, float64(h.N))
	}
	scale := func(n float64) int { return int(n / max(most, 1) * height) }
	if f.Plan > 0 {
		b.PlanY = b.Base - scale(f.Plan)
		b.Plan = s.text("label.plan", "n", s.o.Words.Number(f.Plan, 0))
	}
	pitch := min((b.W-left-right)/len(shown), 48)
	for i, h := range shown {
		x, tall := left+i*pitch, scale(float64(h.N))
		one := bar{X: x, Y: b.Base - tall, W: pitch - 6, H: tall, N: h.N, Name: fmt.Sprint(h.Hour),
			NX: x + (pitch-6)/2, NY: b.Base + 14, VX: x + (pitch-6)/2, VY: b.Base - tall - 4}
		if tall >= 20 {
			one.In, one.VY = true, b.Base-tall+14
		}
		b.Bars = append(b.Bars, one)
		b.Label += fmt.Sprintf("%d:00 %d, ", h.Hour, h.N)
	}
	b.Label = b.Title + ": " + b.Label + b.Plan
	return b
}

// why is what tablets did not pass for, the most frequent first.
func (s *Server) why(f station.Figures) *bars {
	if len(f.Failures) == 0 {
		return nil
	}
	const row, left, wide = 26, 120, 180
	b := &bars{Title: s.text("page.why-failed"), W: 340}
	all, most := 0, 1
	for _, c := range f.Failures {
		all += c.N
		most = max(most, c.N)
	}
	b.About = s.o.Words.Count("count.failed", all, nil)
	for i, c := range f.Failures[:min(6, len(f.Failures))] {
		w, y := max(3, wide*c.N/most), 4+i*row
		name := s.text("row." + c.Key)
		b.Bars = append(b.Bars, bar{X: left, Y: y, W: w, H: row - 8, N: c.N, Name: name, NX: left - 8, NY: y + 13, VX: left + w + 7, VY: y + 13})
		b.Label += fmt.Sprintf("%s %d, ", name, c.N)
	}
	b.H = 4 + len(b.Bars)*row
	b.Label = b.Title + ": " + b.Label
	return b
}
