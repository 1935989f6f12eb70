// A bubble of time with a few virtual tablets and one engine, for a test of one behaviour; the
// simulation (sim_test.go) makes up worlds of its own.

package flash_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/virtual"
)

// bubble is a world with its test.
type bubble struct {
	*world
	t       *testing.T
	ctx     context.Context // ends when the test does
	serving sync.WaitGroup
	engine  *flash.Engine // of the last run
	events  []flash.Event // of all runs
}

// inBubble runs a test in a bubble, and serves the tablets that it plugs in until it returns.
func inBubble(t *testing.T, test func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		b := &bubble{world: &world{}, t: t, ctx: ctx}
		defer func() {
			stop()
			b.serving.Wait()
		}()
		test(t, b)
	})
}

// plug serves a tablet at name, with the serial SNname where the configuration has none.
func (b *bubble) plug(name, family string, c virtual.Config) *simTablet {
	b.t.Helper()
	var err error
	if c.Family, err = virtual.FamilyByName(family); err != nil {
		b.t.Fatal(err)
	}
	if c.Serial == "" {
		c.Serial = "SN" + name
	}
	st := &simTablet{name: name}
	b.world.plug(b.ctx, b.t, &b.serving, st, c)
	return st
}

// at is the target of the tablet at name.
func (b *bubble) at(name string) simTarget { return simTarget{b.world, name} }

// run runs jobs when all tablets listen, and returns when their events were told.
func (b *bubble) run(o flash.EngineOptions, jobs ...flash.Job) []flash.JobDone {
	synctest.Wait()
	o.Events = flash.NewEvents("sim", func(e flash.Event) { b.events = append(b.events, e) })
	b.engine = flash.NewEngine(o)
	results := b.engine.Run(b.ctx, jobs)
	o.Events.Close()
	return results
}
