package signals

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errStopped = errors.New("stopped")

// send sends a signal to this process, as a terminal or a service manager does.
func send(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstSignalAsksAndTheSecondOrders(t *testing.T) {
	s := Watch(errStopped)
	defer s.Stop()
	if s.First() != nil || (*Signals)(nil).First() != nil {
		t.Error("a signal that nobody sent")
	}
	ctx, cancel := s.UntilFirst()
	defer cancel()
	send(t, syscall.SIGTERM)
	<-s.Drain()
	<-ctx.Done()
	if s.First() != syscall.SIGTERM || !errors.Is(context.Cause(ctx), errStopped) || s.Context().Err() != nil {
		t.Errorf("first %v, cause %v, order %v", s.First(), context.Cause(ctx), s.Context().Err())
	}
	send(t, syscall.SIGINT)
	<-s.Context().Done()
	if !errors.Is(context.Cause(s.Context()), errStopped) || s.First() != syscall.SIGTERM {
		t.Errorf("cause %v, first %v", context.Cause(s.Context()), s.First())
	}
}

func TestHangupIsWhatSomebodyMakesOfIt(t *testing.T) {
	s := Watch(errStopped)
	defer s.Stop()
	reload := make(chan struct{}, 1)
	s.OnHangup(func() { reload <- struct{}{} })
	send(t, syscall.SIGHUP)
	<-reload
	if s.First() != nil {
		t.Error("a reload asked for a stop")
	}
	s.OnHangup(nil)
	send(t, syscall.SIGHUP)
	<-s.Drain()
}

// A shell tells its jobs that the terminal went away, and the kernel tells them again.
func TestATerminalThatGoesAwayAsksOnce(t *testing.T) {
	s := Watch(errStopped)
	defer s.Stop()
	reload := make(chan struct{}, 2)
	gone := make(chan bool, 2)
	s.OnHangup(func() { reload <- struct{}{} })
	s.OnTerminal(func() bool { return <-gone })
	gone <- false
	send(t, syscall.SIGHUP)
	<-reload
	gone <- true
	send(t, syscall.SIGHUP)
	<-s.Drain()
	gone <- true
	s.Hangup()
	if s.First() != syscall.SIGHUP || s.Context().Err() != nil || len(reload) > 0 {
		t.Errorf("first %v, order %v, %d reloads", s.First(), s.Context().Err(), len(reload))
	}
	send(t, syscall.SIGTERM)
	<-s.Context().Done()
}

func TestStopEndsWhatWaits(t *testing.T) {
	s := Watch(errStopped)
	ctx, cancel := s.UntilFirst()
	defer cancel()
	s.Stop()
	<-ctx.Done()
}
