// This file is what a station brings to every recipe that it makes.

package recipe

import (
	"context"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
)

// Maker makes recipes on one station. Its fields are set before use and not changed
// afterwards; its methods may be called from several goroutines.
type Maker struct {
	Config  string         // the user's folder of configuration: profiles, hooks.yaml, age.key
	Machine string         // the machine's: profiles, hooks.yaml; "" is /etc/zarya
	Trust   string         // the station's folder that says who may sign bundles; it may be missing
	Key     *Key           // opens what is encrypted for the station
	Secrets *flash.Secrets // that no output may show; every secret that is read goes in
	Codes   CodeRecord     // what was tried with unlock codes; nil: nothing may be unlocked

	// Cache returns the cache of prepared images; nil is none.
	Cache func() *image.Cache
	// Floor returns the newest version of a bundle with which a tablet passed here; ""
	// is none.
	Floor func(ctx context.Context, bundle string) (version string, err error)
	// Open opens a bundle by any name that a person may give it, asking gate before anything
	// large is fetched; nil: bundles are files and folders.
	Open func(ctx context.Context, name string, gate func(context.Context, *bundle.Bundle) error) (*bundle.Bundle, error)
	// Warn tells the user something that stops nothing.
	Warn func(format string, args ...any)
}

// Request is what a person asked for.
type Request struct {
	Profile string   // a file, or a name that [Maker.NamedProfile] finds
	Bundle  string   // a file, a folder, or what [Maker] Open knows; without Profile, the profile in it counts
	Trust   string   // the folder that says who may sign; the station's own cannot be got round
	Allow   []string // protected partitions that may be written
	Scope   flash.Scope
}
