// This file makes evidence while jobs run: heads as the ledger grows, and a receipt as each
// job ends.

package evidence

import (
	"context"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/finished"
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
	receipts *finished.Queue // nil: none are made
	end      context.CancelFunc
	heads    sync.WaitGroup
}

// Start begins to make evidence.
func Start(ctx context.Context, o Options) *Service {
	ctx, end := context.WithCancel(ctx)
	s := &Service{end: end}
	if len(o.Witnesses) > 0 {
		failing := false
		k := &Keeper{Chain: o.Chain, Key: o.Key, Witnesses: o.Witnesses, Every: o.Every, Told: func(err error) {
			if err != nil && !failing {
				o.Warn("%v", err)
			}
			failing = err != nil
		}}
		s.heads.Go(func() { k.Run(ctx) })
	}
	if o.Receipts != "" {
		s.receipts = finished.Start(ctx, finished.Options{
			Wants:  func(flash.JobDone) bool { return true },
			Record: o.Record,
			Do: func(_ context.Context, j *ledger.JobRecord, at ledger.Head) error {
				signed, err := o.Key.Sign(NewReceipt(j, at))
				if err == nil {
					_, err = signed.Write(o.Receipts)
				}
				return err
			},
			Warn: func(record string, err error) { o.Warn("the receipt of %s: %v", record, err) },
		})
	}
	return s
}

// Event notes the record of a job that ended.
func (s *Service) Event(e flash.Event) {
	if s.receipts != nil {
		s.receipts.Event(e)
	}
}

// Close makes what is due, keeps the last head, and returns what could not be written.
func (s *Service) Close() error {
	s.end()
	failed, first := 0, error(nil)
	if s.receipts != nil {
		failed, first = s.receipts.Close()
	}
	s.heads.Wait()
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d receipts could not be written (zarya ledger receipt makes them again); the first: %w", failed, first)
}
