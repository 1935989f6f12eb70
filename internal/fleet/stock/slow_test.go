//go:build linux

// A database that answers at the last moment.

package stock

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

// lastMoment is a tracer of a connection: the answer to who holds an identity has come, and is
// looked at when the time for it is over.
type lastMoment struct{ answers atomic.Int64 }

type asksForHolder struct{}

// TraceQueryStart marks the question.
func (*lastMoment) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, asksForHolder{}, strings.Contains(q.SQL, "zarya.adopt("))
}

// TraceQueryEnd waits, behind an answer that names an identity, until the time is over.
func (l *lastMoment) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	if is, _ := ctx.Value(asksForHolder{}).(bool); is && q.CommandTag.RowsAffected() > 0 {
		<-ctx.Done()
		l.answers.Add(1)
	}
}

// traced lets a tracer see what the stock asks the database.
func (m *machine) traced(by pgx.QueryTracer) {
	m.connect = func(ctx context.Context) (*fleet.DB, error) {
		_, as, err := m.files.Login()
		if err != nil {
			return nil, err
		}
		c, err := fleet.Parse(m.url, as)
		if err != nil {
			return nil, err
		}
		c.ConnConfig.Tracer = by
		return fleet.Connect(ctx, c)
	}
}

// TestAnAnswerAtTheLastMoment: the time is the database's alone. The ledger takes what was
// answered in it, however late it is by then; an error of the ledger would stop the station.
func TestAnAnswerAtTheLastMoment(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a, b := newMachine(t, s, "a").start("p"), newMachine(t, s, "b")
	anna.imports("p", 1, 100)
	var late lastMoment
	b.answer = time.Second
	b.traced(&late)
	working := b.start("p")
	working.give("p", "warm")                                               // it is connected, and has some of its own
	for i := 0; late.answers.Load() == 0 && t.Context().Err() == nil; i++ { // a slow machine answers too late, and is asked again
		serial := fmt.Sprintf("T%d", i)
		had := a.give("p", serial)
		a.sent()
		if got := working.give("p", serial); late.answers.Load() > 0 && got.ID != had.ID {
			t.Errorf("the tablet has number %d, and got %d", had.ID, got.ID)
		}
	}
	working.verified()
}

// firstLease is a tracer of a connection: the first answer to who leases is held back.
type firstLease struct {
	once         sync.Once
	came, goesOn chan struct{}
}

type leases struct{}

// TraceQueryStart marks the question.
func (*firstLease) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, leases{}, strings.Contains(q.SQL, "zarya.lease("))
}

// TraceQueryEnd holds the answer back.
func (f *firstLease) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if is, _ := ctx.Value(leases{}).(bool); is {
		f.once.Do(func() {
			close(f.came)
			<-f.goesOn
		})
	}
}

// TestAnAnswerFromBeforeTheTablet: that the fleet had nothing when it was asked before a tablet
// came is no reason to turn the tablet away.
func TestAnAnswerFromBeforeTheTablet(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	m := newMachine(t, s, "a")
	first := &firstLease{came: make(chan struct{}), goesOn: make(chan struct{})}
	m.traced(first)
	w := m.start()
	release := sync.OnceFunc(func() { close(first.goesOn) })
	t.Cleanup(release)
	w.o.Patience = enough
	w.Want("p")
	<-first.came // there is no such pool yet
	anna.imports("p", 1, 10)
	for len(w.wake) > 0 {
		<-w.wake // of who wanted it
	}
	ended := make(chan error, 1)
	go func() {
		id, err := w.Assign(t.Context(), "p", "T1", "job")
		if err == nil && id.ID != 1 {
			err = fmt.Errorf("it got %+v", id)
		}
		ended <- err
	}()
	<-w.wake // it came, found nothing, and hurries
	w.hurry()
	release()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.Release("job")
}
