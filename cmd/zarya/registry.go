// This file is zarya bundle push, pull and prune, and bundles that are named by where they
// lie in a registry.

package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
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

func newBundlePush(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "push BUNDLE oci://HOST/REPO:TAG",
		Short: "Send a bundle to a registry, or to a folder such as on a USB stick",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			b, p, err := a.Bundles().Push(a.Context, args[0], args[1], a.ImageCache())
			if err != nil {
				return err
			}
			if a.JSON {
				return a.Document("push", []show.Pushed{{Reference: p.Reference.String(), Pushed: p}})
			}
			show.OfPush(a.Out, a.Words, p, show.Signature(b, ""), a.Quiet)
			if p.Moved != "" {
				a.Warnf("%s named %s before", args[1], p.Moved)
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
		Short: "Fetch a bundle from a registry, or from such a folder",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			var signed string
			gate := func(ctx context.Context, b *bundle.Bundle) error {
				who, err := a.Maker().Trusted(ctx, b, trust)
				signed = show.Signature(b, who)
				return err
			}
			p, err := a.Bundles().Pull(a.Context, args[0], cmp.Or(args[1:]...), gate)
			if err != nil {
				return err
			}
			if a.JSON {
				return a.Document("pull", []show.Pulled{{Reference: p.Reference.String(), Pulled: p}})
			}
			show.OfPull(a.Out, a.Words, p, signed, a.Quiet)
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
		Short: "Remove pulled bundles that are no longer used",
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
			if a.JSON {
				return a.Document("prune", p.Bundles)
			}
			show.Pruned(a.Out, a.Words, p, c.Store.Dir())
			return nil
		},
	}
	cmd.Flags().IntVar(&keep, "keep", registry.KeepBundles, "keep the `N` bundles of each name that were used last")
	return cmd
}
