// This file is the way of a tablet that still runs Android: what it reports there, and
// into the bootloader.

package flash

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zarya-station/zarya/usb"
)

// Android is a Target whose tablet may run Android with debugging on.
type Android interface {
	// Android reaches the running system. It tries once.
	Android(ctx context.Context) (Running, error)
}

// Running is a tablet in Android. What it does not report is "" or -1.
type Running struct {
	Serial, Model, Build string
	Battery              int // percent
	// Bootloader restarts it into its bootloader.
	Bootloader func(context.Context) error
}

// ErrAndroid is in the error of Target.Fastboot while the tablet runs Android.
var ErrAndroid = errors.New("the tablet runs Android")

const androidFrom = "adb"

// fromAndroid brings a tablet that runs Android into its bootloader, if it is one that
// the job is for. why is the error if no one can.
func (s *Session) fromAndroid(ctx context.Context, why error) error {
	target, ok := s.job.Target.(Android)
	if !ok {
		return why
	}
	running, err := target.Android(ctx)
	if err != nil {
		return failf(ClassOperator, Classify(why).Hint, "%v, and cannot be sent to its bootloader: %v", why, err)
	}
	s.link.mode, s.tablet.productFrom, s.tablet.android = usb.ADB, androidFrom, &running
	s.tablet.key = Key{Place: s.tablet.where.Label(), Serial: running.Serial, Product: running.Model}
	s.tablet.where.Serial = running.Serial
	s.emit(Device{Change: "present", Mode: s.link.mode, Model: running.Model})
	s.Log(fmt.Sprintf("Android %s, battery %d %%", running.Build, running.Battery))
	if v, asked := s.product(); asked && v.Fail != nil {
		return v.Fail // it is left as it is
	}
	if minimum := s.job.Require.MinBattery; minimum > 0 && running.Battery >= 0 && running.Battery < minimum {
		return tooLow(running.Battery, minimum)
	}
	before := s.tablet.key
	if err := running.Bootloader(ctx); err != nil {
		return failf(ClassOperator, Classify(why).Hint, "%v, and cannot be sent to its bootloader: %v", why, err)
	}
	deadline := time.Now().Add(bootloaderFor)
	for {
		err := s.openFastboot(ctx, time.Until(deadline))
		if !errors.Is(err, ErrAndroid) || time.Now().Add(bootEvery).After(deadline) {
			reported := s.tablet.key.Product
			err = s.verifySameTablet(before, true, err)
			if reported == "" {
				s.tablet.productFrom = androidFrom
			}
			return err
		}
		select { // it has not left yet
		case <-time.After(bootEvery):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
