// This file makes evidence while jobs run: heads as the ledger grows, and a receipt as each
// job ends.

package evidence

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Options say which evidence is made.
type Options struct {
	Key       *Key
	Chain     Chain
	Witnesses []Witness // of heads; none: heads are not signed
	Every     int64     // entries from one head to the next
	Receipts  string    // the folder of receipts; "": none are made
	// Record reads a job back, as ledger.Record does.
	Record func(ctx context.Context, record string) (*ledger.JobRecord, ledger.Head, bool, error)
	Warn   func(format string, args ...any) // is told when a witness begins to fail
}

// Service makes evidence until it is closed. It takes events as an output does.
type Service struct {
	o    Options
	end  context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	due    []string      // records; guarded by mu
	more   chan struct{} // something is due
	closed chan struct{} // nothing will be
	failed int           // receipts that could not be written; read when all has ended
	first  error         // of the first of them
}

// Start begins to make evidence.
func Start(ctx context.Context, o Options) *Service {
	ctx, end := context.WithCancel(ctx)
	s := &Service{o: o, end: end, more: make(chan struct{}, 1), closed: make(chan struct{})}
	if len(o.Witnesses) > 0 {
		failing := false
		k := &Keeper{Chain: o.Chain, Key: o.Key, Witnesses: o.Witnesses, Every: o.Every, Told: func(err error) {
			if err != nil && !failing {
				o.Warn("%v", err)
			}
			failing = err != nil
		}}
		s.done.Go(func() { k.Run(ctx) })
	}
	if o.Receipts != "" {
		s.done.Go(func() { s.writeReceipts(context.WithoutCancel(ctx)) })
	}
	return s
}

// Event notes the record of a job that ended.
func (s *Service) Event(e flash.Event) {
	d, ok := e.Body.(flash.JobDone)
	if !ok || d.Record == "" || s.o.Receipts == "" {
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

// Close makes what is due, keeps the last head, and returns what could not be written.
func (s *Service) Close() error {
	close(s.closed)
	s.end()
	s.done.Wait()
	if s.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d receipts could not be written (zarya ledger receipt makes them again); the first: %w", s.failed, s.first)
}

// writeReceipts writes what is due until the service is closed and nothing is due.
func (s *Service) writeReceipts(ctx context.Context) {
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
			if err := s.writeReceipt(ctx, record); err != nil {
				if s.failed++; s.failed == 1 {
					s.first = err
					s.o.Warn("%v", err)
				}
			}
		}
	}
}

func (s *Service) writeReceipt(ctx context.Context, record string) error {
	j, at, ok, err := s.o.Record(ctx, record)
	if err == nil && !ok {
		err = errors.New("the ledger has no such record")
	}
	var signed *Signed
	if err == nil {
		signed, err = s.o.Key.Sign(NewReceipt(j, at))
	}
	if err == nil {
		_, err = signed.Write(s.o.Receipts)
	}
	if err != nil {
		return fmt.Errorf("the receipt of %s: %w", record, err)
	}
	return nil
}
