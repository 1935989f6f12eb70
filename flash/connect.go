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
		err = s.openBooted(ctx, s.engine.o.Wait)
	case ScopeRun:
		err = s.openAny(ctx, s.engine.o.Wait)
	default:
		err = s.openFastboot(ctx, s.engine.o.Wait)
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
	if s.engine.o.Trace != nil {
		t = s.engine.o.Trace.Wrap(s.tablet.where.Label(), t)
	}
	s.link.client = fastboot.NewClient(t, fastboot.Options{Limits: s.engine.o.Limits, Line: s.Log, Silent: s.silent})
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
		changed := changes(target)
		try, cancel := context.WithTimeout(ctx, ConnectTimeout)
		t, err := target.Fastboot(try)
		cancel()
		if err == nil {
			return t, nil
		}
		if ctx.Err() == nil && !isPermanent(err) {
			absent(deadline)
		}
		if again, rerr := pause(ctx, deadline, target, patience, changed, err); !again {
			return nil, rerr
		}
	}
}

// reportAbsent reports once that the job's tablet is not there yet, if there is time for
// another attempt.
func (s *Session) reportAbsent(deadline time.Time) {
	if !s.link.awaited || time.Now().Add(reconnectEvery).After(deadline) {
		return
	}
	s.emit(Waiting{For: "device", Hint: "it is not there: plug it in, and bring it into fastboot", Seconds: time.Until(deadline).Seconds()})
	s.link.awaited = false
}

// changes is closed when something changes in the target's place from now on; nil, which
// never is, for a target that does not hear of it.
func changes(target Target) <-chan struct{} {
	if c, ok := target.(Changing); ok {
		return c.Changed()
	}
	return nil
}

// waitChange waits for a change, and no longer than d.
func waitChange(ctx context.Context, d time.Duration, changed <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-changed:
	case <-ctx.Done():
	}
}

// pause waits between two attempts, until something has changed or some time has passed;
// without another one it gives the reason.
func pause(ctx context.Context, deadline time.Time, target Target, patience time.Duration,
	changed <-chan struct{}, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if isPermanent(err) {
		return false, err
	}
	left := time.Until(deadline)
	if left < reconnectEvery && (changed == nil || left <= 0) {
		if errors.Is(err, context.DeadlineExceeded) {
			return false, failf(ClassTimeout, "check the address, and that the tablet is on and in the right mode",
				"%s does not answer (waited %s)", target.Where().Label(), max(patience, ConnectTimeout))
		}
		return false, err
	}
	if waitChange(ctx, min(reconnectEvery, left), changed); ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return true, nil
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
