// This file is what settings are made of: values for one tablet, and the pattern of
// read, compare, change, read back.

package provision

import (
	"context"
	"errors"
	"fmt"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// Value is a setting for one tablet, made from what is known of it. flash.ErrLater means
// that it cannot be made yet; another error is the profile's.
type Value func(ctx context.Context, s *flash.Session) (string, error)

// Literal is the same for every tablet.
func Literal(text string) Value {
	return func(context.Context, *flash.Session) (string, error) { return text, nil }
}

func (v Value) resolve(ctx context.Context, s *flash.Session) (string, error) {
	text, err := v(ctx, s)
	var failure *flash.Failure
	if err != nil && !errors.Is(err, flash.ErrLater) && !errors.As(err, &failure) && !Disconnected(err) {
		return "", failf(flash.ClassProfile, "fix the profile for this tablet, then try again", "%v", err)
	}
	return text, err
}

// later takes away the error of a value that cannot be made yet.
func later(err error) error {
	if errors.Is(err, flash.ErrLater) {
		return nil
	}
	return err
}

// setting is what the steps here have in common: read, change if it differs, read
// back.
type setting struct {
	name string
	// want is what should be there, in words that can be compared.
	want func(ctx context.Context, s *flash.Session) (string, error)
	// get is what is there; "" is nothing.
	get func(ctx context.Context, s *flash.Session) (string, error)
	set func(ctx context.Context, s *flash.Session) error
}

// Step is the setting as a step: it can be made again, and compared.
func (t *setting) Step() flash.Step {
	return flash.Step{Name: t.name, Needs: usb.Booted, Traits: flash.Traits{Restartable: true}, Check: t.check, Run: t.run, Already: t.already}
}

// check makes the value, so that a profile that has none for this tablet stops the
// job before anything is written.
func (t *setting) check(ctx context.Context, s *flash.Session) ([]flash.Verdict, error) {
	_, err := t.want(ctx, s)
	return nil, later(err)
}

// already compares without changing.
func (t *setting) already(ctx context.Context, s *flash.Session) (bool, error) {
	want, err := t.want(ctx, s)
	if err != nil {
		return false, err
	}
	got, err := t.get(ctx, s)
	return err == nil && got == want, err
}

// run makes the setting, if it is not made, and reads it back.
func (t *setting) run(ctx context.Context, s *flash.Session) error {
	already, err := t.already(ctx, s)
	if err != nil {
		return explain(t.name, err)
	}
	if already {
		s.Result(flash.StepAlready)
		return nil
	}
	if err := s.Stopping(); err != nil {
		return err
	}
	if err := t.set(ctx, s); err != nil {
		return explain(t.name, err)
	}
	already, err = t.already(ctx, s)
	if err != nil {
		return explain(t.name, err)
	}
	if !already {
		// What it holds may be a secret, and is not told.
		return failf(flash.ClassDevice, "the system changes it back, or does not keep it: look at the tablet",
			"%s: it does not read back as it was written", t.name)
	}
	s.Result(flash.StepChanged)
	return nil
}

// explain makes a tablet's refusal a failure of its own class.
func explain(name string, err error) error {
	var failure *flash.Failure
	if errors.As(err, &failure) || Disconnected(err) || errors.Is(err, flash.ErrStopped) || errors.Is(err, context.Canceled) {
		return err
	}
	return failf(flash.ClassDevice, "look at the path, and at who may write there", "%s: %v", name, clean(err.Error()))
}

// refused is a command that ended badly.
func refused(what string, status int, said string) error {
	if said != "" {
		return failf(flash.ClassDevice, "the tablet says no more than that", "%s ended with status %d: %s", what, status, said)
	}
	return failf(flash.ClassDevice, "look at the tablet: it said nothing more", "%s ended with status %d", what, status)
}

// readTablet makes a reader of the tablet one of the session.
func readTablet(get func(context.Context, tablet) (string, error)) func(context.Context, *flash.Session) (string, error) {
	return func(ctx context.Context, s *flash.Session) (string, error) { return get(ctx, tabletOf(s)) }
}

// writeTablet makes a writer of a value to the tablet one of the session: it writes what should
// be there.
func writeTablet(want func(context.Context, *flash.Session) (string, error),
	write func(ctx context.Context, t tablet, value string) error) func(context.Context, *flash.Session) error {
	return func(ctx context.Context, s *flash.Session) error {
		value, err := want(ctx, s)
		if err != nil {
			return err
		}
		return write(ctx, tabletOf(s), value)
	}
}

// valid is a value in a form that is checked.
func (v Value) valid(check func(string) error) func(context.Context, *flash.Session) (string, error) {
	return func(ctx context.Context, s *flash.Session) (string, error) {
		text, err := v.resolve(ctx, s)
		if err == nil {
			err = check(text)
		}
		return text, err
	}
}

// requireForm holds a value to an expression.
func requireForm(matches func(string) bool, hint, what string) func(string) error {
	return func(text string) error {
		if matches(text) {
			return nil
		}
		return failf(flash.ClassProfile, hint, "%s", fmt.Sprintf("%q is not %s", text, what))
	}
}
