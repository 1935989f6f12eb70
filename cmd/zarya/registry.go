// This file is zarya bundle push, pull and prune, and bundles that are named by where they
// lie in a registry.

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/follow"
	"github.com/zarya-station/zarya/internal/show"
)

// registries is the client of all registries, with this machine's settings.
func (a *app) registries() (*registry.Client, error) {
	a.registryOnce.Do(func() {
		var dir string
		if dir, a.registryErr = a.config.BundleStore(); a.registryErr != nil {
			return
		}
		store, err := registry.OpenStore(dir)
		if a.registryErr = err; err != nil {
			return
		}
		mirror, _ := a.config.Lookup("registry-mirror")
		auth, _ := a.config.Lookup("registry-auth")
		a.registry = &registry.Client{Store: store, Mirror: mirror, Auth: auth, PlainHTTP: a.plainHTTP, Say: a.tell}
	})
	return a.registry, a.registryErr
}

// tell says how something goes that takes long.
func (a *app) tell(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintf(a.stderr, "  "+format+"\n", args...)
	}
}

// plainFlag is for verbs that may speak to a registry.
func (a *app) plainFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.plainHTTP, "plain-http", false, "speak to registries without TLS, also those on other machines")
}

// tagFlags are for verbs that work with what --bundle names.
func (a *app) tagFlags(cmd *cobra.Command) {
	a.plainFlag(cmd)
	cmd.Flags().BoolVar(&a.allowTag, "allow-tag", false, "take what the tag in --bundle oci://…:TAG names now, whatever that is")
}

// pin turns a bundle that is named by a tag into one by a digest, if --allow-tag says so.
// Other names stay as they are.
func (a *app) pin(ctx context.Context, name string) (string, error) {
	if !registry.Is(name) {
		return name, nil
	}
	r, err := registry.Parse(name)
	if err != nil || r.Pinned() {
		return name, err
	}
	if !a.allowTag {
		return "", problem.New(problem.Usage, "zarya bundle pull "+name+" says its digest: name that; or add --allow-tag",
			"%s may name another bundle tomorrow", name)
	}
	c, err := a.registries()
	if err != nil {
		return "", err
	}
	if r, err = c.Resolve(ctx, r); err == nil {
		a.tell("%s is %s", name, r)
	}
	return r.String(), err
}

// lookBundle opens a bundle to look at it; of one in a registry, its manifest alone.
func (a *app) lookBundle(ctx context.Context, name string) (*bundle.Bundle, error) {
	if !registry.Is(name) {
		return openBundle(name)
	}
	r, err := registry.Parse(name)
	if err != nil {
		return nil, err
	}
	c, err := a.registries()
	if err != nil {
		return nil, err
	}
	o, err := c.Look(ctx, r)
	if err != nil {
		return nil, err
	}
	return o.Bundle, nil
}

// useBundle opens a bundle by any name; one in a registry is brought into the store first,
// if gate lets it in.
func (a *app) useBundle(ctx context.Context, name string, gate func(context.Context, *bundle.Bundle) error) (*bundle.Bundle, error) {
	if !registry.Is(name) {
		return bundle.Open(name)
	}
	r, err := registry.Parse(name)
	if err != nil {
		return nil, err
	}
	c, err := a.registries()
	if err != nil {
		return nil, err
	}
	return c.Use(ctx, r, gate)
}

// firstSet starts to follow the tags that the station is told to, and makes the recipes to
// begin with. If they cannot be made of what was taken over last, what the tags name now is
// tried.
func (a *app) firstSet(ctx context.Context, o *stationOptions) (*recipe.Set, error) {
	for _, name := range o.follow {
		tag, err := registry.Parse(name)
		if err != nil {
			return nil, err
		}
		if tag.Pinned() || tag.Tag == "" {
			return nil, problem.New(problem.Usage, "name what does not move with --bundle",
				"--follow %s: only a tag can be followed", name)
		}
		c, err := a.registries()
		if err != nil {
			return nil, err
		}
		o.Follow = append(o.Follow, &follow.Follower{Client: c, Tag: tag, Every: o.every, Keep: keepBundles,
			Gate: func(ctx context.Context, b *bundle.Bundle) (string, error) { return a.maker().Trusted(ctx, b, o.trust) }})
	}
	for _, f := range o.Follow {
		if _, err := f.Start(ctx, false); err != nil {
			return nil, err
		}
	}
	set, err := a.stationSet(ctx, *o)
	if err == nil || len(o.Follow) == 0 {
		return set, err
	}
	for _, f := range o.Follow {
		if _, ferr := f.Start(ctx, true); ferr != nil {
			return nil, err // of what is here
		}
	}
	return a.stationSet(ctx, *o)
}

