// This file fetches a bundle into the store, blob by blob; what broke off is gone on with.

package registry

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/problem"
)

// Pulled is a bundle that is in the store now.
type Pulled struct {
	Reference Reference `json:"-"` // by digest
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Size      int64     `json:"size"`    // of its blobs, in bytes
	Fetched   int64     `json:"fetched"` // bytes of blobs that came over the wire now
	Shared    int64     `json:"shared"`  // bytes of blobs that were in the store before
	Resumed   int64     `json:"resumed"` // bytes that had arrived at an earlier try
}

// Pull brings a bundle into the store. gate is asked when manifest and signature are here
// and before any image is; its error ends it. nil lets everything in.
func (c *Client) Pull(ctx context.Context, r Reference, gate Gate) (*Pulled, error) {
	o, err := c.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	if gate != nil {
		if err := gate(ctx, o.Bundle); err != nil {
			return nil, err
		}
	}
	return c.Fetch(ctx, o)
}

// Gate says whether a bundle may come in, by its manifest and its signature.
type Gate func(context.Context, *bundle.Bundle) error

// Use opens a bundle by a reference: from the store if it is there, else it is pulled
// first, with the gate of [Client.Pull].
func (c *Client) Use(ctx context.Context, r Reference, gate Gate) (*bundle.Bundle, error) {
	pinned, err := c.Resolve(ctx, r)
	if err != nil {
		return nil, err
	}
	if b, err := c.Store.Open(pinned.Digest); err == nil {
		return b, nil
	}
	if _, err := c.Pull(ctx, pinned, gate); err != nil {
		return nil, err
	}
	return c.Store.Open(pinned.Digest)
}

// Fetch brings into the store what an offer is of.
func (c *Client) Fetch(ctx context.Context, o *Offer) (*Pulled, error) {
	release, err := c.Store.lock(ctx, filepath.Join(c.Store.dir, "lock"), true,
		func() { c.say("waiting until bundles are removed from %s", c.Store.dir) })
	if err != nil {
		return nil, err
	}
	defer release()
	places, err := c.sources(ctx, o.Reference)
	if err != nil {
		return nil, err
	}
	m := o.Bundle.Manifest
	p := &Pulled{Reference: o.Reference, Name: m.Name, Version: m.Version, Size: o.Size}
	missing, err := c.missing(ctx, o, p)
	if err != nil {
		return nil, err
	}
	for _, l := range missing {
		if err := c.blob(ctx, o.Reference, places, l, p); err != nil {
			return nil, err
		}
	}
	for _, text := range []string{bundle.ManifestName, bundle.SignatureName} { // Prune may have been here since Look
		if l := o.artifact.layer(text); l != nil {
			if err := c.blob(ctx, o.Reference, places, *l, p); err != nil {
				return nil, err
			}
		}
	}
	return p, c.Store.finish(o.artifact, o.Bundle, o.Reference)
}

// missing are the blobs that are not in the store; there is room for them.
func (c *Client) missing(ctx context.Context, o *Offer, p *Pulled) (list []layer, err error) {
	var need int64
	for _, l := range o.artifact.blobs() {
		if l.name == bundle.ManifestName || l.name == bundle.SignatureName {
			continue
		}
		here, err := c.Store.has(ctx, l)
		if err != nil {
			return nil, err
		}
		if here {
			p.Shared += l.size
			continue
		}
		list, need = append(list, l), need+l.size
		if info, err := os.Stat(c.Store.path("parts", l.digest)); err == nil {
			need -= min(info.Size(), l.size)
		}
	}
	return list, room(c.Store.dir, need, o.Reference.String())
}

