// Package signals lets a process end in two steps: the first signal asks it to stop after the
// command under way, the second one orders it to stop at once.
//
// [Watch] begins to listen. Signals.Drain is closed by the first signal, Signals.Context ends with
// the second; Signals.First says which signal it was, for the exit code. SIGHUP may mean something
// else (OnHangup), unless the terminal went away (OnTerminal); it never orders. What is stopped, and
// how, is not known here.
package signals

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals are those of the process: SIGINT, SIGTERM and SIGHUP.
type Signals struct {
	ctx    context.Context // ends at the second signal
	cancel context.CancelCauseFunc
	cause  error
	drain  chan struct{} // closed at the first signal
	came   chan os.Signal
	ended  chan struct{}

	mu     sync.Mutex
	first  os.Signal   // guarded by mu
	hangup func()      // guarded by mu; what SIGHUP does; nil: it is a signal to stop
	gone   func() bool // guarded by mu; whether the terminal went away; nil: there is none
}

// Watch begins to watch. cause is why its contexts end. Stop it after use.
func Watch(cause error) *Signals {
	s := &Signals{cause: cause, drain: make(chan struct{}), came: make(chan os.Signal, 2), ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	signal.Notify(s.came, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		defer close(s.ended)
		for sig := range s.came {
			s.take(sig)
		}
	}()
	return s
}

func (s *Signals) take(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sig == syscall.SIGHUP && s.hangup != nil && (s.gone == nil || !s.gone()):
		s.hangup()
	case s.first == nil:
		s.first = sig
		close(s.drain)
	case sig == syscall.SIGHUP: // the shell says it, and then the kernel: nobody orders anything
	default:
		s.cancel(s.cause)
	}
}

// Stop ends the watching, and all contexts.
func (s *Signals) Stop() {
	signal.Stop(s.came)
	close(s.came)
	<-s.ended
	s.cancel(nil)
}

// Context ends at the second signal.
func (s *Signals) Context() context.Context { return s.ctx }

// Drain is closed at the first signal.
func (s *Signals) Drain() <-chan struct{} { return s.drain }

// First is the first signal that came; nil if none did, or nobody watches.
func (s *Signals) First() os.Signal {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// UntilFirst is a context that ends at the first signal, for what is not worth finishing.
func (s *Signals) UntilFirst() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	go func() {
		select {
		case <-s.drain:
			cancel(s.cause)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// OnHangup makes SIGHUP call do, which must not wait; nil makes it a signal to stop again. If
// it comes because the terminal of OnTerminal went away, it is a signal to stop in any case.
func (s *Signals) OnHangup(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangup = do
}

// OnTerminal says how to find out whether the terminal that this process is seen on went away;
// gone must not wait. With nil, there is no terminal.
func (s *Signals) OnTerminal(gone func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = gone
}

// Hangup is SIGHUP from whoever finds out first that the terminal went away.
func (s *Signals) Hangup() { s.take(syscall.SIGHUP) }
