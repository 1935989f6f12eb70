// This file asks whether a bundle, or work without one, may run on this station.

package recipe

import (
	"cmp"
	"context"
	"io/fs"
	"time"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
)

// StationTrust is where a station says who may sign bundles (allowed_signers, floors).
const StationTrust = stationConfig + "/trust.d"

// loadTrust reads a folder of trust. It can make a station strict that has none of its
// own, and not get round one that has. nil is a station that trusts everything.
func loadTrust(dir, station string) (*bundle.Trust, error) {
	if dir != station && exists(station) {
		return nil, problem.New(problem.Usage, "leave --trust out", "--trust %s: who may sign bundles is said by %s here", dir, station)
	}
	t, err := bundle.LoadTrust(dir)
	if err != nil {
		return nil, problem.New(problem.Station, "fix the folder that says who may sign bundles", "%w", err)
	}
	if t == nil && dir != station {
		return nil, problem.New(problem.Usage, "name a folder with allowed_signers in it", "--trust %s: %w", dir, fs.ErrNotExist)
	}
	return t, nil
}

// Trusted returns whom the folder of trust names for a bundle's signature; "" where
// there is no such folder. A bundle that may not run here is a problem.
func (m *Maker) Trusted(ctx context.Context, b *bundle.Bundle, dir string) (signer string, err error) {
	t, err := loadTrust(dir, m.Trust)
	if err != nil || t == nil {
		return "", err
	}
	floor, err := m.Floor(ctx, b.Manifest.Name)
	if err != nil {
		return "", err
	}
	if signer, err = t.Check(b, floor, time.Now()); err != nil {
		return "", problem.New(problem.Invalid, "nothing was written", "%w", err)
	}
	return signer, nil
}

// RefuseUnsigned refuses work that no signature covers, where bundles must have one.
func (m *Maker) RefuseUnsigned(dir string) error {
	t, err := loadTrust(dir, m.Trust)
	if err == nil && t != nil {
		err = problem.New(problem.Invalid, "make a signed bundle of it: zarya bundle build --sign KEY",
			"%s says who may sign bundles, so nothing else is written", dir)
	}
	return err
}

// Judge opens a bundle and asks whether it may run here. Close it after use.
func (m *Maker) Judge(ctx context.Context, name, trust string) (b *bundle.Bundle, signer string, err error) {
	if m.Open == nil {
		b, err = bundle.Open(name)
	} else {
		b, err = m.Open(ctx, name, func(ctx context.Context, b *bundle.Bundle) error {
			_, err := m.Trusted(ctx, b, trust)
			return err
		})
	}
	if err != nil {
		if _, known := problem.KindOf(err); !known {
			err = problem.New(problem.Invalid, "", "%w", err)
		}
		return nil, "", err
	}
	if signer, err = m.Trusted(ctx, b, trust); err != nil {
		b.Close()
		return nil, "", err
	}
	return b, signer, nil
}

// Verify is [Maker.Judge], and reads every block of the bundle's images.
func (m *Maker) Verify(ctx context.Context, name, trust string) (b *bundle.Bundle, signer string, err error) {
	if b, signer, err = m.Judge(ctx, name, trust); err != nil {
		return nil, "", err
	}
	if err := b.Verify(ctx, m.Cache()); err != nil {
		b.Close()
		return nil, "", problem.New(problem.Invalid, "copy or download the bundle again", "%w", err)
	}
	return b, signer, nil
}

// OpenBundle opens a bundle, asks whether it may run here, and warns of what nobody vouches
// for.
func (m *Maker) OpenBundle(ctx context.Context, name, trust string) (b *bundle.Bundle, signer string, err error) {
	if b, signer, err = m.Judge(ctx, name, trust); err != nil {
		return nil, "", err
	}
	switch {
	case !b.Signed():
		m.Warn("%s is not signed: nothing says who made it", b.Path)
	case signer == "":
		m.Warn("%s is signed by the key %s, which nothing here says is to be trusted", b.Path, cmp.Or(b.Signer(), "of no use"))
	}
	return b, signer, nil
}
