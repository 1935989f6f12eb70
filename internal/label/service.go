// This file prints labels as jobs end.

package label

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Options say which labels are printed.
type Options struct {
	Printer Printer
	Size    Size
	All     bool // of tablets that failed, too
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
		return o, problem.New(problem.Usage, "known are pass and all", "the setting label-on: %q", on)
	}
	o.Printer, o.All = Printer(printer), on == "all"
	o.Size, err = ParseSize(size, dpi)
	return o, err
}

// Service prints until it is closed. It takes events as an output does; a printer that is slow,
// or away, holds up no tablet.
type Service struct {
	o    Options
	end  context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	due    []string      // records; guarded by mu
	more   chan struct{} // something is due
	closed chan struct{} // nothing will be
	failed int           // labels that could not be printed; read when all has ended
	first  error         // of the first of them
}

// Start begins to print.
func Start(ctx context.Context, o Options) *Service {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &Service{o: o, end: end, more: make(chan struct{}, 1), closed: make(chan struct{})}
	s.done.Go(func() { s.print(ctx) })
	return s
}

// Event notes a job that ended.
func (s *Service) Event(e flash.Event) {
	d, ok := e.Body.(flash.JobDone)
	if !ok || d.Record == "" || d.Result == flash.Skipped || !s.o.All && d.Result != flash.Pass && d.Result != flash.Compliant {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due = append(s.due, d.Record)
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Close prints what is due, until the printer fails, and returns what could not be printed.
func (s *Service) Close() error {
	close(s.closed)
	s.done.Wait()
	s.end()
	if s.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d labels could not be printed (zarya label prints them again); the first: %w", s.failed, s.first)
}

// print prints what is due until the service is closed and nothing is due.
func (s *Service) print(ctx context.Context) {
	failing := false
	for open := true; open; {
		select {
		case <-s.more:
		case <-s.closed:
			open = false
		}
		s.mu.Lock()
		due := s.due
		s.due = nil
		s.mu.Unlock()
		for _, record := range due {
			var err error
			if failing && s.isClosed() {
				err = errors.New("the printer fails")
			} else if err = s.one(ctx, record); err != nil && !failing {
				s.o.Warn("the label of %s: %v", record, err)
			}
			if failing = err != nil; failing {
				if s.failed++; s.first == nil {
					s.first = err
				}
			}
		}
	}
}

func (s *Service) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func (s *Service) one(ctx context.Context, record string) error {
	j, _, ok, err := s.o.Record(ctx, record)
	if err == nil && !ok {
		err = errors.New("the ledger has no such record")
	}
	if err != nil {
		return err
	}
	b, err := Issue(s.o.Note, j, "zpl", s.o.Size, string(s.o.Printer), "")
	if err != nil {
		return err
	}
	return s.o.Printer.Print(ctx, b)
}
