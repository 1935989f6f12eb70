//go:build linux

// A database that answers at the last moment.

package stock

import (
	"context"
	"fmt"
	"strings"
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

// TestAnAnswerAtTheLastMoment: the time is the database's alone. The ledger takes what was
// answered in it, however late it is by then; an error of the ledger would stop the station.
func TestAnAnswerAtTheLastMoment(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a, b := newMachine(t, s, "a").start("p"), newMachine(t, s, "b")
	anna.imports("p", 1, 100)
	var late lastMoment
	b.answer = time.Second
	b.connect = func(ctx context.Context) (*fleet.DB, error) {
		_, as, err := b.files.Login()
		if err != nil {
			return nil, err
		}
		c, err := fleet.Parse(b.url, as)
		if err != nil {
			return nil, err
		}
		c.ConnConfig.Tracer = &late
		return fleet.Connect(ctx, c)
	}
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
