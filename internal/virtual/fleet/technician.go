// This file is the technician of virtual tablets: one who reads what a station reports, takes
// out what is done, plugs in the next, and now and then pulls a cable.

package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/virtual"
)

// How a technician works.
const (
	swapTime  = 4 * time.Second // from one tablet to the next: longer than a station needs to see that it is gone
	pullTime  = 5 * time.Second // that a pulled cable is out
	maxTries  = 2               // of one tablet; then it is put aside
	maxReport = 1 << 20         // bytes of one line
)

// report is what the technician reads of an event.
type report struct {
	Type    string `json:"type"`
	Address string `json:"address"`
	Serial  string `json:"serial"`
	Result  string `json:"result"`
	Step    string `json:"step"`
}

// technician has a supply of tablets and some places to plug them into.
type technician struct {
	pull   int // percent of the tablets whose cable is pulled once in the middle
	say    func(format string, args ...any)
	mu     sync.Mutex
	supply []virtual.Config // guarded by mu; those that were not plugged in yet
	slots  map[string]*slot // by address; not changed after the start
	rnd    *rand.Rand       // guarded by mu
	left   int              // guarded by mu; slots with a tablet
	done   func()           // called when the last tablet was taken out
}

// slot is one place. Its serving goroutine reads moves.
type slot struct {
	moves chan move

	serial string // guarded by technician.mu
	tries  int    // guarded by technician.mu
	pulled bool   // guarded by technician.mu
	moving bool   // guarded by technician.mu
}

// move is what happens to the tablet in a slot: it is away for a while, and then it, or
// another one, or nothing is there.
type move struct {
	away time.Duration
	next *virtual.Config // nil: the same
	gone bool            // nothing comes after
}

// followReports reads lines of events until ctx ends. name is a named pipe or a file.
func (t *technician) followReports(ctx context.Context, name string) error {
	// For writing too, so that a station that ends does not end it.
	f, err := os.OpenFile(name, os.O_RDWR, 0) //nolint:gosec // what the user named
	if err != nil {
		return problem.New(problem.Usage, "make it with mkfifo, and give it to zarya station --events", "--follow: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = f.Close() })()
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxReport)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // a station that was killed in the middle of a line
		}
		t.act(r)
	}
	if ctx.Err() != nil {
		return nil
	}
	return lines.Err()
}

// act does what a report asks for.
func (t *technician) act(r report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[r.Address]
	if s == nil || s.moving || s.serial == "" || r.Serial != "" && r.Serial != s.serial {
		return
	}
	switch r.Type {
	case "progress":
		if t.pull == 0 || s.pulled || !strings.HasPrefix(r.Step, "flash:") {
			return
		}
		s.pulled = true
		if t.rnd.IntN(100) < t.pull {
			t.say("%s: pulled out in the middle", s.serial)
			t.make(s, move{away: pullTime})
		}
	case "job-done":
		switch r.Result {
		case "pass", "compliant":
			t.next(s)
		case "fail":
			if s.tries++; s.tries < maxTries {
				t.make(s, move{away: swapTime})
				return
			}
			t.say("%s: put aside", s.serial)
			t.next(s)
		}
	}
}

// next takes the tablet out and plugs in another one. t.mu is held.
func (t *technician) next(s *slot) {
	if len(t.supply) == 0 {
		s.serial = ""
		t.make(s, move{gone: true})
		if t.left--; t.left == 0 {
			t.say("all tablets are done")
			t.done()
		}
		return
	}
	c := t.supply[0]
	t.supply = t.supply[1:]
	s.serial, s.tries, s.pulled = c.Serial, 0, false
	t.make(s, move{away: swapTime, next: &c})
}

// make hands a move to the slot's goroutine. t.mu is held.
func (t *technician) make(s *slot, m move) {
	s.moving = true
	s.moves <- m // it has room for one, and there is no second before it is done
}

// serve serves a slot's tablets one after the other until ctx ends.
func (t *technician) serve(ctx context.Context, s *slot, tablet *virtual.Tablet, serve func(context.Context, *virtual.Tablet) error) error {
	for {
		here, takeOut := context.WithCancel(ctx)
		served := make(chan error, 1)
		go func() { served <- serve(here, tablet) }()
		var m move
		select {
		case m = <-s.moves:
			takeOut()
			if err := <-served; err != nil {
				return err
			}
		case err := <-served:
			takeOut()
			return err
		}
		if m.gone {
			<-ctx.Done()
			return nil
		}
		wait := time.NewTimer(m.away)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil
		}
		if m.next != nil {
			var err error
			if tablet, err = virtual.New(*m.next); err != nil {
				return fmt.Errorf("%s: %w", m.next.Serial, err)
			}
		}
		t.mu.Lock()
		s.moving = false
		t.mu.Unlock()
	}
}
