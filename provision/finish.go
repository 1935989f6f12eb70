// This file has the last step: what cuts the way into the tablet.

package provision

import (
	"context"
	"errors"
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
	powerAfter = 20               // seconds: time to see that nobody is let in any more
	closedFor  = 30 * time.Second // how long the way may take to close
	offFor     = 90 * time.Second // how long the tablet may take to go off
	lookEvery  = 500 * time.Millisecond
)

// Name is finish.
func (f *Finish) Name() string {
	switch {
	case f.Disable == nil:
		return "power:off"
	case f.Power:
		return "developer-mode:disabled,power:off"
	}
	return "developer-mode:disabled"
}

// Needs a booted tablet.
func (f *Finish) Needs() usb.Mode { return usb.Booted }

// Check has nothing to ask.
func (f *Finish) Check(context.Context, *flash.Session) ([]flash.Verdict, error) { return nil, nil }

// Run closes the way. A cut is no failure: what counts is that nobody is let in any more.
func (f *Finish) Run(ctx context.Context, s *flash.Session) error {
	c := client(s)
	if f.Power {
		after := powerAfter
		if f.Disable == nil {
			after = 1
		}
		if _, err := c.do(ctx, commandPower(after)); err != nil {
			return err
		}
	}
	for _, argv := range f.Disable {
		_, said, status, err := c.run(ctx, commandExec(argv, true), commandTimeout)
		var failure *flash.Failure
		if errors.As(err, &failure) && (failure.Class == flash.ClassCable || failure.Class == flash.ClassTimeout) {
			break // the session went with the server
		}
		if err != nil {
			return err
		}
		if status != 0 {
			return refused(strings.Join(argv, " "), status, said)
		}
	}
	limit, what := closedFor, "developer mode was turned off, but the tablet still lets SSH in"
	if f.Disable == nil {
		limit, what = offFor, "the tablet was turned off, but still answers"
	}
	deadline := time.Now().Add(limit)
	for s.Answers(ctx) {
		if time.Now().After(deadline) {
			return failf(flash.ClassDevice, "do not hand this tablet out: look at it", "%s", what)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	s.Result(flash.StepChanged)
	return nil
}
