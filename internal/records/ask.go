// This file is what people ask of a ledger: jobs by name, jobs for other programs, and where
// its chains end.

package records

import (
	"context"
	"fmt"
	"io"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Find is [Named] for who expects to find something.
func Find(ctx context.Context, l *ledger.Ledger, name string) ([]*ledger.JobRecord, error) {
	jobs, err := Named(ctx, l, name)
	if err == nil && len(jobs) == 0 {
		err = problem.New(problem.Usage, "zarya ledger list shows what there is", "no record, job or serial %q is in the ledger", name)
	}
	return jobs, err
}

// Export is jobs as another program wants them.
type Export struct {
	Selection
	Format  string // csv or jsonl
	ExcelRu bool   // CSV as the Russian Excel reads it
}

// Check holds an export to what can be written. The chain as JSON lines is whole or nothing.
func (e Export) Check() error {
	if err := e.Selection.Check(); err != nil {
		return err
	}
	switch e.Format {
	case "csv":
		return nil
	case "jsonl":
	default:
		return problem.New(problem.Usage, "choose one of csv, jsonl", "--format: no format %q", e.Format)
	}
	for _, narrow := range []struct {
		flag string
		set  bool
	}{{"since", e.Since != 0}, {"result", e.Result != ""}, {"serial", e.Serial != ""}, {"excel-ru", e.ExcelRu}} {
		if narrow.set {
			return problem.New(problem.Usage, "a chain with holes proves nothing; --format csv can be narrowed",
				"--%s does not go with --format jsonl", narrow.flag)
		}
	}
	return nil
}

// Write writes the jobs, or the chain.
func (e Export) Write(ctx context.Context, out io.Writer, l *ledger.Ledger) error {
	if e.Format == "jsonl" {
		return Chain(ctx, out, l)
	}
	jobs, err := e.Jobs(ctx, l)
	if err != nil {
		return err
	}
	return CSV(out, jobs, e.ExcelRu)
}

// Heads writes a line for each chain of a ledger that was found unbroken.
func Heads(out io.Writer, ws *words.Words, heads []ledger.Head) error {
	for _, h := range heads {
		if _, err := fmt.Fprintln(out, ws.Sayf("%s: %d entries, unbroken, the last is %s", h.Station, h.Seq, h.Hash)); err != nil {
			return err
		}
	}
	return nil
}
