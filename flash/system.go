// This file is the tablet's way between its modes: into the bootloader, into the
// system that was flashed, and whether it is the same tablet that comes back.

package flash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// System opens sessions with booted tablets.
type System interface {
	// Port is the TCP port; 0 is the target's own number.
	Port() int
	// Open begins a session over conn, and closes conn if it fails. With a pin (the
	// fingerprints of keys, one a line), a tablet with another host key is a failure. A *Failure means that another try
	// is of no use.
	Open(ctx context.Context, conn net.Conn, pin string) (Booted, error)
}

// Booted is a session with a booted tablet. Steps know more of it by its type.
type Booted interface {
	// HostKey is the fingerprint of the key that it showed.
	HostKey() string
	// Serial and Model are what the system says it runs on; "" is not reported.
	Serial(ctx context.Context) (string, error)
	Model(ctx context.Context) (string, error)
	// Boot names this run of the system; "" is not reported.
	Boot(ctx context.Context) (string, error)
	// Bootloader sends the tablet to fastboot.
	Bootloader(ctx context.Context) error
	Close() error
}

// How long the engine waits between modes.
const (
	bootEvery     = 250 * time.Millisecond // between attempts to reach the system
	openTimeout   = 15 * time.Second       // of one of them
	greetTimeout  = 2 * time.Second        // for the server's first word
	listenFor     = 200 * time.Millisecond // to hear whether a place speaks SSH
	bootloaderFor = 2 * time.Minute        // from the system into fastboot
	defaultBoot   = 10 * time.Minute
)

// waitForMode is the step that waits for a tablet after a reboot that was commanded. With
// sameSystem the system stays what it was, its host key too.
func waitForMode(mode usb.Mode, sameSystem bool) Step {
	name := "bootloader"
	if mode == usb.Booted {
		name = "boot"
	}
	return Step{Name: name, Traits: Traits{arrival: true}, Run: func(ctx context.Context, s *Session) error {
		before := s.tablet.key
		s.disconnect()
		s.link.mode = ""
		if !sameSystem {
			s.link.hostKey = ""
		}
		if mode == usb.Booted {
			return s.waitForSystem(ctx, before)
		}
		return s.verifySameTablet(before, true, s.openFastboot(ctx, bootloaderFor))
	}}
}

// waitForSystem waits until the system that was flashed or restarted lets the job in.
func (s *Session) waitForSystem(ctx context.Context, before Key) error {
	window := s.job.Boot
	if window == 0 {
		window = defaultBoot
	}
	if s.job.Words != "" {
		s.emit(Waiting{For: "operator", Hint: s.job.Words})
	}
	err := s.verifySameTablet(before, true, s.openRestarted(ctx, window))
	if err == nil && s.account.proof != nil {
		s.account.proof.settle(true)
	}
	return err
}

// withArrivals puts the waits between steps that need different modes, and after
// reboots.
func withArrivals(steps []Step) []Step {
	var out []Step
	var mode usb.Mode
	restarted := false // the system, by a step of its own
	for _, step := range steps {
		if step.Needs != mode && step.Needs != "" {
			if len(out) > 0 {
				out = append(out, waitForMode(step.Needs, restarted && step.Needs == usb.Booted))
			}
			mode, restarted = step.Needs, false
		}
		out = append(out, step)
		if step.Reboots {
			mode, restarted = "", step.Needs == usb.Booted
		}
	}
	return out
}

// modeIndependent reports whether the step is done in whatever mode the tablet is.
func (st Step) modeIndependent() bool { return st.Needs == "" && !st.arrival }

// errExchanged is another tablet in the place of the job's.
var errExchanged = errors.New("another tablet came back")

// sighting is what a key says of a tablet, placeholders left out.
func (k Key) sighting() usb.Sighting {
	s := usb.Sighting{Serial: k.Serial, Model: k.Product}
	if fastboot.PlaceholderSerial(k.Serial) {
		s.Serial = ""
	}
	return s
}

