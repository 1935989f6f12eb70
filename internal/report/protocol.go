// This file is a lot's protocol of acceptance: what was handed over, to be signed.

package report

import (
	"cmp"
	"context"
	"io"
	"slices"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Protocol is what a protocol's template shows. Times are local, as they are shown.
type Protocol struct {
	Lang, Lot, From, Until string
	Total, Passed, Failed  int
	Stations, Operators    []string
	Sources                []ProtocolSource // what passed tablets became
	Tablets                []ProtocolTablet
}

// ProtocolSource is from which exact files so many tablets were made.
type ProtocolSource struct {
	Profile, Bundle string
	Source          flash.Source
	N               int
}

// ProtocolTablet is one tablet with its last job.
type ProtocolTablet struct {
	N                                                            int
	Serial, Inventory, Model, Result, Disposition, Ended, Record string
	Good                                                         bool
}

// NewProtocol collects the tablets of a lot. The last job of each counts; interrupted ones,
// golden units, and tablets that nothing here was for are none of it.
func NewProtocol(ctx context.Context, l Source, lot string, w *words.Words) (*Protocol, error) {
	disposed, err := l.Dispositions(ctx)
	if err != nil {
		return nil, readProblem(err)
	}
	last := map[string]*ledger.JobRecord{}
	for j, err := range l.Ended(ctx, time.Time{}, time.Time{}) {
		if err != nil {
			return nil, readProblem(err)
		}
		counts := j.Result == string(flash.Fail) || passed(j)
		if j.Lot != lot || j.Golden || j.Foreign || !counts {
			continue
		}
		key := cmp.Or(j.Serial, "record "+j.Record)
		if old := last[key]; old == nil || old.Ended <= j.Ended {
			j.Disposition = disposed[j.Record]
			last[key] = j
		}
	}
	if len(last) == 0 {
		return nil, problem.New(problem.Usage, "zarya report --by lot lists them", "nothing is recorded of the lot %q", lot)
	}
	return protocolOf(lot, last, w), nil
}

// protocolOf makes the protocol of the tablets' last jobs.
func protocolOf(lot string, last map[string]*ledger.JobRecord, w *words.Words) *Protocol {
	p := &Protocol{Lang: w.Lang(), Lot: lot}
	jobs := make([]*ledger.JobRecord, 0, len(last))
	for _, j := range last {
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *ledger.JobRecord) int {
		return cmp.Or(cmp.Compare(a.Serial, b.Serial), cmp.Compare(a.Record, b.Record))
	})
	first, end := jobs[0].Ended, jobs[0].Ended
	for _, j := range jobs {
		first, end = min(first, j.Ended), max(end, j.Ended)
		t := ProtocolTablet{N: len(p.Tablets) + 1, Serial: cmp.Or(j.Serial, j.Tablet), Inventory: j.Inventory, Model: j.Model,
			Ended: localTime(j.Ended, w.DateForm()+" 15:04"), Record: j.Record, Good: passed(j), Result: w.Text("state.fail", nil)}
		if t.Good {
			t.Result = w.Text("state.pass", nil)
			p.Passed++
			p.count(j)
		} else if j.Disposition != "" {
			t.Disposition = w.Text("fate."+string(j.Disposition), nil)
		}
		p.Tablets = append(p.Tablets, t)
		p.Stations, p.Operators = append(p.Stations, j.Station), append(p.Operators, j.Operator)
	}
	p.Total = len(p.Tablets)
	p.Failed = p.Total - p.Passed
	p.From, p.Until = localTime(first, w.DateForm()), localTime(end, w.DateForm())
	for _, names := range []*[]string{&p.Stations, &p.Operators} {
		slices.Sort(*names)
		*names = slices.DeleteFunc(slices.Compact(*names), func(s string) bool { return s == "" })
	}
	return p
}

// count counts what a tablet became.
func (p *Protocol) count(j *ledger.JobRecord) {
	s := ProtocolSource{Profile: j.Profile, Bundle: j.Bundle}
	if s.Profile+s.Bundle == "" {
		return // single images: each record says which
	}
	if j.Source != nil {
		s.Source = *j.Source
	}
	same := func(o ProtocolSource) bool {
		return o.Profile == s.Profile && o.Bundle == s.Bundle && o.Source == s.Source
	}
	i := slices.IndexFunc(p.Sources, same)
	if i < 0 {
		i, p.Sources = len(p.Sources), append(p.Sources, s)
	}
	p.Sources[i].N++
}

// localTime shows a ledger's time.
func localTime(ts, form string) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ts
	}
	return t.Local().Format(form)
}

// HTML writes the protocol; template is a text/HTML template of the buyer's, "" is ours.
func (p *Protocol) HTML(out io.Writer, template string, w *words.Words) error {
	if err := render(out, "protocol.html", template, w, p); err != nil {
		if _, told := problem.KindOf(err); told || template == "" {
			return err
		}
		return problem.New(problem.Invalid, "docs/report.md lists what a template can show", "the template: %w", err)
	}
	return nil
}
