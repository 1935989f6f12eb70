// This file has the last step: what cuts the way into the tablet.

package provision

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// Finish ends the way into a tablet: developer mode off, shown to be off, and the power
// off. It is one step, because nothing can be said to the tablet after its first half.
type Finish struct {
	Disable [][]string // commands, as root, that turn developer mode off; nil: it stays
	Power   bool       // off
}

// DisableDeveloperMode is what is run if a profile says nothing else: the server of SSH
// does not start again, in whichever way the system starts it.
var DisableDeveloperMode = [][]string{{"systemctl", "mask", "--now", "sshd.socket", "sshd.service"}}

const (
	powerAfter = 30 * time.Second // time to see that nobody is let in any more
	closedFor  = 25 * time.Second // how long the way may take to close: the tablet is still on
	offFor     = 90 * time.Second // how long the tablet may take to go off
	lookEvery  = 500 * time.Millisecond
)

// Step is developer-mode:disabled, power:off, or both.
func (f Finish) Step() flash.Step {
	name := "developer-mode:disabled"
	switch {
	case f.Disable == nil:
		name = "power:off"
	case f.Power:
		name += ",power:off"
	}
	return flash.Step{Name: name, Needs: usb.Booted, Run: f.run}
}

// run closes the way. A cut is no failure: what counts is what a new connection meets.
// That developer mode is off is shown by the tablet's own refusal, while it is on; that
// the power is off, by any end of its answers.
func (f *Finish) run(ctx context.Context, s *flash.Session) error {
	c := tabletOf(s)
	deadline := time.Now().Add(closedFor)
	if f.Power {
		after := powerAfter
		if f.Disable == nil {
			after, deadline = time.Second, time.Now().Add(offFor)
		}
		if _, err := c.do(ctx, commandPower(after)); err != nil {
			return err
		}
	}
	if err := f.disable(ctx, c); err != nil {
		return err
	}
	for {
		err := s.Greets(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		late := time.Now().After(deadline)
		off := f.Disable == nil && err != nil && !errors.Is(err, flash.ErrMute)
		closed := flash.Refused(err) && (!late || !f.Power) // later it may be the end of the system
		if off || closed {
			s.Result(flash.StepChanged)
			return nil
		}
		if late {
			return f.open(err)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// disable turns developer mode off.
func (f *Finish) disable(ctx context.Context, c tablet) error {
	for _, argv := range f.Disable {
		_, said, status, err := c.run(ctx, commandExec(argv, true), commandTimeout)
		var failure *flash.Failure
		if errors.As(err, &failure) && (failure.Class == flash.ClassCable || failure.Class == flash.ClassTimeout) {
			return nil // the session went with the server
		}
		if err != nil {
			return err
		}
		if status != 0 {
			return refused(strings.Join(argv, " "), status, said)
		}
	}
	return nil
}

// open is why the tablet is not finished; err is what the last connection met.
func (f *Finish) open(err error) error {
	const hint = "do not hand this tablet out: look at it"
	switch {
	case f.Disable == nil:
		return failf(flash.ClassDevice, hint, "the tablet was turned off, but still answers")
	case err == nil:
		return failf(flash.ClassDevice, hint, "developer mode was turned off, but the tablet still lets SSH in")
	}
	return &flash.Failure{Class: flash.ClassDevice, Hint: hint, Err: err,
		Message: "developer mode was turned off, but the tablet was not seen to refuse SSH while it was on: " + err.Error()}
}

// commandPower turns the tablet off after some whole seconds, when nobody is logged in
// any more.
func commandPower(after time.Duration) command {
	return command{argv: []string{"systemd-run", "--on-active=" + strconv.Itoa(int(after.Seconds())), "systemctl", "poweroff"}, root: true}
}
