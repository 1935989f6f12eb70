// This file is zarya bundle push, pull and prune, and bundles that are named by where they
// lie in a registry.

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/named"
	"github.com/zarya-station/zarya/internal/show"
)

// plainFlag is for verbs that may speak to a registry.
func (a *app) plainFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&a.PlainHTTP, "plain-http", false, "speak to registries without TLS, also those on other machines")
}

// tagFlags are for verbs that work with what --bundle names.
func (a *app) tagFlags(cmd *cobra.Command) {
	a.plainFlag(cmd)
	cmd.Flags().BoolVar(&a.AllowTag, "allow-tag", false, "take what the tag in --bundle oci://…:TAG names now, whatever that is")
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
			b, err := named.Open(args[0])
			if err != nil {
				return err
			}
			c, err := a.Bundles().Client()
			if err != nil {
				return err
			}
			defer c.Close()
			if err := b.Verify(a.ctx, a.ImageCache()); err != nil {
				return problem.New(problem.Invalid, "build or copy it again; nothing was sent", "%w", err)
			}
			p, err := c.Push(a.ctx, b, to)
			if err != nil {
				return err
			}
			if a.json {
				return a.document("push", []show.Pushed{{Reference: p.Reference.String(), Pushed: p}})
			}
			show.OfPush(a.stdout, p, show.Signature(b, ""), a.quiet)
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
			c, err := a.Bundles().Client()
			if err != nil {
				return err
			}
			defer c.Close()
			var signed string
			p, err := c.Pull(a.ctx, from, func(ctx context.Context, b *bundle.Bundle) error {
				who, err := a.Maker().Trusted(ctx, b, trust)
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
				return a.document("pull", []show.Pulled{{Reference: p.Reference.String(), Pulled: p}})
			}
			show.OfPull(a.stdout, p, signed, a.quiet)
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
			c, err := a.Bundles().Client()
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
			show.Pruned(a.stdout, p, c.Store.Dir())
			return nil
		},
	}
	cmd.Flags().IntVar(&keep, "keep", keepBundles, "keep the `N` bundles of each name that were used last")
	return cmd
}
