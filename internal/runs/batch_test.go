package runs

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ui"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// absent is a target at which nobody answers.
type absent string

func (a absent) Where() flash.Where { return flash.Where{Address: string(a)} }

func (absent) Fastboot(context.Context) (fastboot.Transport, error) { return nil, io.EOF }

func (absent) Dial(context.Context, int) (net.Conn, error) { return nil, io.EOF }

// kept keeps the bodies of events.
type kept struct{ bodies []any }

func (k *kept) Event(e flash.Event) { k.bodies = append(k.bodies, e.Body) }

var errFull = errors.New("no space left")

func (k *kept) Close() error { return errFull }

func do(t *testing.T, drain chan struct{}) (ui.Summary, []string, *kept) {
	t.Helper()
	sink := &kept{}
	var names []string
	b := Batch{Run: "r", Sink: sink, Drain: drain, Engine: flash.EngineOptions{Secrets: &flash.Secrets{}},
		Jobs: Jobs("r", []absent{"a", "b"}, func(id string, target flash.Target) flash.Job {
			names = append(names, id)
			return flash.Job{ID: id, Target: target, Scope: flash.ScopeFlash, Steps: []flash.Step{flash.Erase{Partition: "cache"}.Step()}}
		}),
		Exit: func(results []flash.JobDone) int { return 40 + len(results) }}
	_, sum, err := b.Do(t.Context())
	if !errors.Is(err, errFull) {
		t.Errorf("the outputs end with %v", err)
	}
	return sum, names, sink
}

func TestTheSummaryIsTheLastThatIsTold(t *testing.T) {
	sum, names, sink := do(t, nil)
	if !slices.Equal(names, []string{"r-1", "r-2"}) || sum.Exit != 42 || sum.Failed != 2 {
		t.Errorf("%q: %+v", names, sum)
	}
	if last, ok := sink.bodies[len(sink.bodies)-1].(ui.Summary); !ok || last.Exit != 42 {
		t.Errorf("the last is %+v", sink.bodies[len(sink.bodies)-1])
	}
}

func TestWhatIsDrainedBeginsNothing(t *testing.T) {
	drain := make(chan struct{})
	close(drain)
	_, _, sink := do(t, drain)
	for _, b := range sink.bodies {
		if e, ok := b.(flash.JobDone); ok && (e.Result == flash.Pass || e.Step == "connect") {
			t.Errorf("a job was begun: %+v", e)
		}
	}
}
