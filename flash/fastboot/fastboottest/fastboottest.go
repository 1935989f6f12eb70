// Package fastboottest is the conformance suite of fastboot transports: a real
// client over the host end, a scripted device at the other.
//
//	func TestTransport(t *testing.T) { fastboottest.Run(t, pair) }
//
// Nothing in it is timed: limits are short where a device is silent and long
// everywhere else, and what is compared is the kind of the failure.
package fastboottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// Device is the far end of a transport. Close makes the device vanish and
// unblocks the other methods, which fail from then on.
type Device interface {
	ReadCommand() (string, error)
	Reply(packet string) error      // one response packet, of any length
	ReadData(n int) ([]byte, error) // n bytes of a data phase
	WriteData(p []byte) error       // bytes of a data phase, as one message
	Close() error
}

// Pair makes one connection. It registers no clean-up: the suite closes both
// ends.
type Pair func(t *testing.T) (host fastboot.Transport, device Device)

// Run puts the transport through every case, one after the other.
func Run(t *testing.T, pair Pair) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			current := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, current) }) // runs last
			c.run(t, pair)
		})
	}
}

// RunInBubble does what Run does, each case inside a bubble of testing/synctest:
// for transports made of memory. A bubble fails if a goroutine is left.
func RunInBubble(t *testing.T, pair Pair) {
	t.Helper()
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t, pair) })
		})
	}
}

type testCase struct {
	name string
	run  func(t *testing.T, pair Pair)
}

// script is a device's part in a case. Its methods end the script when the
// device fails or the host does something else.
type script struct {
	Device
	err error
}

func (s *script) must(err error) {
	if err != nil {
		s.err = err
		runtime.Goexit()
	}
}

// want reads a command.
func (s *script) want(command string) {
	got, err := s.ReadCommand()
	if err == nil && got != command {
		err = fmt.Errorf("the device got the command %q, want %q", got, command)
	}
	s.must(err)
}

// say sends responses.
func (s *script) say(packets ...string) {
	for _, p := range packets {
		s.must(s.Reply(p))
	}
}

// take reads a payload and compares it.
func (s *script) take(want []byte) {
	got, err := s.ReadData(len(want))
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("the device got other bytes than the host sent (%d)", len(want))
	}
	s.must(err)
}

// answer is one command and its responses.
func (s *script) answer(command string, packets ...string) {
	s.want(command)
	s.say(packets...)
}

// rig is one case under way.
type rig struct {
	*fastboot.Client
	t      *testing.T
	ctx    context.Context
	device *script
	lines  []string
	done   chan struct{}
}

// patient limits never pass in a healthy test.
var patient = fastboot.Limits{Query: 30 * time.Minute, Action: 30 * time.Minute, Idle: 30 * time.Minute}

func start(t *testing.T, pair Pair, limits fastboot.Limits, play func(*script, *rig)) *rig {
	t.Helper()
	host, device := pair(t)
	r := &rig{t: t, ctx: context.Background(), device: &script{Device: device}, done: make(chan struct{})}
	r.Client = fastboot.NewClient(host, fastboot.Options{Limits: limits, Line: func(l string) { r.lines = append(r.lines, l) }})
	go func() {
		defer close(r.done)
		defer func() {
			if r.device.err != nil {
				_ = device.Close() // so that the host does not wait for it
			}
		}()
		play(r.device, r)
	}()
	t.Cleanup(func() {
		_ = r.Close()
		_ = device.Close()
		<-r.done
	})
	return r
}

// end waits for the script and wants it to have been played to its end.
func (r *rig) end() {
	r.t.Helper()
	<-r.done
	if r.device.err != nil {
		r.t.Error(r.device.err)
	}
}

// refused wants err to be of type E and the client to be of no more use.
func refused[E error](r *rig, err error) E {
	r.t.Helper()
	e := as[E](r, err)
	if r.Broken() == nil {
		r.t.Error("the client does not know that it is broken")
	}
	if _, again := r.Getvar(r.ctx, "product"); !errors.Is(again, fastboot.ErrClosed) {
		r.t.Errorf("a command on a broken client: %v, want ErrClosed", again)
	}
	return e
}

func as[E error](r *rig, err error) E {
	r.t.Helper()
	var e E
	if !errors.As(err, &e) {
		r.t.Fatalf("got %T (%v), want %T", err, err, e)
	}
	return e
}

func (r *rig) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

// lost wants a connection that ended, or, where a wire cannot tell (UDP), was
// silent.
func (r *rig) lost(err error) {
	r.t.Helper()
	var silent *fastboot.TimeoutError
	if errors.As(err, &silent) {
		refused[*fastboot.TimeoutError](r, err)
		return
	}
	refused[*fastboot.WireError](r, err)
}

// noise is n bytes that look like nothing and are the same every time.
func noise(n int) []byte {
	p := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = src.Read(p)
	return p
}

// payload gives its pieces to the wire one Write each, then err. It says size.
type payload struct {
	size   int64
	pieces [][]byte
	err    error
	deaf   bool // goes on after a failed Write and reports success
}

func (p payload) Size() int64 { return p.size }

func (p payload) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, piece := range p.pieces {
		n, err := w.Write(piece)
		total += int64(n)
		if err != nil && !p.deaf {
			return total, err
		}
	}
	return total, p.err
}

// endless is a payload of zeros larger than any buffer on the way.
func endless() payload {
	p := payload{pieces: slices.Repeat([][]byte{make([]byte, 1<<20)}, 64)}
	p.size = int64(len(p.pieces)) << 20
	return p
}

func dataFor(n int) string { return fmt.Sprintf("DATA%08x", n) }
