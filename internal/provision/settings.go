// This file has the settings that are one value, or one file: hostname, time zone,
// locale, files.

package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

var hostnameForm = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// Hostname is the tablet's name, in /etc/hostname: RFC 1123's form of one label.
func Hostname(value Value) flash.Step {
	want := value.valid(requireForm(hostnameForm.MatchString, "a hostname has up to 63 letters, digits and dashes", "a hostname"))
	return (&setting{
		name: "hostname", want: want,
		get: readTablet(func(ctx context.Context, c tablet) (string, error) { return c.fact(ctx, "hostname") }),
		set: writeTablet(want, func(ctx context.Context, c tablet, v string) error {
			return c.WriteFile(ctx, "/etc/hostname", []byte(v+"\n"), 0o644, true)
		}),
	}).Step()
}

const (
	localtime = "/var/lib/timed/localtime" // the link that timed keeps
	zoneinfo  = "/usr/share/zoneinfo/"
)

var zoneForm = lazyregexp.New(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)

// Timezone is the tablet's time zone, by its name in the zone database.
func Timezone(value Value) flash.Step {
	want := value.valid(requireForm(zoneForm.MatchString, "write a zone as Europe/Moscow", "a time zone"))
	return (&setting{
		name: "timezone", want: want,
		get: readTablet(func(ctx context.Context, c tablet) (string, error) { return c.fact(ctx, "timezone") }),
		set: writeTablet(want, func(ctx context.Context, c tablet, v string) error {
			there, err := c.Exists(ctx, zoneinfo+v, false)
			if err != nil {
				return err
			}
			if !there {
				return failf(flash.ClassProfile, "write a zone that the system has, such as Europe/Moscow", "the tablet has no time zone %q", v)
			}
			return c.Link(ctx, zoneinfo+v, localtime)
		}),
	}).Step()
}

// localeFile is where the user's session gets its language from (Sailfish, Aurora).
const localeFile = "/var/lib/environment/nemo/locale.conf"

var localeForm = lazyregexp.New(`^[A-Za-z]{2,3}(_[A-Z]{2})?(\.[A-Za-z0-9-]+)?(@[a-z]+)?$`)

// Locale is the system's language, such as ru_RU.UTF-8: LANG in locale.conf, whose other
// lines stay.
func Locale(value Value) flash.Step {
	want := value.valid(requireForm(localeForm.MatchString, "write a locale as ru_RU.UTF-8", "a locale"))
	return (&setting{
		name: "locale", want: want,
		get: readTablet(func(ctx context.Context, c tablet) (string, error) { return c.fact(ctx, "locale") }),
		set: writeTablet(want, func(ctx context.Context, c tablet, v string) error {
			text := "LANG=" + v + "\n"
			f, err := c.read(ctx, localeFile, true)
			if err != nil && !errors.Is(err, errNoFile) {
				return err
			}
			if err == nil {
				for line := range strings.Lines(string(f.Data)) {
					if !strings.HasPrefix(line, "LANG=") {
						text += strings.TrimSuffix(line, "\n") + "\n"
					}
				}
			}
			return c.WriteFile(ctx, localeFile, []byte(text), 0o644, true)
		}),
	}).Step()
}

// FileOptions is a file on the tablet.
type FileOptions struct {
	Name    string // of the step; "": file:TO
	To      string
	Content Value
	Mode    fs.FileMode // permissions
	Root    bool        // root's; otherwise the login's
}

// File puts a file on the tablet.
func File(o FileOptions) flash.Step {
	if o.Name == "" {
		o.Name = "file:" + o.To
	}
	return files(o.Name, func(ctx context.Context, s *flash.Session) ([]wanted, error) {
		v, err := o.Content.resolve(ctx, s)
		return []wanted{{o.To, []byte(v), o.Mode, o.Root}}, err
	}, nil).Step()
}

// wanted is one file as it should be.
type wanted struct {
	to   string
	data []byte
	mode fs.FileMode
	root bool
}

func show(data []byte, mode fs.FileMode, root bool) string {
	return fmt.Sprintf("%v %v %s\n", mode, root, data)
}

// files is a setting that is files. after runs when one was written.
func files(name string, want func(context.Context, *flash.Session) ([]wanted, error),
	after func(context.Context, *flash.Session) error) *setting {
	return &setting{
		name: name,
		want: func(ctx context.Context, s *flash.Session) (string, error) {
			all, err := want(ctx, s)
			text := ""
			for _, f := range all {
				text += show(f.data, f.mode, f.root)
			}
			return text, err
		},
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			all, err := want(ctx, s)
			text := ""
			for _, w := range all {
				f, err := tabletOf(s).read(ctx, w.to, w.root)
				if errors.Is(err, errNoFile) {
					return "", nil
				}
				if err != nil {
					return "", explain(name, err)
				}
				text += show(f.Data, f.Mode, f.Root)
			}
			return text, err
		},
		set: func(ctx context.Context, s *flash.Session) error {
			all, err := want(ctx, s)
			if err != nil {
				return err
			}
			for _, w := range all {
				if err := tabletOf(s).WriteFile(ctx, w.to, w.data, w.mode, w.root); err != nil {
					return err
				}
			}
			if after != nil {
				return after(ctx, s)
			}
			return nil
		},
	}
}

// stampPath is where a finished job leaves what it flashed.
const stampPath = "/var/lib/zarya/stamp"

// Stamp is the last step of a run: it leaves text on the tablet that names the images, so
// that the next run knows that they are there.
func Stamp(text string) flash.Step {
	step := File(FileOptions{Name: "stamp", To: stampPath, Content: Literal(text), Mode: 0o644, Root: true})
	step.Flashed = func(ctx context.Context, s *flash.Session) (bool, error) {
		f, err := tabletOf(s).read(ctx, stampPath, false)
		if errors.Is(err, errNoFile) || errors.Is(err, fs.ErrPermission) {
			return false, nil
		}
		return err == nil && bytes.Equal(f.Data, []byte(text)), err
	}
	return step
}