// keepBundles is how many bundles of a name stay in the store, if nobody says otherwise.
const keepBundles = 2

func newBundlePush(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push BUNDLE oci://HOST/REPO:TAG",
		Short: "Send a bundle to a registry, or to a folder that is as good as one",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			to, err := registry.Parse(args[1])
			if err != nil {
				return err
			}
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			c, err := a.registries()
			if err != nil {
				return err
			}
			defer c.Close()
			if err := b.Verify(a.ctx, a.imageCache()); err != nil {
				return problem.New(problem.Invalid, "build or copy it again; nothing was sent", "%w", err)
			}
			p, err := c.Push(a.ctx, b, to)
			if err != nil {
				return err
			}
			if a.json {
				return a.document("push", []any{struct {
					Reference string `json:"reference"`
					*registry.Pushed
				}{p.Reference.String(), p}})
			}
			fmt.Fprintf(a.stdout, "%s\n", p.Reference)
			if !a.quiet {
				fmt.Fprintf(a.stdout, "  %s %s, %s: %s were sent, %s were there; %s\n", p.Name, p.Version,
					bytesize.Text(p.Size), bytesize.Text(p.Sent), bytesize.Text(p.Shared+p.Resumed), show.Signature(b, ""))
			}
			if p.Moved != "" {
				a.warn("%s named %s before", to, p.Moved)
			}
			return nil
		},
	}
	a.plainFlag(cmd)
	return cmd
}

func newBundlePull(a *app) *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use:   "pull {oci://HOST/REPO:TAG | oci://HOST/REPO@sha256:DIGEST | FOLDER} [OUT]",
		Short: "Fetch a bundle from a registry, or a folder that is as good as one",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			from := registry.Reference{Folder: args[0]}
			if !registry.IsLayout(args[0]) {
				var err error
				if from, err = registry.Parse(args[0]); err != nil {
					return err
				}
			}
			c, err := a.registries()
			if err != nil {
				return err
			}
			defer c.Close()
			var signed string
			p, err := c.Pull(a.ctx, from, func(ctx context.Context, b *bundle.Bundle) error {
				who, err := a.maker().Trusted(ctx, b, trust)
				signed = show.Signature(b, who)
				return err
			})
			if err == nil && len(args) == 2 {
				err = c.Export(a.ctx, p.Reference.Digest, args[1])
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.document("pull", []any{struct {
					Reference string `json:"reference"`
					*registry.Pulled
				}{p.Reference.String(), p}})
			}
			fmt.Fprintf(a.stdout, "%s\n", p.Reference)
			if !a.quiet {
				fmt.Fprintf(a.stdout, "  %s %s, %s: %s were fetched, %s were here; %s\n", p.Name, p.Version,
					bytesize.Text(p.Size), bytesize.Text(p.Fetched), bytesize.Text(p.Shared+p.Resumed), signed)
			}
			return nil
		},
	}
	a.plainFlag(cmd)
	trustFlag(cmd, &trust)
	return cmd
}

func newBundlePrune(a *app) *cobra.Command {
	var keep int
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove pulled bundles that are not used any more",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if keep < 0 {
				return problem.New(problem.Usage, "0 keeps what is in use alone", "--keep cannot be negative")
			}
			c, err := a.registries()
			if err != nil {
				return err
			}
			p, err := c.Store.Prune(keep, "")
			if err != nil {
				return err
			}
			if a.json {
				return a.document("prune", p.Bundles)
			}
			for _, k := range p.Bundles {
				did := "removed"
				if !k.Removed {
					did = "kept: " + k.Why
				}
				fmt.Fprintf(a.stdout, "%s %s  %s  %s\n", k.Name, k.Version, k.Digest, did)
			}
			fmt.Fprintf(a.stdout, "%s freed in %s\n", bytesize.Text(p.Freed), c.Store.Dir())
			return nil
		},
	}
	cmd.Flags().IntVar(&keep, "keep", keepBundles, "keep the `N` bundles of each name that were used last")
	return cmd
}
