// This file sends a bundle to a registry, or writes it into a folder of the OCI image
// layout.

package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content/oci"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/problem"
)

// Pushed is a bundle that is at its place now.
type Pushed struct {
	Reference Reference `json:"-"` // by digest
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Size      int64     `json:"size"`            // of its blobs, in bytes
	Sent      int64     `json:"sent"`            // bytes of blobs that went over the wire now, broken off ones too
	Shared    int64     `json:"shared"`          // bytes of blobs that were there before
	Resumed   int64     `json:"resumed"`         // bytes that had been sent at an earlier try
	Moved     string    `json:"moved,omitempty"` // the digest that the tag named before; "" if it did not
}

// destination is a place that takes blobs.
type destination interface {
	resolve(ctx context.Context, tag string) (string, error)
	exists(ctx context.Context, l layer) (bool, error)
	room(need int64) error
	// blob sends a blob; it counts in p.
	blob(ctx context.Context, l layer, r io.ReadSeeker, p *Pushed) error
	// finish sends the OCI manifest and has the tag name it.
	finish(ctx context.Context, a *artifact, tag string) error
}

// blobToSend is a file of a bundle with its digest.
type blobToSend struct {
	layer
	open func() (io.ReadSeekCloser, error)
}

// Push sends a bundle, which the caller has verified, to a place that has a tag. Blobs that
// are there are not sent again.
func (c *Client) Push(ctx context.Context, b *bundle.Bundle, to Reference) (*Pushed, error) {
	if to.Tag == "" || to.Pinned() {
		return nil, problem.New(problem.Usage, "write "+to.Place()+":TAG; the digest is made of the bundle",
			"%s: a bundle is pushed to a tag", to)
	}
	var place destination = &sticky{c: c, dir: to.Folder}
	if to.Folder == "" {
		h, err := c.hub(ctx, to.Host, to.Repository)
		if err != nil {
			return nil, err
		}
		place = &sender{h, c, to.Place()}
	}
	blobs, a, err := prepare(ctx, b)
	if err != nil {
		return nil, err
	}
	p := &Pushed{Reference: to.At(a.digest), Name: b.Manifest.Name, Version: b.Manifest.Version}
	if before, err := place.resolve(ctx, to.Tag); err == nil && before != a.digest {
		p.Moved = before
	}
	var missing []blobToSend
	var need int64
	for _, l := range blobs {
		p.Size += l.size
		there, err := place.exists(ctx, l.layer)
		if err != nil {
			return nil, sending(ctx, to, err)
		}
		if there {
			p.Shared += l.size
			continue
		}
		missing, need = append(missing, l), need+l.size
	}
	if err := place.room(need); err != nil {
		return nil, err
	}
	for _, l := range missing {
		r, err := l.open()
		if err != nil {
			return nil, problem.New(problem.Invalid, "", "%s: %w", l.name, err)
		}
		err = errors.Join(place.blob(ctx, l.layer, r, p), r.Close())
		if err != nil {
			return nil, sending(ctx, to, err)
		}
		c.say("%s: %s sent", l.name, bytesize.Text(l.size))
	}
	return p, sending(ctx, to, c.finishing(ctx, place, a, to.Tag))
}

// sending is an error of a push.
func sending(ctx context.Context, to Reference, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if _, ok := problem.KindOf(err); ok {
		return err
	}
	return trouble(fmt.Errorf("%s: %w", to, err))
}

// prepare reads every file of the bundle once, for its digest.
func prepare(ctx context.Context, b *bundle.Bundle) (blobs []blobToSend, a *artifact, err error) {
	parts, err := b.Parts()
	if err != nil {
		return nil, nil, problem.New(problem.Invalid, "", "%w", err)
	}
	var layers []layer
	seen := map[string]bool{}
	add := func(l layer, open func() (io.ReadSeekCloser, error)) {
		if !seen[l.digest] {
			blobs = append(blobs, blobToSend{l, open})
		}
		seen[l.digest] = true
	}
	for _, p := range parts {
		r, err := p.Open()
		if err != nil {
			return nil, nil, problem.New(problem.Invalid, "", "%s: %w", p.Name, err)
		}
		h := sha256.New()
		n, err := io.Copy(h, ctxio.Reader{Context: ctx, R: r})
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, nil, err
		}
		l := layer{p.Name, fmt.Sprintf("sha256:%x", h.Sum(nil)), n}
		layers = append(layers, l)
		add(l, p.Open)
	}
	a, about, err := newArtifact(b.Manifest, layers)
	if err != nil {
		return nil, nil, err
	}
	add(layer{"the configuration", sum(about), int64(len(about))}, func() (io.ReadSeekCloser, error) {
		return struct {
			io.ReadSeeker
			io.Closer
		}{bytes.NewReader(about), io.NopCloser(nil)}, nil
	})
	return blobs, a, nil
}

