// Package finished does something with the record of each job that has ended, such as printing its
// label or writing its receipt.
//
// [Start] makes a [Queue], which is an output like any other: it is given the events of jobs, and
// for each job that ended it reads the record and calls what [Options] say. It works beside the
// jobs, on one record at a time, in the order in which the jobs ended, so that a slow printer or
// disk delays no tablet. Close waits for the rest and says how many failed. What is done with a
// record is not known here.
package finished

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Options say what is done with which jobs.
type Options struct {
	Wants func(flash.JobDone) bool
	Do    func(context.Context, *ledger.JobRecord, ledger.Head) error
	// Record reads a job back, as ledger.Record does.
	Record func(ctx context.Context, record string) (*ledger.JobRecord, ledger.Head, bool, error)
	Warn   func(record string, err error) // is told when it begins to fail
	// GivesUp leaves what is still due when the queue is closed, from the first failure on.
	GivesUp bool
}

// Queue holds the records that are due. It takes events as an output does.
type Queue struct {
	o    Options
	done sync.WaitGroup

	mu     sync.Mutex
	due    []string      // records; guarded by mu
	more   chan struct{} // something is due
	closed chan struct{} // nothing will be
	failed int           // read when all has ended
	first  error         // of the records that failed
}

// Start begins to work. What is due is done although ctx has ended: a run that was stopped has
// results too.
func Start(ctx context.Context, o Options) *Queue {
	q := &Queue{o: o, more: make(chan struct{}, 1), closed: make(chan struct{})}
	q.done.Go(func() { q.work(context.WithoutCancel(ctx)) })
	return q
}

// Event notes the record of a job that ended.
func (q *Queue) Event(e flash.Event) {
	d, ok := e.Body.(flash.JobDone)
	if !ok || d.Record == "" || !q.o.Wants(d) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due = append(q.due, d.Record)
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// Close does what is due, and returns with how many records that failed, and why the first.
func (q *Queue) Close() (failed int, first error) {
	close(q.closed)
	q.done.Wait()
	return q.failed, q.first
}

// work does what is due until the queue is closed and nothing is due.
func (q *Queue) work(ctx context.Context) {
	failing := false
	for open := true; open; {
		select {
		case <-q.more:
		case <-q.closed:
			open = false
		}
		q.mu.Lock()
		due := q.due
		q.due = nil
		q.mu.Unlock()
		for _, record := range due {
			failing = q.one(ctx, record, failing) != nil
		}
	}
}

var errGivenUp = errors.New("the one before it failed, and nothing waits for this one")

// one does it with one record, after the one before it failed or not.
func (q *Queue) one(ctx context.Context, record string, failing bool) error {
	err := errGivenUp
	if !failing || !q.o.GivesUp || !q.isClosed() {
		err = q.do(ctx, record)
	}
	if err == nil {
		return nil
	}
	if !failing {
		q.o.Warn(record, err)
	}
	if q.failed++; q.first == nil {
		q.first = fmt.Errorf("%s: %w", record, err)
	}
	return err
}

func (q *Queue) do(ctx context.Context, record string) error {
	j, at, ok, err := q.o.Record(ctx, record)
	if err == nil && !ok {
		err = errors.New("the ledger has no such record")
	}
	if err != nil {
		return err
	}
	return q.o.Do(ctx, j, at)
}

func (q *Queue) isClosed() bool {
	select {
	case <-q.closed:
		return true
	default:
		return false
	}
}
