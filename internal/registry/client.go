// This file is what a bundle is brought with: the client, and what it finds at a place
// before anything large is fetched.

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
)

// Client brings bundles to registries and from them. Its fields are set before use and
// not changed afterwards; its methods may be called from several goroutines.
type Client struct {
	Store *Store
	// Mirror is a registry that is asked before the one in a reference, as HOST[:PORT];
	// with http:// before it, without TLS. "" is none.
	Mirror string
	// Auth is a file as docker's config.json is; "" is docker's own.
	Auth string
	// PlainHTTP has every registry be spoken to without TLS. Otherwise only one on this machine is,
	// if it has none.
	PlainHTTP bool
	// Say tells a person how it goes, a line at a time; nil: nobody.
	Say func(format string, args ...any)
	// Wait is called before a blob is tried again, for the first, second … time without
	// anything having arrived; its error ends the try. nil waits a little longer each time,
	// and ends the fifth.
	Wait func(ctx context.Context, failed int, why error) error

	mu    sync.Mutex
	http  *auth.Client
	plain map[string]bool // registries on this machine: whether they have no TLS
}

func (c *Client) say(format string, args ...any) {
	if c.Say != nil {
		c.Say(format, args...)
	}
}

// worthTelling is the size from which a person hears of every tenth of a blob.
const worthTelling = 256 << 20

// tenth tells a person of another tenth of a blob, where from has become now.
func (c *Client) tenth(l layer, from, now int64) {
	if l.size >= worthTelling && now < l.size && now*10/l.size != from*10/l.size {
		c.say("%s: %s of %s done", l.name, bytesize.Text(now), bytesize.Text(l.size))
	}
}

// triesWithoutProgress is how often in a row nothing may arrive.
const triesWithoutProgress = 5

// wait waits before the next try.
func (c *Client) wait(ctx context.Context, failed int, why error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.Wait != nil {
		return c.Wait(ctx, failed, why)
	}
	if failed >= triesWithoutProgress {
		return why
	}
	c.say("%v; trying again", why)
	t := time.NewTimer(time.Second << failed)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Close closes the connections that are not used now.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		c.http.Client.CloseIdleConnections()
	}
}

// Resolve turns a reference by a tag into one by a digest, by asking its place, through
// the mirror if there is one. One by a digest stays as it is.
func (c *Client) Resolve(ctx context.Context, r Reference) (Reference, error) {
	if r.Pinned() {
		return r, nil
	}
	places, err := c.sources(ctx, r)
	if err != nil {
		return Reference{}, err
	}
	var errs []error
	for _, p := range places {
		digest, err := p.resolve(ctx, r.Tag)
		if err == nil {
			return r.At(digest), nil
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return Reference{}, context.Cause(ctx)
	}
	return Reference{}, trouble(joined(r, errs))
}

// joined is what the places of a reference answered: of the last one, which is not the
// mirror, with the mirror's words before it.
func joined(r Reference, errs []error) error {
	last := errs[len(errs)-1]
	for _, e := range errs[:len(errs)-1] {
		last = fmt.Errorf("%w (and before it %s)", last, e.Error())
	}
	return fmt.Errorf("%s: %w", r, last)
}

// Offer is a bundle that lies elsewhere: what its manifest says is known, and nothing of
// its images.
type Offer struct {
	Reference Reference      // by digest
	Bundle    *bundle.Bundle // whose signature can be asked about, and whose images not opened
	Size      int64          // of all its files, in bytes

	artifact *artifact
}

// Look fetches what there is to know about a bundle without its images.
func (c *Client) Look(ctx context.Context, r Reference) (*Offer, error) {
	pinned, err := c.Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	places, err := c.sources(ctx, pinned)
	if err != nil {
		return nil, err
	}
	text, err := c.text(ctx, pinned, places, pinned.Digest, true, maxArtifact)
	if err != nil {
		return nil, err
	}
	a, err := readArtifact(text)
	if err != nil {
		return nil, about(pinned, err)
	}
	o := &Offer{Reference: pinned, artifact: a}
	var signed [2][]byte
	for i, name := range []string{bundle.ManifestName, bundle.SignatureName} {
		l := a.layer(name)
		if l == nil {
			continue
		}
		if signed[i], err = c.text(ctx, pinned, places, l.digest, false, l.size); err != nil {
			return nil, err
		}
	}
	if o.Bundle, err = bundle.Apart(pinned.String(), signed[0], signed[1], nil, nil); err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	for _, b := range a.blobs() {
		o.Size += b.size
	}
	if err := a.fits(o.Bundle.Manifest); err != nil {
		return nil, about(pinned, err)
	}
	for _, text := range append(signed[:], a.text) {
		if text != nil {
			err = errors.Join(err, c.Store.keep(text))
		}
	}
	return o, err
}

// about says of which bundle a problem is.
func about(r Reference, err error) error {
	var p *problem.Error
	if errors.As(err, &p) {
		return problem.New(p.Kind, p.Hint, "%s: %w", r, p.Err)
	}
	return fmt.Errorf("%s: %w", r, err)
}

// text reads a blob that is held in memory: from the store, or the first place that gives
// the right one.
func (c *Client) text(ctx context.Context, r Reference, places []source, digest string, manifest bool, most int64) ([]byte, error) {
	if text, err := c.Store.small(digest, most); err == nil {
		return text, nil
	}
	var errs []error
	for _, p := range places {
		text, err := readText(ctx, p, digest, manifest, most)
		if err == nil {
			return text, nil
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, trouble(joined(r, errs))
}

func readText(ctx context.Context, p source, digest string, manifest bool, most int64) ([]byte, error) {
	ctx, alive, done := patient(ctx)
	defer done()
	body, _, err := p.read(ctx, digest, manifest, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(&lively{body, alive}, most+1))
	switch {
	case err != nil:
		return nil, &saidError{p.String(), err}
	case int64(len(text)) > most:
		return nil, problem.New(problem.Invalid, "ask whoever pushed it", "%s: %s has more than %d bytes", p, short(digest), most)
	case sum(text) != digest:
		return nil, lies(p, digest)
	}
	return text, nil
}

// lies says that a place gave something else than was asked for.
func lies(p source, digest string) error {
	return problem.New(problem.Invalid, "nothing of it is used; ask whoever runs it", "%s gave other bytes than those of %s", p, digest)
}

// patient is a context that ends when alive was not called for stallTime.
func patient(ctx context.Context) (_ context.Context, alive, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := time.AfterFunc(answerTime+stallTime, func() { cancel(errors.New("nothing has arrived for a minute")) })
	return ctx, func() { t.Reset(stallTime) }, func() { t.Stop(); cancel(nil) }
}

// lively says at each read that the place is alive.
type lively struct {
	r     io.Reader
	alive func()
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.alive()
	}
	return n, err
}
