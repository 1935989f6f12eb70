// This file gives two tablets one serial: an identity of a pool goes to one of them.

package flash_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	identities "github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/virtual"
)

// TestOneIdentityForOneOfTwo: of two tablets with one serial that are worked on at the same
// time, the second gets no identity and nothing is done to it. When the first is done, the
// serial is free for another job.
func TestOneIdentityForOneOfTwo(t *testing.T) {
	l, err := ledger.OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	rows := []identities.Row{{Columns: map[string]string{"inventory": "C-1"}}, {Columns: map[string]string{"inventory": "C-2"}}}
	if _, err := identities.Import(l, "census", rows, identities.Declaration{}, nil); err != nil {
		t.Fatal(err)
	}
	family, err := virtual.FamilyByName("mt8768-kob2")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	serve, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	defer func() { stop(); serving.Wait() }()
	for _, place := range []string{"a", "b"} {
		w.plug(serve, t, &serving, &simTablet{name: place}, virtual.Config{Serial: "SN-A", Family: family})
	}

	ended := map[string]chan struct{}{"0": make(chan struct{}), "1": make(chan struct{}), "2": make(chan struct{})}
	events := flash.NewEvents("sim", func(e flash.Event) {
		if _, done := e.Body.(flash.JobDone); done {
			close(ended[e.Job])
		}
	})
	defer events.Close()
	job := func(id, place, other string) flash.Job { // it lasts until the other one has ended
		step := flash.Step{Name: "outlast", Run: func(ctx context.Context, _ *flash.Session) error {
			select {
			case <-ended[other]:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}}
		return flash.Job{ID: id, Scope: flash.ScopeFlash, Pool: "census", Target: simTarget{w, place}, Steps: []flash.Step{step}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // two that wait for each other
	defer cancel()
	r := flash.NewEngine(flash.EngineOptions{Events: events, Recorder: l, Identities: identities.NewSupply(l, nil), Wait: 10 * time.Minute})
	both := r.Run(ctx, []flash.Job{job("0", "a", "1"), job("1", "b", "0")})
	first, second := both[0], both[1]
	if first.Result != flash.Pass {
		first, second = second, first
	}
	if first.Result != flash.Pass || first.Inventory != "C-1" {
		t.Errorf("the first: %+v", first)
	}
	if second.Class != flash.ClassIdentity || second.Inventory != "" ||
		!strings.Contains(second.Error, "another tablet with the serial SN-A") || !second.Exhausted {
		t.Errorf("the second: %+v", second)
	}
	if later := r.Run(ctx, []flash.Job{job("2", "a", "0")})[0]; later.Result != flash.Pass || later.Inventory != "C-1" {
		t.Errorf("when both have ended: %+v", later)
	}
}
