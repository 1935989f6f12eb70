// What a technician does, by what a station reports; time is a bubble's.

package fleet

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

// place is a technician's one place, and who is plugged into it.
type place struct {
	*technician
	here func() string // the tablet that is plugged in; "" is none
	said *[]string
	done func() bool // all tablets are done
}

// onePlace has a tablet VT0001 in "tcp:a:1" and supply more, in a bubble of time.
func onePlace(t *testing.T, supply, pull int, test func(t *testing.T, p place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		family, err := virtual.FamilyByName("kirin710a-ags3")
		if err != nil {
			t.Fatal(err)
		}
		var configs []virtual.Config
		for i := range supply + 1 {
			configs = append(configs, virtual.Config{Serial: serial(i + 1), Family: family})
		}
		tablet, err := virtual.New(configs[0])
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var said []string
		s := &slot{serial: configs[0].Serial, moves: make(chan move, 1)}
		h := &technician{pull: pull, supply: configs[1:], slots: map[string]*slot{"tcp:a:1": s}, left: 1,
			rnd: rand.New(rand.NewPCG(1, 1)), done: cancel,
			say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
		var network memnet.Net
		ended := make(chan error, 1)
		go func() {
			ended <- h.serve(ctx, s, tablet, func(ctx context.Context, tablet *virtual.Tablet) error {
				return tablet.Serve(ctx, &network, "a")
			})
		}()
		test(t, place{h, func() string { return whoIs(t, &network) }, &said, func() bool { return ctx.Err() != nil }})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// whoIs asks the tablet at "a" for its serial; "" is that none answers.
func whoIs(t *testing.T, network *memnet.Net) string {
	t.Helper()
	synctest.Wait()
	conn, err := network.Dial(t.Context(), "a")
	if err != nil {
		return ""
	}
	defer conn.Close()
	const question = "getvar:serialno"
	head := make([]byte, len("FB01")+8)
	_, err = conn.Write(binary.BigEndian.AppendUint64([]byte("FB01"), uint64(len(question))))
	if err == nil {
		_, err = io.WriteString(conn, question)
	}
	if err == nil {
		_, err = io.ReadFull(conn, head)
	}
	answer := make([]byte, min(binary.BigEndian.Uint64(head[4:]), 100))
	if err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	serial, ok := strings.CutPrefix(string(answer), "OKAY")
	if err != nil || !ok {
		t.Errorf("%q, %v", answer, err)
	}
	return serial
}

// report tells of the tablet that is in the place.
func (p place) report(kind, result, step string) {
	p.act(report{Type: kind, Address: "tcp:a:1", Serial: p.here(), Result: result, Step: step})
}

// after lets time go by.
func after(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// TestTechnicianExchangesWhatIsDone: after a pass the next tablet comes, with time between in
// which a station sees that the place is empty; after the last one all is done.
func TestTechnicianExchangesWhatIsDone(t *testing.T) {
	onePlace(t, 1, 0, func(t *testing.T, p place) {
		if p.here() != "VT0001" {
			t.Fatalf("at first %q", p.here())
		}
		p.report("job-done", "pass", "")
		if p.here() != "" {
			t.Errorf("%s is still there", p.here())
		}
		after(swapTime - time.Millisecond)
		if p.here() != "" {
			t.Errorf("%s came at once", p.here())
		}
		after(time.Millisecond)
		if p.here() != "VT0002" || p.done() {
			t.Errorf("then %q, done %v", p.here(), p.done())
		}
		p.report("job-done", "compliant", "")
		if p.here() != "" || !p.done() || !slices.Contains(*p.said, "all tablets are done") {
			t.Errorf("at last %q, done %v, said %q", p.here(), p.done(), *p.said)
		}
	})
}

// TestTechnicianTriesTwice: a tablet that fails is plugged in once more, then put aside.
func TestTechnicianTriesTwice(t *testing.T) {
	onePlace(t, 1, 0, func(t *testing.T, p place) {
		p.report("job-done", "fail", "")
		if p.here() != "" {
			t.Errorf("%s is still there", p.here())
		}
		after(swapTime)
		if p.here() != "VT0001" {
			t.Errorf("the second try is of %q", p.here())
		}
		p.report("job-done", "fail", "")
		after(swapTime)
		if p.here() != "VT0002" || !slices.Contains(*p.said, "VT0001: put aside") {
			t.Errorf("then %q, said %q", p.here(), *p.said)
		}
	})
}

// TestTechnicianPullsACableOnce, while an image is on the wire.
func TestTechnicianPullsACableOnce(t *testing.T) {
	onePlace(t, 0, 100, func(t *testing.T, p place) {
		p.report("progress", "", "boot")
		if p.here() != "VT0001" {
			t.Errorf("pulled while it boots: %q", p.here())
		}
		p.report("progress", "", "flash:system")
		if p.here() != "" {
			t.Errorf("%s was not pulled", p.here())
		}
		after(pullTime)
		if p.here() != "VT0001" {
			t.Errorf("then %q", p.here())
		}
		p.report("progress", "", "flash:system")
		if p.here() != "VT0001" {
			t.Error("pulled twice")
		}
	})
}

// TestTechnicianKnowsWhatIsMeant: reports of other places and of tablets that are gone move
// nothing.
func TestTechnicianKnowsWhatIsMeant(t *testing.T) {
	onePlace(t, 1, 0, func(t *testing.T, p place) {
		for _, r := range []report{
			{Type: "job-done", Address: "tcp:b:1", Serial: "VT0001", Result: "pass"},
			{Type: "job-done", Address: "tcp:a:1", Serial: "VT0007", Result: "pass"},
			{Type: "job-done", Address: "tcp:a:1", Serial: "VT0001", Result: "stopped"},
			{Type: "job-start", Address: "tcp:a:1", Serial: "VT0001"},
			{Type: "progress", Address: "tcp:a:1", Serial: "VT0001", Step: "flash:system"},
		} {
			if p.act(r); p.here() != "VT0001" {
				t.Errorf("%+v moved it", r)
			}
		}
		p.report("job-done", "pass", "")
		p.act(report{Type: "job-done", Address: "tcp:a:1", Serial: "VT0001", Result: "pass"}) // again, while it is moved
		after(swapTime)
		if p.here() != "VT0002" {
			t.Errorf("then %q", p.here())
		}
	})
}

// TestServeFollowsAStation: reports come through a pipe, damaged lines too, and the fleet ends
// when the last tablet is done.
func TestServeFollowsAStation(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "events")
	if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var mu sync.Mutex
	var said []string
	o := Options{Count: 2, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir(), Follow: pipe,
		Say: func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, fmt.Sprintf(format, args...))
		}}
	err := Serve(t.Context(), o, func(places []Place) {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		lines := []string{`{"type":"job-do`, `[]`}
		for _, p := range places {
			lines = append(lines, fmt.Sprintf(`{"type":"job-done","address":%q,"serial":%q,"result":"pass"}`, p.Target, p.Serial))
		}
		if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
			t.Error(err)
		}
	})
	if err != nil || !slices.Equal(said, []string{"all tablets are done"}) {
		t.Errorf("%v, said %q", err, said)
	}
	o.Follow = filepath.Join(t.TempDir(), "none")
	err = Serve(t.Context(), o, func([]Place) {})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--follow") {
		t.Errorf("no pipe: %v", err)
	}
}
