// This file has the step that sets the tablet's clock.

package provision

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// Clock sets the tablet's clock to this machine's if it is wrong by more than within, a few
// seconds at least: a command takes its time to arrive. The clock that runs while the tablet is
// off is set too; where that cannot be done, the job's log says so.
func Clock(within time.Duration) flash.Step {
	const right = "right"
	return (&setting{
		name: "clock", want: Literal(right).resolve,
		get: readTablet(func(ctx context.Context, c tablet) (string, error) {
			off, err := c.clockOff(ctx)
			if err != nil || off > within {
				return "", err
			}
			return right, nil
		}),
		set: func(ctx context.Context, s *flash.Session) error {
			if _, err := tabletOf(s).do(ctx, commandSetClock(time.Now())); err != nil {
				return err
			}
			_, said, status, err := tabletOf(s).run(ctx, commandKeepClock(), commandTimeout)
			if err == nil && status != 0 {
				s.Log("the clock that runs while the tablet is off was not set: " + said)
			}
			return err
		},
	}).Step()
}

// clockOff is by how much the tablet's clock is wrong for certain: it is read in whole seconds,
// at some moment between question and answer.
func (t tablet) clockOff(ctx context.Context) (time.Duration, error) {
	asked := time.Now()
	out, err := t.do(ctx, commandClock())
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return 0, failf(flash.ClassDevice, "the tablet says no more than that", "date says %q, which is no time", clean(out))
	}
	shown := time.Unix(seconds, 0)
	return max(asked.Sub(shown.Add(time.Second)), time.Until(shown)), nil
}

// commandClock prints the time in seconds since 1970.
func commandClock() command { return command{argv: []string{"date", "-u", "+%s"}} }

// commandSetClock sets the system's clock.
func commandSetClock(to time.Time) command {
	return command{argv: []string{"date", "-u", "-s", "@" + strconv.FormatInt(to.Unix(), 10)}, root: true}
}

// commandKeepClock sets the clock that runs while the tablet is off to the system's.
func commandKeepClock() command { return command{argv: []string{"hwclock", "-w", "-u"}, root: true} }
