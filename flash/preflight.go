// This file is preflight: what a tablet says about itself, held to what the job needs,
// before anything is written.

package flash

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// preflight asks everything that can stop the job, before anything is written.
func (s *Session) preflight(ctx context.Context) error {
	if err := s.move(onPreflight); err != nil {
		return err
	}
	verdicts, err := s.facts(ctx)
	if err != nil {
		return err
	}
	for _, step := range s.job.Steps {
		more, err := step.check(ctx, s)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, more...)
	}
	var silent []string
	for _, v := range verdicts {
		switch v.Answer {
		case fastboot.No:
			return v.Fail
		case fastboot.NotTold:
			if v.Fail != nil { // a fact that must be reported
				return v.Fail
			}
			silent = append(silent, v.Fact)
		case fastboot.Yes:
		}
	}
	if len(silent) > 0 {
		s.Warn("not reported by the tablet: "+strings.Join(silent, ", "), "")
	}
	return nil
}

// facts are the verdicts that concern the whole tablet.
func (s *Session) facts(ctx context.Context) ([]Verdict, error) {
	var verdicts []Verdict
	if v, asked := s.product(); asked {
		verdicts = append(verdicts, v)
	}
	if !s.writes() || s.link.mode == usb.Booted {
		return verdicts, nil
	}
	unlocked, source, err := s.link.client.Unlocked(ctx)
	if err != nil {
		return nil, err
	}
	s.seen(unlocked)
	v := Verdict{Fact: "lock state", Answer: unlocked, Source: source}
	switch {
	case unlocked == fastboot.No && s.unlocks():
		v.Answer = fastboot.Yes // as far as this job is concerned
	case unlocked == fastboot.No:
		v.Fail = failf(ClassLocked, "the bootloader is locked: set this tablet aside for unlocking",
			"the bootloader is locked (%s); nothing was written", source)
	case unlocked == fastboot.NotTold && s.job.Require.Lock == SilenceStops:
		v.Fail = failf(ClassLocked, "if you know that these tablets are unlocked, write lock: allow-unknown in the profile",
			"the tablet does not report whether it is locked; nothing was written")
	}
	verdicts = append(verdicts, v)
	v, err = s.battery(ctx)
	if err != nil {
		return nil, err
	}
	return append(verdicts, v), nil
}

// product is the verdict about what the tablet is, if the job asks.
func (s *Session) product() (v Verdict, asked bool) {
	want, only := s.job.Require.Products, s.job.Require.ProductFrom
	v = Verdict{Fact: "product", Answer: fastboot.Yes, Source: s.tablet.productFrom}
	switch got := s.tablet.key.Product; {
	case got == "" || only != "" && s.link.mode.Flashing() && s.tablet.productFrom != only:
		v.Answer = fastboot.NotTold
		v.Fail = failf(ClassDevice, "this bootloader does not report it; leave the check out only if you know what the tablet is",
			"the tablet does not report its product; %s was asked for", strings.Join(want, " or "))
	case !slices.ContainsFunc(want, func(w string) bool { return strings.EqualFold(w, got) }):
		v.Answer = fastboot.No
		v.Fail = failf(ClassProfile, "put this tablet back, or use the bundle made for it",
			"the tablet is %q, %s was asked for", got, strings.Join(want, " or "))
	}
	return v, len(want) > 0
}

// tooLow is a battery below what is asked for.
func tooLow(percent, minimum int) *Failure {
	return failf(ClassBattery, "charge the tablet and try again",
		"the battery has %d %%, %d %% are required; nothing was written", percent, minimum)
}

// battery is the verdict about the charge.
func (s *Session) battery(ctx context.Context) (Verdict, error) {
	ok, err := s.link.client.BatteryOK(ctx)
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Fact: "battery", Answer: ok, Source: "getvar:battery-soc-ok"}
	minimum := s.job.Require.MinBattery
	if minimum > 0 && ok != fastboot.No {
		f, err := s.link.client.Var(ctx, "battery-soc")
		if err != nil {
			return Verdict{}, err
		}
		percent, perr := strconv.Atoi(strings.TrimSuffix(f.Value, "%"))
		if perr != nil && s.tablet.android != nil && s.tablet.android.Battery >= 0 {
			f.Source, percent, perr = androidFrom, s.tablet.android.Battery, nil // a minute ago
		}
		if perr == nil {
			s.tablet.charge = strconv.Itoa(percent)
			v.Source, v.Answer = f.Source, fastboot.Yes
			if percent < minimum {
				v.Answer, v.Fail = fastboot.No, tooLow(percent, minimum)
			}
		}
	}
	switch {
	case v.Fail != nil:
	case v.Answer == fastboot.No:
		v.Fail = failf(ClassBattery, "charge the tablet and try again", "the battery is too low for flashing; nothing was written")
	case v.Answer == fastboot.NotTold && s.job.Require.Battery == SilenceStops:
		v.Fail = failf(ClassDevice, "write battery: {unknown: allow} in the profile if these tablets never report it",
			"the tablet does not report its charge; nothing was written")
	case v.Answer == fastboot.NotTold && s.job.Require.Battery == SilencePasses:
		v.Answer = fastboot.Yes
	case v.Answer == fastboot.NotTold && s.job.Profile == "":
		v.Answer = fastboot.Yes // explicit images: no one asked
	}
	return v, nil //nolint:nilerr // a charge that is no number is not reported
}

// writes reports whether any step changes the tablet's storage.
func (s *Session) writes() bool {
	return slices.ContainsFunc(s.job.Steps, func(step Step) bool { return step.Writes })
}

// unlocks reports whether any step opens the lock.
func (s *Session) unlocks() bool {
	return slices.ContainsFunc(s.job.Steps, func(step Step) bool { return step.Unlocks })
}
