// Package signals lets a process end in two steps: the first signal is a request to stop
// after the command under way, the second one an order.
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
	first  os.Signal // guarded by mu
	hangup func()    // guarded by mu; what SIGHUP does; nil: it is a signal to stop
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
	case sig == syscall.SIGHUP && s.hangup != nil:
		s.hangup()
	case s.first == nil:
		s.first = sig
		close(s.drain)
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

// OnHangup makes SIGHUP call do, which must not wait; nil makes it a signal to stop again.
func (s *Signals) OnHangup(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangup = do
}
