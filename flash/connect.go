// This file reaches a tablet and learns who it is.

package flash

import (
	"context"
	"errors"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// How often and how long the engine tries.
const (
	reconnectEvery = 500 * time.Millisecond // between attempts
	reconnectFor   = 30 * time.Second       // how long a tablet may be away
)

// ConnectTimeout is how long one attempt to open a tablet may take.
const ConnectTimeout = 10 * time.Second

// connect waits for the target as long as the run allows, then learns who it is.
func (s *Session) connect(ctx context.Context) error {
	s.link.awaited = true
	defer func() { s.link.awaited = false }()
	var err error
	switch s.job.Scope {
	case ScopeProvision:
		err = s.openBooted(ctx, s.runner.Wait)
	case ScopeRun:
		err = s.openAny(ctx, s.runner.Wait)
	default:
		err = s.openFastboot(ctx, s.runner.Wait)
	}
	if errors.Is(err, ErrAndroid) {
		err = s.fromAndroid(ctx, err)
	}
	if err != nil {
		return err
	}
	s.emit(Device{Change: "present", Mode: s.link.mode, Model: s.tablet.key.Product})
	return nil
}

// untilStop is ctx until the run is asked to stop.
func (s *Session) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.runner.Drain:
			cancel(ErrStopped)
		case <-s.runner.halt:
			cancel(errNotDurable)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

// openFastboot reaches the tablet in fastboot and asks who it is. Being asked to
// stop ends the wait.
func (s *Session) openFastboot(ctx context.Context, patience time.Duration) error {
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	t, err := open(wait, s.job.Target, patience, s.reportAbsent)
	if err != nil {
		return err
	}
	return s.inFastboot(ctx, t)
}

// inFastboot makes a client of a connection.
func (s *Session) inFastboot(ctx context.Context, t fastboot.Transport) error {
	descriptor := ""
	if d, ok := t.(interface{ SerialNumber() string }); ok {
		descriptor = d.SerialNumber()
	}
	if s.runner.Trace != nil {
		t = s.runner.Trace.Wrap(s.tablet.where.Label(), t)
	}
	s.link.client = fastboot.NewClient(t, fastboot.Options{Limits: s.runner.Limits, Line: s.Log, Silent: s.silent})
	s.link.mode = usb.Fastboot
	return s.identify(ctx, descriptor)
}

// Open tries to reach a tablet's fastboot for a while, at least once.
func Open(ctx context.Context, target Target, patience time.Duration) (fastboot.Transport, error) {
	return open(ctx, target, patience, func(time.Time) {})
}

// open is Open; absent is called after each attempt that another one follows.
func open(ctx context.Context, target Target, patience time.Duration, absent func(deadline time.Time)) (fastboot.Transport, error) {
	deadline := time.Now().Add(patience)
	for {
		try, cancel := context.WithTimeout(ctx, ConnectTimeout)
		t, err := target.Fastboot(try)
		cancel()
		if err == nil {
			return t, nil
		}
		if ctx.Err() == nil && !isPermanent(err) {
			absent(deadline)
		}
		if again, rerr := pause(ctx, deadline, target, patience, err); !again {
			return nil, rerr
		}
	}
}

// reportAbsent tells once that the job's tablet is not there yet, if there is time for
// another attempt.
func (s *Session) reportAbsent(deadline time.Time) {
	if !s.link.awaited || time.Now().Add(reconnectEvery).After(deadline) {
		return
	}
	s.emit(Waiting{For: "device", Hint: "it is not there: plug it in, and bring it into fastboot", Seconds: time.Until(deadline).Seconds()})
	s.link.awaited = false
}

// pause waits between two attempts; without another one it gives the reason.
func pause(ctx context.Context, deadline time.Time, target Target, patience time.Duration, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if isPermanent(err) {
		return false, err
	}
	if time.Now().Add(reconnectEvery).After(deadline) {
		if errors.Is(err, context.DeadlineExceeded) {
			return false, failf(ClassTimeout, "check the address, and that the tablet is on and in the right mode",
				"%s does not answer (waited %s)", target.Where().Label(), max(patience, ConnectTimeout))
		}
		return false, err
	}
	select {
	case <-time.After(reconnectEvery):
		return true, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// identify asks who the tablet is. Its USB descriptor's serial counts before what the
// bootloader says: it is what ports are listed with.
func (s *Session) identify(ctx context.Context, descriptor string) error {
	serial, err := s.link.client.Serial(ctx)
	if err != nil {
		return err
	}
	product, err := s.link.client.Product(ctx)
	if err != nil {
		return err
	}
	if descriptor != "" && !fastboot.PlaceholderSerial(descriptor) {
		serial.Value = descriptor
	}
	s.tablet.key, s.tablet.productFrom = Key{Place: s.tablet.where.Label(), Serial: serial.Value, Product: product.Value}, product.Source
	s.tablet.where.Serial = serial.Value
	return nil
}

func (s *Session) disconnect() {
	if s.link.client != nil {
		_ = s.link.client.Close()
		s.link.client = nil
	}
	if s.link.booted != nil {
		_ = s.link.booted.Close()
		s.link.booted = nil
	}
}
