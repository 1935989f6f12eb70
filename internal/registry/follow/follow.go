// Package follow follows tags of registries: what a station takes over by itself, and only
// where it was told to. A [Follower] looks at one tag now and then. What the tag names is
// held to the trust of the station, and to what was taken over before, when its manifest is
// here and before its images are; then it is fetched, and taken over as a person's order to
// read bundles again is. If anything of that fails, what was used stays.
package follow

import (
	"context"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
)

// Stage is how far a follower is with what it found.
type Stage int

// The stages.
const (
	Same    Stage = iota // the tag names what is used
	Coming               // something else may come in: it is being fetched
	Taking               // it is here, and is being taken over
	Took                 // it is used from the next tablet on
	Refused              // it may not come in, or could not be taken over; the old one stays
	Away                 // it could not be fetched: nobody answers, or there is no room
)

// News is what a follower has to say.
type News struct {
	Stage   Stage
	Tag     registry.Reference
	From    string // the version that is used; "" is none
	Name    string // of the bundle
	To      string // the version that was found
	Signer  string // whom the trust names for its signature
	Problem error  // Refused, Away
}

// Follower looks at a tag now and then, and has what it names verified and taken over. It
// takes nothing over that is older than what it took over before.
type Follower struct {
	Client *registry.Client
	Tag    registry.Reference
	Every  time.Duration
	// Gate says who signed a bundle, or why it may not run here.
	Gate func(context.Context, *bundle.Bundle) (signer string, err error)
	// Take has the bundle that Now returns used from now on, or leaves everything as it was.
	Take func(ctx context.Context) error
	// Tell hears of every stage; it must not wait. nil: nobody does.
	Tell func(News)
	// Keep is how many bundles of the name stay in the store when one was taken over.
	Keep int

	mu      sync.Mutex
	now     string          // guarded by mu; the digest that is used
	pending *registry.Taken // guarded by mu; what is used and not remembered yet
	failed  string          // guarded by mu; the digest that could not be taken over
	failure error           // guarded by mu; why
}

// Start finds the bundle to begin with: what this machine took over last, if it is here and
// may still run, so that a station begins without a network; else, or if fresh says so, what
// the tag names now.
func (f *Follower) Start(ctx context.Context, fresh bool) (digest string, err error) {
	last, have := f.last()
	if have && !fresh && f.usable(ctx, last.Digest) {
		f.set(last.Digest)
		return last.Digest, nil
	}
	f.set("") // whatever of it is damaged is fetched again
	return f.bring(ctx, &News{Tag: f.Tag, From: last.Version}, func(t registry.Taken) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.now, f.pending = t.Digest, &t
		return nil
	})
}

func (f *Follower) last() (registry.Taken, bool) {
	t, ok := f.Client.Store.Taken()[f.Tag.String()]
	return t, ok
}

// usable reports whether a bundle is in the store and may run.
func (f *Follower) usable(ctx context.Context, digest string) bool {
	b, err := f.Client.Store.Open(digest)
	if err != nil {
		return false
	}
	defer b.Close()
	signer, err := f.Gate(ctx, b)
	return err == nil && signer != ""
}

// stageOf tells what may not come in from what cannot be fetched.
func stageOf(err error) Stage {
	if kind, ok := problem.KindOf(err); ok && kind == problem.Station {
		return Away
	}
	return Refused
}

