// This file is zarya bundle: make, sign, check and look at bundles; and what a run from
// a bundle does.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/author"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
)

func newBundle(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "bundle", Short: "Make, sign and check bundles: everything to flash, in one signed file"}
	cmd.AddCommand(newBundleBuild(a), newBundleImport(a), newBundleSign(a), newBundleVerify(a), newBundleInspect(a),
		newBundlePush(a), newBundlePull(a), newBundlePrune(a))
	return cmd
}

// bundleFlags are what build and import have in common.
func bundleFlags(cmd *cobra.Command, o *author.BundleRequest) {
	f := cmd.Flags()
	f.StringVar(&o.About.Name, "name", "", "`NAME` of the bundle, the same for all versions")
	f.StringVar(&o.About.Version, "bundle-version", "", "its `VERSION`: numbers with dots")
	f.StringArrayVar(&o.About.Models, "model", nil, "full `MODEL` code that it is for, such as AGS3-L09; repeatable")
	f.StringArrayVar(&o.About.Products, "product", nil,
		"`PRODUCT` that the bootloader of such a tablet names, if that is not the model; repeatable")
	f.StringVar(&o.About.ProductFrom, "product-from", "", "the only `QUESTION` whose answer counts, such as getvar:product")
	f.IntVar(&o.About.MinBattery, "min-battery", 0, "least charge in `PERCENT`")
	f.StringVar(&o.About.Access, "access", "none", "`HOW` one gets into the booted tablet: ssh, manual, none")
	f.BoolVar(&o.About.Relockable, "relockable", false, "the tablet may be locked again with these images")
	f.BoolVar(&o.Build.DisableVerity, "disable-verity", false, "set the flags of vbmeta images so that a changed system starts")
	f.BoolVar(&o.Build.Raw, "raw", false, rawHelp)
	f.BoolVar(&o.Build.Folder, "folder", false, "make a folder, not a file")
	f.StringVar(&o.Key, "sign", "", "sign with the SSH key in `FILE`")
	f.StringVar(&o.Profile, "profile", "", "pack the `PROFILE` and every file that it names")
}

// makeBundle builds a bundle, signs it, and shows it.
func (a *app) makeBundle(path string, o author.BundleRequest, sources []bundle.Source) error {
	b, err := author.MakeBundle(a.Context, a.Maker(), path, o, sources)
	if err != nil {
		return err
	}
	return a.showBundle(b)
}

func newBundleBuild(a *app) *cobra.Command {
	var o author.BundleRequest
	var images []string
	cmd := &cobra.Command{
		Use:   "build FILE --name NAME --bundle-version VERSION --model MODEL… --image PART[:SLOT]=FILE…",
		Short: "Make a bundle of images",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			sources, err := bundle.ParseSources(images)
			if err != nil {
				return err
			}
			return a.makeBundle(args[0], o, sources)
		},
	}
	bundleFlags(cmd, &o)
	cmd.Flags().StringArrayVar(&images, "image", nil, "`PART[:SLOT][@MODE]=FILE`; repeatable, in the order in which they are written")
	for _, name := range []string{"name", "bundle-version", "model", "image"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func newBundleImport(a *app) *cobra.Command {
	var o author.BundleRequest
	var only []string
	cmd := &cobra.Command{
		Use:   "import FILE SOURCE…",
		Short: "Make a bundle from somebody else's release",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := author.ReadRelease(a.Context, &o.About, args[1:], only)
			if err != nil {
				return err
			}
			for _, left := range r.Left {
				a.Notef("left out: %s", left)
			}
			return a.makeBundle(args[0], o, r.Sources)
		},
	}
	bundleFlags(cmd, &o)
	cmd.Flags().StringArrayVar(&only, "only", nil, "take this `PARTITION`; repeatable (default: all)")
	return cmd
}

func newBundleSign(a *app) *cobra.Command {
	var key, signature string
	cmd := &cobra.Command{
		Use:   "sign BUNDLE {--key FILE | --signature FILE}",
		Short: "Sign a bundle",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := author.SignBundle(args[0], key, signature)
			if err != nil {
				return err
			}
			return a.showBundle(b)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the private SSH key in `FILE`")
	cmd.Flags().StringVar(&signature, "signature", "", "the signature in `FILE`, by ssh-keygen -Y sign")
	cmd.MarkFlagsOneRequired("key", "signature")
	cmd.MarkFlagsMutuallyExclusive("key", "signature")
	return cmd
}

func newBundleVerify(a *app) *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Check a bundle: its manifest, every block of its images, its signature",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, who, err := a.Maker().Verify(a.Context, args[0], trust)
			if err != nil {
				return err
			}
			defer b.Close()
			return a.Answer("bundle", []show.Bundle{show.OfBundle(b, who)},
				a.Line("%s: %s %s, %d images, every block as the manifest says; %s",
					b.Path, b.Manifest.Name, b.Manifest.Version, len(b.Manifest.Images), show.Signature(b, who)))
		},
	}
	trustFlag(cmd, &trust)
	a.plainFlag(cmd)
	return cmd
}

func trustFlag(cmd *cobra.Command, trust *string) {
	cmd.Flags().StringVar(trust, "trust", recipe.StationTrust, "the `FOLDER` that says who may sign bundles")
}

func newBundleInspect(a *app) *cobra.Command {
	var manifest bool
	cmd := &cobra.Command{
		Use:   "inspect BUNDLE",
		Short: "Show what is in a bundle, without checking its blocks",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.Bundles().Look(a.Context, args[0])
			if err != nil {
				return err
			}
			if manifest {
				_, err := a.Out.Write(b.Text())
				return err
			}
			return a.showBundle(b)
		},
	}
	a.plainFlag(cmd)
	cmd.Flags().BoolVar(&manifest, "manifest", false, "print the manifest as it is signed, and nothing else")
	return cmd
}

// showBundle prints what is in a bundle.
func (a *app) showBundle(b *bundle.Bundle) error {
	if a.Quiet && !a.JSON {
		return nil
	}
	return console.Items(a.Console, "bundle", []show.Bundle{show.OfBundle(b, "")})
}
