package scanner

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// said is an event as a line.
func said(e Event) string {
	switch e.Kind {
	case Ready:
		return "ready"
	case Scanned:
		return "scanned " + e.Scan.Text
	case Dropped:
		return "dropped: " + e.Err.Error()
	default:
		return "away: " + e.Err.Error()
	}
}

// TestPipe reads events of the kernel's form through a pipe, in pieces of any size.
func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, ended := make(chan string, 100), make(chan struct{})
	opened := false
	go func() {
		defer close(ended)
		run(ctx, func() (device, error) {
			if opened {
				return nil, fs.ErrNotExist
			}
			opened = true
			return r, nil
		}, func(e Event) { events <- said(e) })
	}()
	text := typed("OP:17\nnonsense\nCMD:CLEAR:A3\n")
	for piece := 1; len(text) > 0; piece = piece*3%101 + 1 {
		n := min(piece, len(text))
		if _, err := w.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil { // the scanner is pulled out
		t.Fatal(err)
	}
	for _, want := range []string{"ready", "scanned OP:17",
		`dropped: the scan "nonsense" does nothing: it is no badge, lot or command of this station`, "scanned CMD:CLEAR:A3", "away: EOF"} {
		if got := <-events; got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	cancel()
	<-ended
}

// wire is a scanner in memory: what is sent is read, until it is closed or pulled out.
type wire struct {
	keys   chan []byte
	closed chan struct{}
	err    error // of a wire whose keys ended
}

func newWire() *wire { return &wire{make(chan []byte), make(chan struct{}), syscall.ENODEV} }

func (w *wire) Name() string { return "" }
func (w *wire) Close() error { close(w.closed); return nil }
func (w *wire) Read(b []byte) (int, error) {
	select {
	case k, ok := <-w.keys:
		if !ok {
			return 0, w.err
		}
		return copy(b, k), nil
	case <-w.closed:
		return 0, io.ErrClosedPipe
	}
}

func (w *wire) types(text string) {
	for k := range slices.Chunk(typed(text), 24) {
		w.keys <- k
	}
}

// TestAway pulls a scanner out and plugs it in again, and refuses it for various reasons.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		denied := fmt.Errorf("open: %w", fs.ErrPermission)
		first, second := newWire(), newWire()
		answers := []any{fs.ErrNotExist, fs.ErrNotExist, first, syscall.ENXIO, denied, fs.ErrNotExist, denied, denied, denied, second}
		var got []string
		start := time.Now()
		go run(ctx, func() (device, error) {
			if len(answers) == 0 {
				t.Error("opened once more")
				return nil, fs.ErrNotExist
			}
			a := answers[0]
			answers = answers[1:]
			if err, ok := a.(error); ok {
				return nil, err
			}
			return a.(*wire), nil
		}, func(e Event) { got = append(got, fmt.Sprintf("%v %s", time.Since(start), said(e))) })
		first.types("OP:1\nOP:")
		close(first.keys) // pulled out in the middle of a scan
		second.types("2\n")
		synctest.Wait()
		want := []string{"0s away: file does not exist", "2s ready", "2s scanned OP:1", "2s away: no such device",
			"7s away: open: permission denied", "9s ready", `9s dropped: the scan "2" does nothing: it is no badge, lot or command of this station`}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s", strings.Join(got, "\n"))
		}
		cancel()
		<-second.closed
	})
}

// TestNoEnter: a scanner that does not end its scans is told of after two seconds, by itself.
func TestNoEnter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := newWire()
		events := make(chan string, 10)
		start := time.Now()
		go run(ctx, func() (device, error) { return w, nil }, func(e Event) { events <- fmt.Sprintf("%v %s", time.Since(start), said(e)) })
		w.types("OP:1")
		time.Sleep(1900 * time.Millisecond) // of the bubble
		w.types("7\n")
		time.Sleep(time.Second) // of the bubble
		w.types("LOT:P")
		for _, want := range []string{"0s ready", "1.9s scanned OP:17",
			`4.9s dropped: the scan "LOT:P" does nothing: its Enter did not come within 2 s: set the scanner to end each scan with Enter`} {
			if got := <-events; got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		cancel()
		<-w.closed
	})
}