// verifySameTablet compares the tablet that came back with the one that left.
func (s *Session) verifySameTablet(before Key, commanded bool, err error) error {
	if err != nil {
		return err
	}
	now := s.tablet.key
	s.tablet.key, s.tablet.where.Serial = before, before.Serial
	sure, why := usb.Follow(before.sighting(), now.sighting(), commanded)
	switch sure {
	case usb.Another:
		if now.Serial != before.Serial {
			s.tablet.otherSerial = now.Serial
		}
		return &Failure{Class: ClassCable, Err: errExchanged, Hint: "the tablet in this place was exchanged in mid-job: flash both again",
			Message: fmt.Sprintf("%v: %v", errExchanged, why)}
	case usb.Unproven:
		s.Warn("that the same tablet came back is known by its place and product only: its serial was "+
			cmp.Or(before.Serial, "not told")+" and is "+cmp.Or(now.Serial, "not told"), "")
		if now.sighting().Serial != "" {
			s.tablet.key.Serial, s.tablet.where.Serial = now.Serial, now.Serial
		}
	case usb.Same:
	}
	if before.Product == "" {
		s.tablet.key.Product = now.Product
	}
	return nil
}

// reconnect brings back a tablet that was lost in the middle of a step: the same
// one, in the same mode.
func (s *Session) reconnect(ctx context.Context, patience time.Duration) error {
	before := s.tablet.key
	s.disconnect()
	if s.link.mode == usb.Booted {
		return s.verifySameTablet(before, false, s.openBooted(ctx, patience))
	}
	return s.verifySameTablet(before, false, s.openLost(ctx, patience))
}