// room is why a number of bytes does not go into a folder; a station must be able to work
// beside them.
func room(dir string, need int64, what string) error {
	r, err := disk.Look(dir)
	if err != nil {
		return stationTrouble(err)
	}
	free := r.Free
	if r.Free -= need; need > 0 && r.Full() {
		return problem.New(problem.Station,
			"make room (zarya bundle prune removes what is not used), or keep bundles elsewhere with the setting bundle-store",
			"%s needs %s in %s, and %s are free there", what, bytesize.Text(need), dir, bytesize.Text(free))
	}
	return nil
}

// incoming is a blob that is arriving: what of it is here, and the sum of that.
type incoming struct {
	layer
	f    *os.File
	have int64
	sum  hash.Hash
}

// blob fetches one blob from the first place that gives it whole, and goes on where an
// earlier try ended.
func (c *Client) blob(ctx context.Context, r Reference, places []source, l layer, p *Pulled) error {
	part := c.Store.path("parts", l.digest)
	release, err := c.Store.lock(ctx, part+".lock", false, func() { c.say("waiting: %s is being fetched already", l.name) })
	if err != nil {
		return err
	}
	defer release()
	if info, err := os.Stat(c.Store.path("blobs", l.digest)); err == nil && info.Size() == l.size {
		_ = os.Remove(part + ".lock") // for nothing: it is here
		return nil
	}
	in, err := c.arrived(ctx, part, l)
	if err != nil {
		return err
	}
	defer func() { _ = in.f.Close() }() // for the ways out before the end
	if in.have > 0 {
		c.say("%s: %s of %s are here from an earlier try", l.name, bytesize.Text(in.have), bytesize.Text(l.size))
	}
	p.Resumed += in.have
	if err := c.complete(ctx, r, places, in, p); err != nil {
		return err
	}
	err = errors.Join(in.f.Chmod(0o400), in.f.Sync(), in.f.Close())
	if err == nil {
		err = os.Rename(part, c.Store.path("blobs", l.digest))
	}
	if err != nil {
		return stationTrouble(err)
	}
	_ = os.Remove(part + ".lock") // whoever waits for it sees the blob
	c.say("%s: %s, as its digest says", l.name, bytesize.Text(l.size))
	return nil
}

