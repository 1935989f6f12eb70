// This file is a label that a person asks for.

package label

import (
	"cmp"
	"context"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Order is a label that a person asks for. Everything but Name may be "": then it is the usual.
type Order struct {
	Name      string // a record, a job, or a tablet's serial
	Format    string // one of [Formats]; what the name of To ends with, or ZPL
	To        string // a [Printer], or - for where the person reads
	Size, DPI string // as [ParseSize] reads them
	By        string // who wants it
	Words     *words.Words
}

// Ready fills in what is usual, and refuses what cannot be had. printer is the one of this
// machine, "" is none; terminal says that - is a terminal.
func (o *Order) Ready(printer string, terminal bool) error {
	if _, err := ParseSize(o.Size, o.DPI); err != nil {
		return err
	}
	o.To = cmp.Or(o.To, printer, "-")
	o.Format = cmp.Or(o.Format, FormatOf(o.To))
	if o.To == "-" && o.Format != "zpl" && terminal {
		return problem.New(problem.Usage, "name a file: --to label."+o.Format, "a terminal shows no %s", o.Format)
	}
	return nil
}

// Issue records a copy of the label in a ledger and makes it.
func (o *Order) Issue(ctx context.Context, l *ledger.Ledger) ([]byte, error) {
	size, err := ParseSize(o.Size, o.DPI)
	if err != nil {
		return nil, err
	}
	j, err := Find(ctx, l, o.Name)
	if err != nil {
		return nil, err
	}
	return Issue(l.Label, j, o.Words, o.Format, size, o.To, o.By)
}
