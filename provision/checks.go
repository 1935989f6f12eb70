// This file reads facts from the booted tablet, and has the steps that hold them to
// what the profile says.

package provision

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// fact reads one fact; "" is not told. The names are those of the profile language.
func (c *Client) fact(ctx context.Context, name string) (string, error) {
	text := func(file string) (string, error) {
		f, err := c.read(ctx, file, false)
		if errors.Is(err, errNoFile) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		return strings.TrimSpace(string(f.data)), nil
	}
	switch base, key, _ := strings.Cut(name, "."); {
	case key != "" && (base == "os-release" || base == "hw-release"):
		all, err := text("/etc/" + base)
		return assigned(all, key), err
	case name == "hostname":
		return text("/etc/hostname")
	case name == "machine-id":
		return text("/etc/machine-id")
	case name == "battery":
		return text("/sys/class/power_supply/battery/capacity")
	case name == "serial":
		all, err := text("/proc/cmdline")
		for _, word := range strings.Fields(all) {
			if v, ok := strings.CutPrefix(word, "androidboot.serialno="); ok {
				return clean(v), err
			}
		}
		return "", err
	case name == "model":
		out, _, status, err := c.run(ctx, commandModel(), commandTimeout)
		if err != nil || status != 0 {
			return "", err
		}
		v, ok := strings.CutPrefix(strings.TrimSpace(out), "('")
		v, end := strings.CutSuffix(v, "',)")
		if !ok || !end {
			return "", nil
		}
		return clean(v), nil
	case name == "timezone":
		target, err := c.readLink(ctx, localtime)
		if errors.Is(err, errNoFile) {
			return "", nil
		}
		return strings.TrimPrefix(target, zoneinfo), err
	}
	return "", fmt.Errorf("there is no fact %q", name)
}

// assigned reads one key of a file in os-release's form (os-release(5)).
func assigned(text, key string) string {
	for line := range strings.Lines(text) {
		v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"=")
		if !ok {
			continue
		}
		if n := len(v); n >= 2 && (v[0] == '"' || v[0] == '\'') && v[n-1] == v[0] {
			v = v[1 : n-1]
		}
		return clean(v)
	}
	return ""
}

// Fact holds one fact to what the profile says.
type Fact struct {
	Fact  string
	Is    Value // nil: not asked
	IsNot Value // nil: not asked
	Min   *int  // nil: not asked
}

// Name is check:FACT.
func (f *Fact) Name() string { return "check:" + f.Fact }

// Needs a booted tablet.
func (f *Fact) Needs() usb.Mode { return usb.Booted }

// Restartable says that a question can be asked again.
func (f *Fact) Restartable() {}

// Check makes the values.
func (f *Fact) Check(_ context.Context, s *flash.Session) ([]flash.Verdict, error) {
	for _, v := range []Value{f.Is, f.IsNot} {
		if v == nil {
			continue
		}
		if _, err := v.of(s); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// wrong says what does not hold; "" is nothing.
func (f *Fact) wrong(ctx context.Context, s *flash.Session) (string, error) {
	got, err := client(s).fact(ctx, f.Fact)
	if err != nil {
		return "", err
	}
	if got == "" {
		return "the tablet does not tell " + f.Fact, nil
	}
	if f.Is != nil {
		want, err := f.Is.of(s)
		if err != nil {
			return "", err
		}
		if got != want {
			return fmt.Sprintf("%s is %q, and must be %q", f.Fact, got, want), nil
		}
	}
	if f.IsNot != nil {
		not, err := f.IsNot.of(s)
		if err != nil {
			return "", err
		}
		if got == not {
			return fmt.Sprintf("%s is %q, and must not be", f.Fact, got), nil
		}
	}
	if f.Min != nil {
		n, err := strconv.Atoi(got)
		if err != nil || n < *f.Min {
			return fmt.Sprintf("%s is %q, and must be at least %d", f.Fact, got, *f.Min), nil
		}
	}
	return "", nil
}

// Already reports whether it holds.
func (f *Fact) Already(ctx context.Context, s *flash.Session) (bool, error) {
	wrong, err := f.wrong(ctx, s)
	return err == nil && wrong == "", err
}

// Run fails if it does not hold.
func (f *Fact) Run(ctx context.Context, s *flash.Session) error {
	wrong, err := f.wrong(ctx, s)
	switch {
	case err != nil:
		return err
	case wrong == "":
		return nil
	case strings.HasPrefix(f.Fact, "os-release") || strings.HasPrefix(f.Fact, "hw-release"):
		return failf(flash.ClassImage, "the tablet runs another build than the profile expects: check the images, then flash it again", "%s", wrong)
	case f.Fact == "battery":
		return failf(flash.ClassDevice, "charge the tablet and try again", "%s", wrong)
	}
	return failf(flash.ClassDevice, "look at the tablet, and at the check in the profile", "%s", wrong)
}

// Digest reads a partition back from the booted system.
type Digest struct {
	Partition string
	Size      int64  // bytes from its beginning
	SHA256    string // of those bytes, lower-case hexadecimal
}

// Name is check:PARTITION.
func (d *Digest) Name() string { return "check:" + d.Partition }

// Needs a booted tablet.
func (d *Digest) Needs() usb.Mode { return usb.Booted }

// Restartable says that a partition can be read again.
func (d *Digest) Restartable() {}

// Check has nothing to compare before the partition is written.
func (d *Digest) Check(context.Context, *flash.Session) ([]flash.Verdict, error) { return nil, nil }

// Already reports whether the partition holds the image.
func (d *Digest) Already(ctx context.Context, s *flash.Session) (bool, error) {
	got, err := d.read(ctx, s)
	return err == nil && got == d.SHA256, err
}

func (d *Digest) read(ctx context.Context, s *flash.Session) (string, error) {
	limit := commandTimeout + timeFor(int(d.Size/100)) // at least 10 MB/s
	out, errs, status, err := client(s).run(ctx, commandDigest(d.Partition, d.Size), limit)
	if err != nil {
		return "", err
	}
	if status != 0 {
		return "", failf(flash.ClassDevice, "look at the tablet's words", "%s cannot be read back: %s", d.Partition, errs)
	}
	sum, _, _ := strings.Cut(out, " ")
	return clean(sum), nil
}

// Run fails if the partition does not hold the image.
func (d *Digest) Run(ctx context.Context, s *flash.Session) error {
	got, err := d.read(ctx, s)
	if err == nil && got != d.SHA256 {
		err = failf(flash.ClassDevice, "the tablet's storage did not keep what was written: flash it once more, then send it for repair",
			"%s reads back with sha256 %.16s…, and the image has %.16s…", d.Partition, got, d.SHA256)
	}
	return err
}
