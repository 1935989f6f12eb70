// This file has the steps that hold facts of the booted tablet to what must be.

package provision

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/usb"
)

// Fact holds one fact to what the profile says.
type Fact struct {
	Fact     string
	Is       Value // nil: not asked
	IsNot    Value // nil: not asked
	Min, Max *int  // nil: not asked
	Luhn     bool  // its last digit is Luhn's (an IMEI)
	Unique   bool  // no other tablet of the ledger has it
}

// Step is check:FACT. A question can be asked again.
func (f Fact) Step() flash.Step {
	return flash.Step{Name: "check:" + f.Fact, Needs: usb.Booted, Traits: flash.Traits{Restartable: true, Verifies: true},
		Check: f.check, Run: f.run, Already: f.already}
}

// check makes the values.
func (f *Fact) check(ctx context.Context, s *flash.Session) ([]flash.Verdict, error) {
	for _, v := range []Value{f.Is, f.IsNot} {
		if v == nil {
			continue
		}
		if _, err := v.resolve(ctx, s); later(err) != nil {
			return nil, err
		}
	}
	return nil, nil
}

// read reads the fact and says what is wrong with it; "" is nothing.
func (f *Fact) read(ctx context.Context, s *flash.Session) (got, wrong string, err error) {
	got, err = tabletOf(s).fact(ctx, f.Fact)
	if err != nil {
		return "", "", err
	}
	if got == "" {
		return "", "the tablet does not report " + f.Fact, nil
	}
	s.Found(f.Fact, got, f.Unique)
	wrong, err = f.wrong(ctx, s, got)
	return got, wrong, err
}

// wrong says what is wrong with a value; "" is nothing.
func (f *Fact) wrong(ctx context.Context, s *flash.Session, got string) (string, error) {
	if f.Is != nil {
		want, err := f.Is.resolve(ctx, s)
		if err != nil {
			return "", err
		}
		if got != want {
			return fmt.Sprintf("%s is %q, and must be %q", f.Fact, got, want), nil
		}
	}
	if f.IsNot != nil {
		not, err := f.IsNot.resolve(ctx, s)
		if err != nil {
			return "", err
		}
		if got == not {
			return fmt.Sprintf("%s is %q, and must not be", f.Fact, got), nil
		}
	}
	switch {
	case below(f.Min, got):
		return fmt.Sprintf("%s is %q, and must be at least %d", f.Fact, got, *f.Min), nil
	case above(f.Max, got):
		return fmt.Sprintf("%s is %q, and must be at most %d", f.Fact, got, *f.Max), nil
	case f.Luhn && !luhn(got):
		return fmt.Sprintf("%s is %q, whose last digit is not right", f.Fact, got), nil
	case f.Unique && placeholder(f.Fact, got):
		return fmt.Sprintf("%s is %q, which is no tablet's own", f.Fact, got), nil
	}
	return "", nil
}

// below reports whether a fact is no number, or less than the least; nil is not asked.
func below(least *int, fact string) bool {
	n, err := strconv.Atoi(fact)
	return least != nil && (err != nil || n < *least)
}

// above reports whether a fact is no number, or more than the most; nil is not asked.
func above(most *int, fact string) bool {
	n, err := strconv.Atoi(fact)
	return most != nil && (err != nil || n > *most)
}

var machineIDForm = lazyregexp.New("^[0-9a-f]{32}$")

// placeholder reports whether a fact that should name one tablet names none.
func placeholder(fact, value string) bool {
	switch fact {
	case "wifi-mac":
		// No address, everybody's, or one that somebody made up for a group.
		return value == "00:00:00:00:00:00" || value == "ff:ff:ff:ff:ff:ff" || len(value) != 17
	case "serial", "usb-serial":
		return flash.Placeholder(value)
	case "machine-id": // machine-id(5); "uninitialized" until the first boot is through
		return !machineIDForm.MatchString(value) || strings.Trim(value, "0") == ""
	}
	return strings.Trim(value, "0") == ""
}

// luhn checks the last digit of a number (ISO/IEC 7812-1).
func luhn(number string) bool {
	sum, n := 0, len(number)
	for i := range n {
		d := int(number[n-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return n > 1 && sum%10 == 0
}

// already reports whether it holds.
func (f *Fact) already(ctx context.Context, s *flash.Session) (bool, error) {
	_, wrong, err := f.read(ctx, s)
	return err == nil && wrong == "", err
}

// run fails if it does not hold.
func (f *Fact) run(ctx context.Context, s *flash.Session) error {
	got, wrong, err := f.read(ctx, s)
	switch {
	case err != nil:
		return err
	case wrong == "":
		return nil
	case strings.HasPrefix(f.Fact, "os-release") || strings.HasPrefix(f.Fact, "hw-release"):
		return failf(flash.ClassImage,
			"the tablet runs another build than the profile expects: check the images, then flash it again", "%s", wrong)
	case f.Fact == "battery" && below(f.Min, got):
		return failf(flash.ClassBattery, "charge the tablet and try again", "%s", wrong)
	case f.Unique || f.Luhn:
		return failf(flash.ClassIdentity, "set this tablet aside: what should name it alone does not", "%s", wrong)
	}
	return failf(flash.ClassDevice, "look at the tablet, and at the check in the profile", "%s", wrong)
}

// Self is the step check:self. It reads what names this tablet alone, and fails if there is
// none: its serial, the system's machine-id and host key, and the address of its Wi-Fi
// where it has one. The ledger holds them to those of all other tablets when the job
// passes.
func Self() flash.Step {
	return flash.Step{Name: "check:self", Needs: usb.Booted, Traits: flash.Traits{Restartable: true, Verifies: true},
		Run: readSelf, Already: hasSelf}
}

// hasSelf reports whether they are there.
func hasSelf(ctx context.Context, s *flash.Session) (bool, error) {
	err := readSelf(ctx, s)
	var failure *flash.Failure
	if errors.As(err, &failure) && failure.Class == flash.ClassIdentity {
		return false, nil
	}
	return err == nil, err
}

// readSelf reads them.
func readSelf(ctx context.Context, s *flash.Session) error {
	for _, fact := range []string{"usb-serial", "machine-id", "host-key", "wifi-mac"} {
		got, err := tabletOf(s).fact(ctx, fact)
		switch {
		case err != nil:
			return err
		case got == "" && fact == "wifi-mac": // not every tablet has it, or lets it be seen
			continue
		case got == "":
			return failf(flash.ClassIdentity, "set this tablet aside: it cannot be told from another", "the tablet does not report its %s", fact)
		case placeholder(fact, got):
			return failf(flash.ClassIdentity, "set this tablet aside: it cannot be told from another",
				"the %s is %q, which is no tablet's own", fact, got)
		}
		s.Found(fact, got, true)
	}
	return nil
}
