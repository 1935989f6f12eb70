// This file installs RPMs: with Aurora's package manager, or pkcon where there is none.

package provision

import (
	"context"
	"io"
	"path"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Package is an RPM, signed for the system.
type Package struct {
	Name, Version string // as rpm -q tells them
	SHA256        string // lower-case hexadecimal, of the file
	Size          int64
	Open          func() (io.ReadCloser, error)
}

// installFor is how long a package may take to install.
const installFor = 5 * time.Minute

// pollEvery is how often a package that is being installed is asked for.
const pollEvery = 500 * time.Millisecond

// Install brings a package to its version.
func Install(p Package) flash.Step {
	return (&setting{
		name: "package:" + p.Name,
		want: func(context.Context, *flash.Session) (string, error) { return p.Version, nil },
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			return tabletOf(s).version(ctx, p.Name)
		},
		set: func(ctx context.Context, s *flash.Session) error { return p.install(ctx, tabletOf(s)) },
	}).Step()
}

// version is that of an installed package; "" is none.
func (c tablet) version(ctx context.Context, name string) (string, error) {
	out, said, status, err := c.run(ctx, commandVersion(name), commandTimeout)
	if err != nil {
		return "", err
	}
	if status == 127 {
		return "", failf(flash.ClassDevice, "look at the system", "packages cannot be asked for: %s", said)
	}
	if status != 0 {
		return "", nil
	}
	return untrusted.Marked(out, untrusted.Word), nil
}

func (p Package) install(ctx context.Context, c tablet) error {
	file := "/tmp/zarya-" + p.SHA256[:16] + ".rpm"
	if err := p.upload(ctx, c, file); err != nil {
		return err
	}
	defer func() { _ = c.Remove(context.WithoutCancel(ctx), file, false) }() // it is only a copy
	out, err := c.do(ctx, commandSum(file))
	if err != nil {
		return err
	}
	if sum, _, _ := strings.Cut(out, " "); sum != p.SHA256 {
		return failf(flash.ClassDevice, "try again; if it stays so, the tablet's storage is bad",
			"%s did not arrive as it was sent", path.Base(file))
	}
	_, said, status, err := c.run(ctx, commandInstall(file), installFor)
	if err != nil {
		return err
	}
	if status != 0 {
		if !strings.Contains(said, "ServiceUnknown") && status != 127 {
			return refused("installing "+p.Name, status, said)
		}
		out, said, status, err := c.run(ctx, commandPkcon(file), installFor)
		if err == nil && status != 0 {
			if said == "" {
				said = clean(out)
			}
			err = refused("pkcon", status, said)
		}
		return err
	}
	return p.poll(ctx, c)
}

// poll waits until the package manager knows the package in its version.
func (p Package) poll(ctx context.Context, c tablet) error {
	limited, cancel := context.WithTimeout(ctx, installFor)
	defer cancel()
	for {
		_, said, status, err := c.run(limited, commandInstalled(p.Name), commandTimeout)
		if err != nil && limited.Err() == nil {
			return err
		}
		switch {
		case limited.Err() != nil:
		case status == 0:
			got, err := c.version(limited, p.Name)
			if err != nil || got == p.Version {
				return err
			}
		case !strings.Contains(said, "PackageNotExist"):
			return refused("installing "+p.Name, status, said)
		}
		select {
		case <-time.After(pollEvery):
		case <-limited.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return failf(flash.ClassDevice, "is it signed for this system, and for this architecture?",
				"%s was not installed within %s: %s", p.Name, installFor, said)
		}
	}
}

// upload streams the file.
func (p Package) upload(ctx context.Context, c tablet, to string) error {
	r, err := p.Open()
	if err != nil {
		return failf(flash.ClassStation, "put the file back", "%v", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	return c.Upload(ctx, to, r, p.Size)
}

// The package manager of Aurora (ru.omp.APM, as aurora-cli uses it): Install is answered
// before it has happened.
func commandInstall(path string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.Install", path, "{}")
}

func commandInstalled(name string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.GetPackage", name)
}

// commandPkcon installs where there is no ru.omp.APM.
func commandPkcon(path string) command {
	return command{argv: []string{"pkcon", "-y", "install-local", path}, root: true}
}

// commandVersion prints the version of an installed package.
func commandVersion(name string) command {
	return command{argv: []string{"rpm", "-q", "--qf", "%{VERSION}", name}}
}

// commandSum prints the SHA-256 of a file.
func commandSum(path string) command { return command{argv: []string{"sha256sum", path}} }
