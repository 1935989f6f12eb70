// Package named opens a bundle by whatever names it: a file or folder of this machine, or a
// reference to a registry (oci://HOST/REPO:TAG, oci-layout:FOLDER:TAG).
//
// [Bundles] looks at a bundle without its images (Look), brings one of a registry into the store
// once a gate has accepted its manifest (Use, and Pull for a person), sends one that is whole (Push),
// and pins a tag to its digest, so that a run means one version throughout (Pin). Fetching, sending
// and storing are package registry; who may sign is the gate's decision.
package named

import (
	"context"
	"sync"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
)

// Bundles are those that can be named here. Connect and Say are set before the first use.
type Bundles struct {
	AllowTag bool                             // a tag is taken as what it names now
	Connect  func() (*registry.Client, error) // makes the client of registries, once
	Say      func(format string, args ...any) // tells what a tag was

	once   sync.Once
	client *registry.Client
	err    error
}

// Client is the client of all registries.
func (b *Bundles) Client() (*registry.Client, error) {
	b.once.Do(func() { b.client, b.err = b.Connect() })
	return b.client, b.err
}

// remote is what a name means in registries.
func (b *Bundles) remote(name string) (registry.Reference, *registry.Client, error) {
	r, err := registry.Parse(name)
	if err != nil {
		return r, nil, err
	}
	c, err := b.Client()
	return r, c, err
}

// Pin turns a name with a tag into one with a digest, if tags are allowed. Other names stay
// as they are.
func (b *Bundles) Pin(ctx context.Context, name string) (string, error) {
	if !registry.Is(name) {
		return name, nil
	}
	r, err := registry.Parse(name)
	if err != nil || r.Pinned() {
		return name, err
	}
	if !b.AllowTag {
		return "", problem.New(problem.Usage, "zarya bundle pull "+name+" says its digest: name that; or add --allow-tag",
			"%s may name another bundle tomorrow", name)
	}
	c, err := b.Client()
	if err != nil {
		return "", err
	}
	if r, err = c.Resolve(ctx, r); err == nil {
		b.Say("%s is %s", name, r)
	}
	return r.String(), err
}

// Open opens a bundle of this machine, to look at it or to sign it.
func Open(path string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	return b, nil
}

// Look opens a bundle to look at it; of one in a registry, its manifest alone.
func (b *Bundles) Look(ctx context.Context, name string) (*bundle.Bundle, error) {
	if !registry.Is(name) {
		return Open(name)
	}
	r, c, err := b.remote(name)
	if err != nil {
		return nil, err
	}
	o, err := c.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	return o.Bundle, nil
}

// Use opens a bundle; one in a registry is brought into the store first, if gate lets it in.
func (b *Bundles) Use(ctx context.Context, name string, gate func(context.Context, *bundle.Bundle) error) (*bundle.Bundle, error) {
	if !registry.Is(name) {
		return bundle.Open(name)
	}
	r, c, err := b.remote(name)
	if err != nil {
		return nil, err
	}
	return c.Use(ctx, r, gate)
}

// Push sends a bundle of this machine to where a name says, once every block of it has been
// verified, for which packed images are unpacked into cache. It returns the bundle, and what was
// sent.
func (b *Bundles) Push(ctx context.Context, path, name string, cache *image.Cache) (*bundle.Bundle, *registry.Pushed, error) {
	to, err := registry.Parse(name)
	if err != nil {
		return nil, nil, err
	}
	local, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	c, err := b.Client()
	if err != nil {
		return nil, nil, err
	}
	defer c.Close()
	if err := local.Verify(ctx, cache); err != nil {
		return nil, nil, problem.New(problem.Invalid, "build or copy it again; nothing was sent", "%w", err)
	}
	p, err := c.Push(ctx, local, to)
	return local, p, err
}

// Pull brings a bundle into the store, if gate lets it in, and writes it out as the folder out;
// "" leaves it in the store alone. A name is one of a registry, or an OCI layout's folder.
func (b *Bundles) Pull(ctx context.Context, name, out string, gate registry.Gate) (*registry.Pulled, error) {
	from := registry.Reference{Folder: name}
	if !registry.IsLayout(name) {
		var err error
		if from, err = registry.Parse(name); err != nil {
			return nil, err
		}
	}
	c, err := b.Client()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	p, err := c.Pull(ctx, from, gate)
	if err == nil && out != "" {
		err = c.Export(ctx, p.Reference.Digest, out)
	}
	return p, err
}
