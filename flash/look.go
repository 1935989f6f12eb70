// This file is the check mode: a booted tablet is compared with the job's steps, and
// nothing is changed, assigned or recorded.

package flash

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zarya-station/zarya/usb"
)

// compareOnly reports for each step whether there is something for it to do. If there is,
// the job fails with class profile.
func (s *Session) compareOnly(ctx context.Context) error {
	if err := s.move(onVerify); err != nil {
		return err
	}
	verdicts, err := s.facts(ctx)
	if err != nil {
		return err
	}
	for _, v := range verdicts {
		if v.Fail != nil {
			return v.Fail
		}
	}
	if s.job.Pool != "" && s.engine.o.Identities != nil {
		if s.tablet.identity, err = s.engine.o.Identities.Held(ctx, s.job.Pool, s.uniqueSerial()); err != nil {
			return err
		}
	}
	var differ []string
	for _, step := range s.job.Steps {
		if step.Needs != usb.Booted {
			continue
		}
		if err := s.Stopping(); err != nil {
			return err
		}
		start := time.Now()
		s.account.step = step.Name
		done, comparable, err := step.already(ctx, s)
		if err != nil && !errors.Is(err, ErrLater) { // a value that only an identity gives
			return err
		}
		result := StepAlready
		switch {
		case !comparable:
			result = StepSkipped
		case !done:
			result = StepDiffers
			differ = append(differ, s.account.step)
		}
		s.emit(StepDone{Step: s.account.step, Seconds: time.Since(start).Seconds(), Result: result})
	}
	s.account.step = ""
	if len(differ) > 0 {
		return failf(ClassProfile, "zarya provision makes it so", "not as the profile says: %s", strings.Join(differ, ", "))
	}
	s.account.compliant = true
	s.tablet.identity = nil // it is not ours to bind
	return nil
}