// openLost is openFastboot for a tablet that was lost. One that is lost again before it has
// said who it is, was on its way out, or its plug is loose: it is waited for as before.
func (s *Session) openLost(ctx context.Context, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		changed := changes(s.job.Target)
		err := s.openFastboot(ctx, time.Until(deadline))
		lost := s.link.client != nil && err != nil && Classify(err).Class == ClassCable // it was there for a moment
		if !lost || time.Until(deadline) < reconnectEvery || s.Stopping() != nil {
			return err
		}
		s.disconnect()
		if waitChange(ctx, reconnectEvery, changed); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// peekedConn is a connection whose first bytes were read to see what they are.
type peekedConn struct {
	net.Conn
	head []byte
}

func (c *peekedConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

const sshGreeting = "SSH-"

// ErrMute is a server that does not greet.
var ErrMute = errors.New("it takes connections and says nothing")

// dialSystem reaches the system's server and waits for its greeting.
func (s *Session) dialSystem(ctx context.Context, patience time.Duration) (net.Conn, error) {
	conn, err := s.job.Target.Dial(ctx, s.job.System.Port())
	if err != nil {
		return nil, err
	}
	head := make([]byte, len(sshGreeting))
	_ = conn.SetReadDeadline(time.Now().Add(patience)) // without one the read ends with the connection
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	n, err := io.ReadFull(conn, head)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	switch {
	case err == nil && string(head) == sshGreeting:
		_ = conn.SetReadDeadline(time.Time{})
		return &peekedConn{conn, head}, nil
	case err == nil:
		err = fmt.Errorf("it says %q, which is not SSH", head)
	case n == 0 && ctx.Err() == nil:
		err = ErrMute
	}
	_ = conn.Close()
	return nil, err
}

// isPermanent reports whether another try to reach the tablet is of no use.
func isPermanent(err error) bool {
	var failure *Failure
	return errors.As(err, &failure) && failure.Class != ClassCable && failure.Class != ClassTimeout
}

// tryBooted opens the session with the system, once.
func (s *Session) tryBooted(ctx context.Context, listen time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := s.dialSystem(ctx, listen)
	if err != nil {
		return err
	}
	b, err := s.job.System.Open(ctx, conn, s.link.hostKey)
	if err != nil {
		return err
	}
	serial, err := b.Serial(ctx)
	model := ""
	if err == nil {
		model, err = b.Model(ctx)
	}
	if err != nil {
		_ = b.Close()
		return err
	}
	s.link.booted, s.link.mode, s.link.hostKey, s.tablet.productFrom = b, usb.Booted, b.HostKey(), "the booted system"
	s.tablet.key = Key{Place: s.tablet.where.Label(), Serial: serial, Product: model}
	s.tablet.where.Serial = serial
	return nil
}

// openBooted waits for the system.
func (s *Session) openBooted(ctx context.Context, window time.Duration) error {
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	deadline := time.Now().Add(window)
	for {
		changed := changes(s.job.Target)
		err := s.tryBooted(wait, greetTimeout)
		if err == nil {
			return nil
		}
		if wait.Err() != nil {
			return context.Cause(wait)
		}
		if isPermanent(err) {
			return err
		}
		s.reportAbsent(deadline)
		if time.Now().Add(bootEvery).After(deadline) {
			where := s.tablet.where.Label()
			if s.link.mode == "" && s.account.step == "boot" {
				return failf(ClassBoot, "look at the tablet's screen; flash it again, and if it does not boot again, set it aside",
					"%s did not boot within %s (%v)", where, window, err)
			}
			return failf(ClassTimeout, "check that the tablet is on, booted and connected, with developer mode on",
				"no system answers at %s (%v)", where, err)
		}
		waitChange(wait, bootEvery, changed)
	}
}

// openRestarted waits for the system, and not for what is left of the one before.
func (s *Session) openRestarted(ctx context.Context, window time.Duration) error {
	deadline := time.Now().Add(window)
	for {
		if err := s.openBooted(ctx, time.Until(deadline).Round(time.Second)); err != nil || s.link.oldBootID == "" {
			return err
		}
		now, err := s.link.booted.Boot(ctx)
		if err != nil || now != s.link.oldBootID {
			s.link.oldBootID = ""
			return err
		}
		s.disconnect()
		s.link.mode = ""
		select {
		case <-time.After(bootEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// openAny finds the tablet in whichever mode it is.
func (s *Session) openAny(ctx context.Context, patience time.Duration) error {
	if s.job.System == nil {
		return s.openFastboot(ctx, patience)
	}
	wait, cancel := s.untilStop(ctx)
	defer cancel()
	deadline := time.Now().Add(patience)
	for listen := listenFor; ; {
		changed := changes(s.job.Target)
		err := s.tryBooted(wait, listen)
		if err == nil || isPermanent(err) {
			return err
		}
		try, cancel := context.WithTimeout(wait, ConnectTimeout)
		t, err := s.job.Target.Fastboot(try)
		cancel()
		if err == nil {
			return s.inFastboot(ctx, t)
		}
		var not *fastboot.NotFastbootError
		if errors.As(err, &not) && strings.HasPrefix(not.Greeted, sshGreeting) && listen < greetTimeout {
			listen = greetTimeout // it was slow to greet
			continue
		}
		if wait.Err() == nil && !isPermanent(err) {
			s.reportAbsent(deadline)
		}
		if again, rerr := pause(wait, deadline, s.job.Target, patience, changed, err); !again {
			return rerr
		}
	}
}

// temporary reports whether a job does something that it takes back.
func (s *Session) temporary() bool {
	return slices.ContainsFunc(s.job.Steps, func(step Step) bool { return step.Temporary })
}

// compare finds out whether a booted tablet is as the job would leave it. If its
// images are, what is left of the job is what happens on the booted tablet; if not,
// it is sent to the bootloader.
func (s *Session) compare(ctx context.Context) error {
	if err := s.move(onVerify); err != nil {
		return err
	}
	verdicts, err := s.facts(ctx) // a tablet that does not match is left as it is
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Fail != nil {
			return v.Fail
		}
	}
	flashed, all := s.job.Scope == ScopeProvision, true
	for _, step := range s.job.Steps {
		if step.Flashed != nil {
			var err error
			if flashed, err = step.Flashed(ctx, s); err != nil {
				return err
			}
		}
	}
	if !flashed {
		before := s.tablet.key
		if err := s.link.booted.Bootloader(ctx); err != nil {
			return failf(ClassOperator, "bring the tablet into fastboot mode by its keys "+
				"(power off, then volume down while the cable is put in), then try again",
				"the booted tablet has other images, and cannot be sent to its bootloader: %v", err)
		}
		s.disconnect()
		s.link.mode, s.link.hostKey = "", ""
		if err := s.move(onLeave); err != nil {
			return err
		}
		return s.verifySameTablet(before, true, s.openFastboot(ctx, bootloaderFor))
	}
	if err := s.assign(ctx); err != nil {
		return err
	}
	if err := s.awaitIdentity(ctx); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(s.job.Steps), func(step Step) bool { return step.Needs != usb.Booted && !step.modeIndependent() })
	s.job.Steps = withArrivals(left)
	for _, step := range left {
		done, comparable, err := step.already(ctx, s)
		if err != nil {
			return err
		}
		if all = done && comparable; !all {
			break
		}
	}
	s.account.compliant = all
	return nil
}