// finishing sends the OCI manifest, and tries again as with a blob.
func (c *Client) finishing(ctx context.Context, place destination, a *artifact, tag string) error {
	for failed := 1; ; failed++ {
		err := place.finish(ctx, a, tag)
		if err == nil || final(err) {
			return err
		}
		if werr := c.wait(ctx, failed, err); werr != nil {
			return werr
		}
	}
}

// sticky is a folder of the OCI image layout, such as a USB stick.
type sticky struct {
	c     *Client
	dir   string
	store *oci.Store
}

func (s *sticky) open(ctx context.Context) (err error) {
	if s.store == nil {
		if s.store, err = oci.NewWithContext(ctx, s.dir); err != nil {
			err = problem.New(problem.Station, "name a folder of the OCI image layout, or one that is not there yet", "%s: %w",
				s.dir, err)
		}
	}
	return err
}

func (s *sticky) resolve(ctx context.Context, tag string) (string, error) {
	return folder(s.dir).resolve(ctx, tag)
}

func (s *sticky) exists(ctx context.Context, l layer) (bool, error) {
	if err := s.open(ctx); err != nil {
		return false, err
	}
	r, _, err := folder(s.dir).read(ctx, l.digest, false, 0)
	if err != nil {
		return false, nil // what cannot be read is written again
	}
	defer func() { _ = r.Close() }() // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, ctxio.Reader{Context: ctx, R: r}); err == nil && isSum(h, l.digest) {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	return false, os.Remove(filepath.Join(s.dir, "blobs", "sha256", l.digest[len("sha256:"):])) // it rotted
}

func (s *sticky) room(need int64) error { return room(s.dir, need, "the bundle") }

func (s *sticky) blob(ctx context.Context, l layer, r io.ReadSeeker, p *Pushed) error {
	err := s.store.Push(ctx, descriptor(l), r)
	if err == nil {
		p.Sent += l.size
	}
	return err
}

func (s *sticky) finish(ctx context.Context, a *artifact, tag string) error {
	d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, ArtifactType: ArtifactType, Digest: digest.Digest(a.digest),
		Size: int64(len(a.text))}
	there, err := s.store.Exists(ctx, d)
	if err == nil && !there {
		err = s.store.Push(ctx, d, bytes.NewReader(a.text))
	}
	if err == nil {
		err = s.store.Tag(ctx, d, tag)
	}
	return err
}

func descriptor(l layer) v1.Descriptor {
	return v1.Descriptor{MediaType: "application/octet-stream", Digest: digest.Digest(l.digest), Size: l.size}
}

// sender is a registry.
type sender struct {
	*hub
	c     *Client
	place string
}

func (s *sender) room(int64) error { return nil } // it says so itself

func (s *sender) exists(ctx context.Context, l layer) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, s.url("blobs/"+l.digest), nil)
	if err != nil {
		return false, err
	}
	resp, err := s.do(ctx, req, auth.ActionPull, auth.ActionPush)
	if missing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return resp.ContentLength == l.size, resp.Body.Close()
}

func (s *sender) finish(ctx context.Context, a *artifact, tag string) error {
	d := v1.Descriptor{MediaType: v1.MediaTypeImageManifest, Digest: digest.Digest(a.digest), Size: int64(len(a.text))}
	if err := s.repo.PushReference(ctx, d, bytes.NewReader(a.text), tag); err != nil {
		return s.failed(err)
	}
	return nil
}
