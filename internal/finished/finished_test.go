package finished_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/finished"
	"github.com/zarya-station/zarya/internal/ledger"
)

// jobs ends jobs in a bubble and returns what was done and warned of; those in fails fail, the
// one in missing has no record. They end at once while the first is held.
func jobs(t *testing.T, givesUp bool, fails, missing []string, results ...flash.JobDone) (did, warned []string, failed int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		ctx, stop := context.WithCancel(t.Context())
		q := finished.Start(ctx, finished.Options{
			Wants: func(d flash.JobDone) bool { return d.Result == flash.Pass },
			Record: func(ctx context.Context, record string) (*ledger.JobRecord, ledger.Head, bool, error) {
				return &ledger.JobRecord{Record: record}, ledger.Head{}, !slices.Contains(missing, record), ctx.Err()
			},
			Do: func(_ context.Context, j *ledger.JobRecord, _ ledger.Head) error {
				<-held
				did = append(did, j.Record)
				if slices.Contains(fails, j.Record) {
					return errors.New("out of paper")
				}
				return nil
			},
			Warn:    func(record string, _ error) { warned = append(warned, record) },
			GivesUp: givesUp,
		})
		q.Event(flash.Event{Body: flash.Waiting{}})
		for _, d := range results {
			q.Event(flash.Event{Body: d}) // returns although the first is held
		}
		synctest.Wait()
		stop()
		go func() {
			synctest.Wait() // until it is being closed
			close(held)
		}()
		var first error
		if failed, first = q.Close(); (first == nil) != (failed == 0) {
			t.Errorf("%d failed, the first: %v", failed, first)
		}
	})
	return did, warned, failed
}

func passed(record string) flash.JobDone { return flash.JobDone{Record: record, Result: flash.Pass} }

func TestEachWantedRecordIsDoneInItsOrder(t *testing.T) {
	unwanted := flash.JobDone{Record: "x", Result: flash.Fail}
	did, warned, failed := jobs(t, false, nil, nil, passed("a"), passed(""), unwanted, passed("b"), passed("c"))
	if !slices.Equal(did, []string{"a", "b", "c"}) || warned != nil || failed != 0 {
		t.Errorf("did %q, warned of %q, %d failed", did, warned, failed)
	}
}

func TestFailuresAreCountedAndToldWhenTheyBegin(t *testing.T) {
	did, warned, failed := jobs(t, false, []string{"a", "b", "d"}, []string{"e"},
		passed("a"), passed("b"), passed("c"), passed("d"), passed("e"))
	if !slices.Equal(did, []string{"a", "b", "c", "d"}) || !slices.Equal(warned, []string{"a", "d"}) || failed != 4 {
		t.Errorf("did %q, warned of %q, %d failed", did, warned, failed)
	}
}

func TestAClosedQueueThatGivesUpTriesNoMore(t *testing.T) {
	did, _, failed := jobs(t, true, []string{"a"}, nil, passed("a"), passed("b"), passed("c"))
	if !slices.Equal(did, []string{"a"}) || failed != 3 {
		t.Errorf("did %q, %d failed", did, failed)
	}
}