// arrived opens what is here of a blob.
func (c *Client) arrived(ctx context.Context, part string, l layer) (*incoming, error) {
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the store
	if err != nil {
		return nil, stationTrouble(err)
	}
	in := &incoming{layer: l, f: f, sum: sha256.New()}
	if in.have, err = io.Copy(in.sum, ctxio.Reader{Context: ctx, R: f}); err == nil && in.have > l.size {
		err = in.restart()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return in, nil
}

// restart forgets what is here.
func (in *incoming) restart() error {
	in.have = 0
	in.sum.Reset()
	err := in.f.Truncate(0)
	if err == nil {
		_, err = in.f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return stationTrouble(&diskError{err})
	}
	return nil
}

// complete asks the places for the rest of a blob, again and again as long as something
// arrives. What came from several tries may be wrong because one of them was: then each
// place must give all of it.
func (c *Client) complete(ctx context.Context, r Reference, places []source, in *incoming, p *Pulled) error {
	liars := map[source]error{}
	pure := false
	for failed := 0; ; {
		before := in.have
		var errs []error
		for _, place := range places {
			if liars[place] != nil {
				errs = append(errs, liars[place])
				continue
			}
			if pure && in.have > 0 {
				if err := in.restart(); err != nil {
					return err
				}
			}
			mixed := in.have > 0
			whole, err := c.rest(ctx, place, in, p)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err == nil && whole {
				if isSum(in.sum, in.digest) {
					return nil
				}
				if err := in.restart(); err != nil {
					return err
				}
				if err = lies(place, in.digest); mixed {
					pure = true
					c.say("%s: what had arrived before was damaged; it is fetched anew", in.name)
				} else {
					liars[place] = err
				}
			}
			if isOurs(err) {
				return err
			}
			errs = append(errs, err)
		}
		last := errs[len(errs)-1]
		why := trouble(joined(r, errs))
		if len(liars) == len(places) || final(last) {
			return why
		}
		if failed++; in.have > before {
			failed = 0
		}
		if err := c.wait(ctx, failed, why); err != nil {
			return err
		}
	}
}

// isOurs reports whether this machine is to blame.
func isOurs(err error) bool { return errors.As(err, new(*diskError)) }

// diskError is that a blob cannot be written.
type diskError struct{ err error }

func (e *diskError) Error() string { return e.err.Error() }
func (e *diskError) Unwrap() error { return e.err }

// rest reads from one place what is missing of a blob; whole reports whether nothing is.
func (c *Client) rest(ctx context.Context, place source, in *incoming, p *Pulled) (whole bool, err error) {
	if in.have == in.size {
		return true, nil
	}
	ctx, alive, done := patient(ctx)
	defer done()
	body, first, err := place.read(ctx, in.digest, false, in.have)
	if err != nil {
		return false, err
	}
	defer func() { _ = body.Close() }() // it was only read
	if first < in.have {
		c.say("%s gives no parts of files: %s is fetched from its beginning", place, in.name)
		if err := in.restart(); err != nil {
			return false, err
		}
	}
	n, err := io.Copy(io.MultiWriter(&disky{in.f}, in.sum, &tenths{c, in.layer, in.have}),
		io.LimitReader(&lively{body, alive}, in.size-in.have))
	in.have += n
	p.Fetched += n
	switch {
	case isOurs(err):
		return false, stationTrouble(err)
	case err != nil && ctx.Err() != nil:
		return false, &saidError{place.String(), context.Cause(ctx)}
	case err != nil:
		return false, &saidError{place.String(), err}
	case in.have < in.size:
		return false, &saidError{place.String(), fmt.Errorf("%s ended after %d of %d bytes", in.name, in.have, in.size)}
	}
	return true, nil
}

// tenths tells of what has arrived.
type tenths struct {
	c *Client
	l layer
	n int64
}

func (t *tenths) Write(p []byte) (int, error) {
	t.c.tenth(t.l, t.n, t.n+int64(len(p)))
	t.n += int64(len(p))
	return len(p), nil
}

// disky tells the disk's errors from those of a place.
type disky struct{ f *os.File }

func (d *disky) Write(p []byte) (int, error) {
	n, err := d.f.Write(p)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}

// Export writes a bundle of the store out as a folder, which must not be there. It appears
// whole or not at all.
func (c *Client) Export(ctx context.Context, digest, out string) error {
	fail := func(err error) error {
		return problem.New(problem.Station, "see to the disk and its permissions", "%s: %w", out, err)
	}
	if _, err := os.Lstat(out); err == nil {
		return problem.New(problem.Usage, "remove it, or give another name", "%s is there already", out)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	b, err := c.Store.Open(digest)
	if err != nil {
		return err
	}
	defer b.Close()
	parts, err := b.Parts()
	if err != nil {
		return err
	}
	var need int64
	for _, p := range parts {
		need += p.Size
	}
	if err := room(filepath.Dir(out), need, out); err != nil {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(out), ".zarya-pull-")
	if err == nil {
		err = os.Chmod(part, 0o755) //nolint:gosec // bundles are for all to read
	}
	if err != nil {
		return fail(err)
	}
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			_ = os.RemoveAll(part)
			return context.Cause(ctx)
		}
		if err := writePart(p, filepath.Join(part, filepath.FromSlash(p.Name))); err != nil {
			_ = os.RemoveAll(part)
			return fail(err)
		}
	}
	if err := os.Rename(part, out); err != nil {
		_ = os.RemoveAll(part)
		return fail(err)
	}
	return nil
}

// writePart copies a file. Where the file system can, both share their bytes: the kernel
// does that by itself for files (copy_file_range).
func writePart(p bundle.Part, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // bundles are for all to read
		return err
	}
	r, err := p.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()                                    // it was only read
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}
