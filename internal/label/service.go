// This file prints labels as jobs end.

package label

import (
	"context"
	"fmt"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/finished"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// Options say which labels are printed.
type Options struct {
	Printer Printer
	Size    Size
	All     bool // of tablets that failed, too
	Words   *words.Words
	// Record reads a job back, as ledger.Record does; Note is ledger.Label.
	Record func(ctx context.Context, record string) (*ledger.JobRecord, ledger.Head, bool, error)
	Note   func(ledger.Label) (int, error)
	Warn   func(format string, args ...any) // is told when the printer begins to fail
}

// FromSettings are the options that the settings label, label-on, label-size and label-dpi ask
// for; without a printer nothing is printed.
func FromSettings(lookup func(key string) (value, source string)) (o Options, err error) {
	printer, _ := lookup("label")
	on, _ := lookup("label-on")
	size, _ := lookup("label-size")
	dpi, _ := lookup("label-dpi")
	if on != "" && on != "pass" && on != "all" {
		return o, problem.New(problem.Usage, "choose one of pass and all", "the setting label-on: %q", on)
	}
	o.Printer, o.All = Printer(printer), on == "all"
	o.Size, err = ParseSize(size, dpi)
	return o, err
}

// Service prints until it is closed.
type Service struct{ *finished.Queue }

// Start begins to print.
func Start(ctx context.Context, o Options) *Service {
	return &Service{finished.Start(ctx, finished.Options{
		Wants: func(d flash.JobDone) bool {
			return d.Result != flash.Skipped && (o.All || d.Result == flash.Pass || d.Result == flash.Compliant)
		},
		Record: o.Record,
		Do: func(ctx context.Context, j *ledger.JobRecord, _ ledger.Head) error {
			b, err := Issue(o.Note, j, o.Words, "zpl", o.Size, string(o.Printer), "")
			if err != nil {
				return err
			}
			return o.Printer.Print(ctx, b)
		},
		Warn:    func(record string, err error) { o.Warn("the label of %s: %v", record, err) },
		GivesUp: true,
	})}
}

// Close prints what is due, until the printer fails, and returns what could not be printed.
func (s *Service) Close() error {
	failed, first := s.Queue.Close()
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d labels could not be printed (zarya label prints them again); the first: %w", failed, first)
}
