// This file makes a station of what a person asked for and of what the machine has, and works
// until it is told to stop.

package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/follow"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

// Request is what a person asks of a station. Of its Options only those count that a person
// says; [Work] fills in the others.
type Request struct {
	Options
	Profiles, Bundles []string      // of which the tablet's model chooses one
	Targets           []string      // that are watched; none: all ports
	Allow             []string      // protected partitions that may be written
	LimitTexts        []string      // NAME=VALUE
	Trust             string        // the folder that says who may sign bundles
	Tags              []string      // that are followed, in registries
	Every             time.Duration // between two looks at a tag
}

// Shown is where a station is shown while it works.
type Shown interface {
	Language() *words.Words
	// Run runs the station until it ends, and shows it.
	Run(d *Daemon) error
	Close()
}

// Work makes the station and works until it is told to stop. show is called when nobody is
// asked anything any more.
func Work(f *runs.Front, q Request, show func() Shown) (err error) {
	switch {
	case q.Every < time.Second:
		return problem.New(problem.Usage, "ask every second at most", "--follow-every %s is too often", q.Every)
	case len(q.Profiles)+len(q.Bundles)+len(q.Tags) == 0:
		return problem.New(problem.Usage,
			"give --profile PROFILE, --bundle BUNDLE or --follow oci://HOST/REPO:TAG", "no profile, bundle or tag is given")
	case f.Ledger == settings.NoLedger:
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH, or leave it out", "station needs a ledger")
	}
	if err := q.Check(); err != nil {
		return err
	}
	if q.Limits, err = station.ParseLimits(q.LimitTexts); err != nil {
		return err
	}
	if q.Places, q.Watchers, err = station.ParsePlaces(f.Bench(), runs.Named(q.Targets)); err != nil {
		return err
	}
	q.Follow, err = follow.Tags(q.Tags, f.Bundles().Client, &follow.Follower{Every: q.Every, Keep: registry.KeepBundles,
		Gate: func(ctx context.Context, b *bundle.Bundle) (string, error) { return f.Maker().Trusted(ctx, b, q.Trust) }})
	if err != nil {
		return err
	}
	q.Reload = func(ctx context.Context) (*recipe.Set, error) { return prepareSet(ctx, f, q) }
	if q.Set, err = follow.First(f.Context, q.Follow, q.Reload); err != nil {
		return err
	}
	given := false // the set, to the daemon
	defer func() {
		if !given {
			q.Set.Close()
		}
	}()
	if err := confirm(f, q.Set); err != nil {
		return err
	}
	record, err := f.OpenLedger(f.Context)
	if err != nil {
		return err
	}
	defer records.Close(record, &err)
	if q.Name, err = f.Settings.Station(); err != nil {
		return err
	}
	shown := show()
	defer shown.Close()
	endTrace, end, err := q.outfit(f, record)
	defer end(&err)
	if err != nil {
		return err
	}
	q.Words = shown.Language()
	given = true
	d, err := New(f.Context, q.Options)
	if err != nil {
		return err
	}
	f.Summarized = true
	stopSignals := d.Obey(f.Signals)
	err = shown.Run(d)
	stopSignals()
	if oerr := errors.Join(d.Close(), endTrace()); oerr != nil && err == nil {
		err = problem.New(problem.Station, "the tablets are as the events say; only the output is incomplete", "output: %w", oerr)
	}
	return err
}

// outfit fills in what a station has of its machine. end gives back what Close of the daemon
// does not; it may be called after an error too.
func (q *Request) outfit(f *runs.Front, record *ledger.Ledger) (endTrace func() error, end func(*error), err error) {
	var ends []func() error
	end = func(err *error) {
		for i := len(ends) - 1; i >= 0; i-- {
			*err = errors.Join(*err, ends[i]())
		}
	}
	if err := f.Follow(record, true); err != nil {
		return nil, end, err
	}
	if q.Outbox, err = f.Outbox(f.Context, record); err != nil {
		return nil, end, err
	}
	if q.Outbox != nil {
		ends = append(ends, q.Outbox.Close)
	}
	if q.Sinks, err = f.Files(f.Console); err != nil {
		return nil, end, err
	}
	if q.Trace, endTrace, err = f.Tracer(f.Secrets.Clean); err != nil {
		return nil, end, err
	}
	q.Program, q.Run, q.Lock = build.Version(), runs.NewID(), station.Lock(f.Bench(), machine.Owner())
	q.Ledger, q.Supply, q.Secrets = record, f.Supply(record), f.Secrets
	if q.Outbox != nil {
		if q.Stock, err = f.Stock(f.Context, record, q.Outbox, q.Set.Pools()); err != nil {
			return nil, end, err
		}
		ends = append(ends, func() error { q.Stock.Close(); return nil })
		q.Supply = q.Stock
	}
	q.Page.WitnessFor, _ = f.Settings.Lookup("witness-for")
	q.Log, q.Warn, q.Unseen = f.Events, f.Warnf, f.JSON || f.Quiet
	f.Record(record)
	return endTrace, end, nil
}

// prepareSet makes the recipes of all profiles and bundles.
func prepareSet(ctx context.Context, f *runs.Front, q Request) (*recipe.Set, error) {
	bundles := make([]string, len(q.Bundles))
	for i, name := range q.Bundles {
		var err error
		if bundles[i], err = f.Bundles().Pin(ctx, name); err != nil {
			return nil, err
		}
	}
	for _, t := range q.Follow {
		bundles = append(bundles, t.Tag.At(t.Now()).String())
	}
	common := recipe.Request{Trust: q.Trust, Allow: q.Allow, Scope: flash.ScopeRun}
	return f.Maker().PrepareSet(ctx, common, q.Profiles, bundles)
}

// confirm asks once for all tablets that will be plugged in.
func confirm(f *runs.Front, set *recipe.Set) error {
	if f.Yes {
		return nil
	}
	models := strings.Join(set.Models(), ", ")
	if err := f.Askable("add --yes if they may be wiped", "every %s that is plugged in will be wiped", models); err != nil {
		return err
	}
	if !f.Agreed(fmt.Sprintf("Wipe every %s that is plugged in from now on, for %s", models, set.Title())) {
		return problem.New(problem.Usage, "", "nothing was written")
	}
	return nil
}
