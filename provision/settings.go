// This file has the steps that make settings: hostname, time zone, files, exec.

package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// Value is a setting for one tablet, made from what is known of it. An error is
// the profile's.
type Value func(flash.Key) (string, error)

func (v Value) of(s *flash.Session) (string, error) {
	text, err := v(s.Key())
	if err != nil {
		return "", failf(flash.ClassProfile, "mend the profile for this tablet, then try again", "%v", err)
	}
	return text, nil
}

// setting is what the steps here have in common: read, change if it differs, read
// back.
type setting struct {
	name string
	// want is what should be there, in words that can be compared and shown.
	want func(s *flash.Session) (string, error)
	// get is what is there; "" is nothing.
	get func(ctx context.Context, c *Client) (string, error)
	set func(ctx context.Context, c *Client, s *flash.Session) error
}

// Name is the step in events.
func (t *setting) Name() string { return t.name }

// Needs a booted tablet.
func (t *setting) Needs() usb.Mode { return usb.Booted }

// Restartable says that a setting can be made again.
func (t *setting) Restartable() {}

// Check makes the value, so that a profile that has none for this tablet stops the
// job before anything is written.
func (t *setting) Check(_ context.Context, s *flash.Session) ([]flash.Verdict, error) {
	_, err := t.want(s)
	return nil, err
}

// Already compares without changing.
func (t *setting) Already(ctx context.Context, s *flash.Session) (bool, error) {
	want, err := t.want(s)
	if err != nil {
		return false, err
	}
	got, err := t.get(ctx, client(s))
	return err == nil && got == want, err
}

// Run makes the setting, if it is not made, and reads it back.
func (t *setting) Run(ctx context.Context, s *flash.Session) error {
	already, err := t.Already(ctx, s)
	if err != nil {
		return err
	}
	if already {
		s.Result(flash.StepAlready)
		return nil
	}
	if err := s.Stopping(); err != nil {
		return err
	}
	if err := t.set(ctx, client(s), s); err != nil {
		return explain(t.name, err)
	}
	want, err := t.want(s)
	if err != nil {
		return err
	}
	got, err := t.get(ctx, client(s))
	if err != nil {
		return err
	}
	if got != want {
		// What is in a file may be a secret, and is not told.
		return failf(flash.ClassDevice, "the system changes it back, or does not keep it: look at the tablet", "%s: it does not read back as it was written", t.name)
	}
	s.Result(flash.StepChanged)
	return nil
}

// explain makes a tablet's refusal a failure of its own class.
func explain(name string, err error) error {
	var failure *flash.Failure
	if errors.As(err, &failure) || lost(err) {
		return err
	}
	return failf(flash.ClassDevice, "look at the path, and at who may write there", "%s: %v", name, clean(err.Error()))
}

func client(s *flash.Session) *Client { return s.Booted().(*Client) }

var hostnameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// Hostname is the tablet's name, in /etc/hostname: RFC 1123's form of one label.
func Hostname(value Value) flash.Step {
	want := func(s *flash.Session) (string, error) {
		v, err := value.of(s)
		if err == nil && !hostnameForm.MatchString(v) {
			err = failf(flash.ClassProfile, "a hostname has up to 63 letters, digits and dashes", "%q is not a hostname", v)
		}
		return v, err
	}
	return &setting{
		name: "hostname", want: want,
		get: func(ctx context.Context, c *Client) (string, error) { return c.fact(ctx, "hostname") },
		set: func(ctx context.Context, c *Client, s *flash.Session) error {
			v, err := want(s)
			if err != nil {
				return err
			}
			return c.write(ctx, "/etc/hostname", []byte(v+"\n"), 0o644, true)
		},
	}
}

const (
	localtime = "/var/lib/timed/localtime" // the link that timed keeps
	zoneinfo  = "/usr/share/zoneinfo/"
)

var zoneForm = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)

// Timezone is the tablet's time zone, by its name in the zone database.
func Timezone(value Value) flash.Step {
	want := func(s *flash.Session) (string, error) {
		v, err := value.of(s)
		if err == nil && !zoneForm.MatchString(v) {
			err = failf(flash.ClassProfile, "write a zone as Europe/Moscow", "%q is not a time zone", v)
		}
		return v, err
	}
	return &setting{
		name: "timezone", want: want,
		get: func(ctx context.Context, c *Client) (string, error) { return c.fact(ctx, "timezone") },
		set: func(ctx context.Context, c *Client, s *flash.Session) error {
			v, err := want(s)
			if err != nil {
				return err
			}
			there, err := c.exists(ctx, zoneinfo+v, false)
			if err != nil {
				return err
			}
			if !there {
				return failf(flash.ClassProfile, "write a zone that the system has, such as Europe/Moscow", "the tablet has no time zone %q", v)
			}
			return c.link(ctx, zoneinfo+v, localtime)
		},
	}
}

// FileOptions is a file on the tablet.
type FileOptions struct {
	To      string
	Content Value
	Mode    fs.FileMode // permissions
	Root    bool        // root's; otherwise the login's
}

// File puts a file on the tablet.
func File(o FileOptions) flash.Step {
	show := func(data []byte, mode fs.FileMode, root bool) string {
		return fmt.Sprintf("%v %v %s", mode, root, data)
	}
	return &setting{
		name: "file:" + o.To,
		want: func(s *flash.Session) (string, error) {
			v, err := o.Content.of(s)
			return show([]byte(v), o.Mode, o.Root), err
		},
		get: func(ctx context.Context, c *Client) (string, error) {
			f, err := c.read(ctx, o.To, o.Root)
			if errors.Is(err, errNoFile) {
				return "", nil
			}
			if err != nil {
				return "", explain("file:"+o.To, err)
			}
			return show(f.data, f.mode, f.uid == 0), nil
		},
		set: func(ctx context.Context, c *Client, s *flash.Session) error {
			v, err := o.Content.of(s)
			if err != nil {
				return err
			}
			return c.write(ctx, o.To, []byte(v), o.Mode, o.Root)
		},
	}
}

// stampPath is where a finished job leaves what it flashed.
const stampPath = "/var/lib/zarya/stamp"

// NewStamp is the last step of a run: it leaves text on the tablet that names the
// images, so that the next run knows that they are there.
func NewStamp(text string) flash.Step {
	content := func(flash.Key) (string, error) { return text, nil }
	return &stamp{File(FileOptions{To: stampPath, Content: content, Mode: 0o644, Root: true}).(*setting), text}
}

type stamp struct {
	*setting
	text string
}

// Name is stamp.
func (t *stamp) Name() string { return "stamp" }

// Flashed reports whether the stamp of these images is there.
func (t *stamp) Flashed(ctx context.Context, s *flash.Session) (bool, error) {
	f, err := client(s).read(ctx, stampPath, false)
	if errors.Is(err, errNoFile) || errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return err == nil && bytes.Equal(f.data, []byte(t.text)), err
}

// timeFor is how long a file may take: at least 100 kB/s.
func timeFor(n int) time.Duration { return time.Duration(n/100_000) * time.Second }