// Now is the bundle that is used, by its digest.
func (f *Follower) Now() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Run remembers what Start found, for by now it is used, and looks at once and then again
// and again until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	f.mu.Lock()
	pending := f.pending
	f.pending = nil
	f.mu.Unlock()
	if pending != nil {
		if err := f.Client.Store.Took(ctx, f.Tag, *pending); err != nil && ctx.Err() == nil {
			f.say(&News{Tag: f.Tag, Name: pending.Name, To: pending.Version}, stageOf(err), err)
		}
	}
	t := time.NewTicker(f.Every)
	defer t.Stop()
	for {
		f.Look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// Look asks once what the tag names, and takes over what may be.
func (f *Follower) Look(ctx context.Context) {
	now := f.Now()
	last, _ := f.last()
	news := News{Tag: f.Tag, From: last.Version}
	_, err := f.bring(ctx, &news, func(t registry.Taken) error {
		f.say(&news, Taking, nil)
		f.set(t.Digest) // it is what Take reads
		if err := f.Take(ctx); err != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.now, f.failed, f.failure = now, t.Digest, err
			return err
		}
		err := f.Client.Store.Took(ctx, f.Tag, t)
		if err == nil && f.Keep > 0 {
			_, _ = f.Client.Store.Prune(f.Keep, t.Name) // what cannot be removed now is removed next time
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		f.say(&news, stageOf(err), err)
	}
}

func (f *Follower) set(digest string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = digest
}

func (f *Follower) say(n *News, s Stage, err error) {
	n.Stage, n.Problem = s, err
	if f.Tell != nil {
		f.Tell(*n)
	}
}

// bring resolves the tag, verifies what it names, fetches it and has it taken over.
func (f *Follower) bring(ctx context.Context, news *News, take func(registry.Taken) error) (digest string, err error) {
	c := f.Client
	pinned, err := c.Resolve(ctx, f.Tag)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	now, failed, failure := f.now, f.failed, f.failure
	f.mu.Unlock()
	switch pinned.Digest {
	case now:
		f.say(news, Same, nil)
		return now, nil
	case failed:
		return "", failure // it would fail again
	}
	o, err := c.Look(ctx, pinned)
	if err != nil {
		return "", err
	}
	m := o.Bundle.Manifest
	news.Name, news.To = m.Name, m.Version
	if err := f.permit(ctx, o, news); err != nil {
		return "", err
	}
	f.say(news, Coming, nil)
	if _, err := c.Fetch(ctx, o); err != nil {
		return "", err
	}
	if err := take(registry.Taken{Digest: pinned.Digest, Name: m.Name, Version: m.Version}); err != nil {
		return "", err
	}
	f.say(news, Took, nil)
	return pinned.Digest, nil
}

// permit holds what was found to the trust and to what was taken over before.
func (f *Follower) permit(ctx context.Context, o *registry.Offer, news *News) (err error) {
	m := o.Bundle.Manifest
	if news.Signer, err = f.Gate(ctx, o.Bundle); err != nil {
		return err
	}
	if last, ok := f.Client.Store.Taken()[f.Tag.String()]; ok && last.Name != m.Name {
		return problem.New(problem.Invalid, "name the other bundle to the station by hand",
			"%s names the bundle %s, and was followed for %s", f.Tag, m.Name, last.Name)
	}
	if newest := f.Client.Store.NewestTaken(m.Name); newest != "" && bundle.Older(m.Version, newest) {
		return problem.New(problem.Invalid, "build the older images anew with a higher version, if they are meant",
			"%s names %s %s, and %s was taken over here: it does not go back",
			f.Tag, m.Name, m.Version, newest)
	}
	if news.Signer == "" {
		return problem.New(problem.Invalid, "say who may sign bundles, in a folder of trust",
			"%s: nothing here says who may sign what is followed", f.Tag)
	}
	return nil
}

// String is the news for a person: old -> new version, and who signed it; or what is wrong.
func (n News) String() string {
	if n.Problem != nil && n.To == "" {
		return n.Problem.Error()
	}
	text := n.Name
	if n.From != "" {
		text += " " + n.From + " ->"
	}
	if text += " " + n.To; n.Signer != "" {
		text += ", signed by " + n.Signer
	}
	if n.Problem != nil {
		text += ": " + n.Problem.Error()
	}
	return text
}

// Tags are followers of tags by their names, each as one of them says; only what moves can
// be followed.
func Tags(names []string, client func() (*registry.Client, error), like *Follower) (list []*Follower, err error) {
	for _, name := range names {
		f := &Follower{Every: like.Every, Keep: like.Keep, Gate: like.Gate}
		if f.Tag, err = registry.Parse(name); err != nil {
			return nil, err
		}
		if f.Tag.Pinned() || f.Tag.Tag == "" {
			return nil, problem.New(problem.Usage, "name what does not move with --bundle", "--follow %s: only a tag can be followed", name)
		}
		if f.Client, err = client(); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// First starts followers, and makes something of what they have. If it cannot be made of what
// was taken over last, what the tags name now is tried.
func First[T any](ctx context.Context, list []*Follower, of func(context.Context) (T, error)) (made T, err error) {
	for _, f := range list {
		if _, err := f.Start(ctx, false); err != nil {
			return made, err
		}
	}
	made, err = of(ctx)
	if err == nil || len(list) == 0 {
		return made, err
	}
	for _, f := range list {
		if _, ferr := f.Start(ctx, true); ferr != nil {
			return made, err // of what is here
		}
	}
	return of(ctx)
}
