// Package named opens bundles by whatever names them: a file or a folder of this machine, or
// where they lie in a registry.
package named

import (
	"context"
	"sync"

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
