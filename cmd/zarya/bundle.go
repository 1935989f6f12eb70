// This file is zarya bundle: make, sign, check and look at bundles; and what a run from
// a bundle does.

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/flash/image/release"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
)

func newBundle(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "bundle", Short: "Make, sign and check bundles: images and what they are for, in one file"}
	cmd.AddCommand(newBundleBuild(a), newBundleImport(a), newBundleSign(a), newBundleVerify(a), newBundleInspect(a),
		newBundlePush(a), newBundlePull(a), newBundlePrune(a))
	return cmd
}

// bundleOptions are what build and import have in common.
type bundleOptions struct {
	about bundle.Manifest
	build bundle.Options
	key   string

	profile string // to pack
}

func (o *bundleOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.about.Name, "name", "", "`NAME` of the bundle, the same for all versions")
	f.StringVar(&o.about.Version, "bundle-version", "", "its `VERSION`: numbers with dots")
	f.StringArrayVar(&o.about.Models, "model", nil, "full `MODEL` code that it is for, such as AGS3-L09; repeatable")
	f.StringArrayVar(&o.about.Products, "product", nil, "`PRODUCT` that the bootloader of such a tablet names, if that is not the model; repeatable")
	f.StringVar(&o.about.ProductFrom, "product-from", "", "the only `QUESTION` whose answer counts, such as getvar:product")
	f.IntVar(&o.about.MinBattery, "min-battery", 0, "least charge in `PERCENT`")
	f.StringVar(&o.about.Access, "access", "none", "`HOW` one gets into the booted tablet: ssh, manual, none")
	f.BoolVar(&o.about.Relockable, "relockable", false, "the tablet may be locked again with these images")
	f.BoolVar(&o.build.DisableVerity, "disable-verity", false, "set the flags of vbmeta images so that a changed system starts")
	f.BoolVar(&o.build.Raw, "raw", false, rawHelp)
	f.BoolVar(&o.build.Folder, "folder", false, "make a folder, not a file")
	f.StringVar(&o.key, "sign", "", "sign with the SSH key in `FILE`")
	f.StringVar(&o.profile, "profile", "", "pack the `PROFILE` and every file that it names")
}

// makeBundle builds a bundle, signs it, and shows it.
func (a *app) makeBundle(path string, o bundleOptions, sources []bundle.Source) error {
	var signer ssh.Signer
	if o.key != "" {
		var err error
		if signer, err = privateKey(o.key); err != nil {
			return err
		}
	}
	if o.profile != "" {
		if err := a.maker().Pack(o.profile, o.about.Access, &o.build); err != nil {
			return err
		}
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	o.build.Cache = a.imageCache()
	if err := bundle.Build(ctx, path, o.about, sources, o.build); err != nil {
		return problem.New(problem.Invalid, "", "%w", err)
	}
	b, err := openBundle(path)
	if err != nil {
		return err
	}
	if signer != nil {
		if err := signBundle(b, signer); err != nil {
			return err
		}
	}
	return a.showBundle(b)
}

func newBundleBuild(a *app) *cobra.Command {
	var o bundleOptions
	var images []string
	cmd := &cobra.Command{
		Use:   "build FILE --name NAME --bundle-version VERSION --model MODEL… --image PART[:SLOT]=FILE…",
		Short: "Make a bundle of images",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			sources, err := bundleSources(images)
			if err != nil {
				return err
			}
			return a.makeBundle(args[0], o, sources)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringArrayVar(&images, "image", nil, "`PART[:SLOT][@MODE]=FILE`; repeatable, in the order in which they are written")
	for _, name := range []string{"name", "bundle-version", "model", "image"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func newBundleImport(a *app) *cobra.Command {
	var o bundleOptions
	var only []string
	cmd := &cobra.Command{
		Use:   "import FILE SOURCE…",
		Short: "Make a bundle of somebody else's release",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, cancel := a.untilSignal()
			defer cancel()
			im, err := release.Read(ctx, args[1:], only, flash.Protected)
			if err != nil {
				return problem.New(problem.Invalid, "nothing was made", "%w", err)
			}
			o.about.Name, o.about.Version = cmp.Or(o.about.Name, im.Name), cmp.Or(o.about.Version, im.Version)
			if len(o.about.Models) == 0 {
				o.about.Models = im.Products
			} else {
				o.about.Products = append(o.about.Products, im.Products...)
			}
			for flag, missing := range map[string]bool{"name": o.about.Name == "", "bundle-version": o.about.Version == "", "model": len(o.about.Models) == 0} {
				if missing {
					return problem.New(problem.Usage, "add --"+flag, "%s does not tell the bundle's %s", args[1], flag)
				}
			}
			if !a.quiet {
				for _, left := range im.Left {
					fmt.Fprintf(a.stderr, "left out: %s\n", left)
				}
			}
			return a.makeBundle(args[0], o, im.Sources)
		},
	}
	o.flags(cmd)
	cmd.Flags().StringArrayVar(&only, "only", nil, "take this `PARTITION`; repeatable (default: all)")
	return cmd
}

// bundleSources reads --image of bundle build.
func bundleSources(args []string) ([]bundle.Source, error) {
	var sources []bundle.Source
	for _, arg := range args {
		where, file, ok := strings.Cut(arg, "=")
		where, mode, _ := strings.Cut(where, "@")
		part, slot, _ := strings.Cut(where, ":")
		if !ok || file == "" || part == "" {
			return nil, problem.New(problem.Usage, "write --image system=system.img, boot:all=boot.img or system@fastbootd=system.img", "--image %q is not PART[:SLOT][@MODE]=FILE", arg)
		}
		sources = append(sources, bundle.Source{Partition: part, Slot: slot, Mode: mode, Path: file})
	}
	return sources, nil
}

// privateKey reads an SSH key.
func privateKey(path string) (ssh.Signer, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the key that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "name the private key", "the key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if errors.As(err, new(*ssh.PassphraseMissingError)) {
		return nil, problem.New(problem.Usage, "sign with ssh-keygen (zarya bundle sign --help says how)", "%s has a passphrase", path)
	}
	if err != nil {
		return nil, problem.New(problem.Usage, "name the private key, not the public one", "%s: %w", path, err)
	}
	return signer, nil
}

func signBundle(b *bundle.Bundle, signer ssh.Signer) error {
	signature, err := bundle.Sign(b.Text(), signer)
	if err == nil {
		err = b.Attach(signature)
	}
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	return nil
}

func newBundleSign(a *app) *cobra.Command {
	var key, signature string
	cmd := &cobra.Command{
		Use:   "sign BUNDLE {--key FILE | --signature FILE}",
		Short: "Sign a bundle",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			if signature != "" {
				text, err := os.ReadFile(signature) //nolint:gosec // the file that the user names
				if err != nil {
					return problem.New(problem.Usage, "", "--signature: %w", err)
				}
				if err := b.Attach(text); err != nil {
					return problem.New(problem.Invalid, "", "%w", err)
				}
			} else {
				signer, err := privateKey(key)
				if err != nil {
					return err
				}
				if err := signBundle(b, signer); err != nil {
					return err
				}
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
			ctx, cancel := a.untilSignal()
			defer cancel()
			b, who, err := a.maker().Judge(ctx, args[0], trust)
			if err != nil {
				return err
			}
			defer b.Close()
			if err := b.Verify(ctx, a.imageCache()); err != nil {
				return problem.New(problem.Invalid, "copy or download the bundle again", "%w", err)
			}
			if a.json {
				return a.document("bundle", []bundleItem{itemOf(b, who)})
			}
			fmt.Fprintf(a.stdout, "%s: %s %s, %d images, every block as the manifest says; %s\n", b.Path, b.Manifest.Name, b.Manifest.Version, len(b.Manifest.Images), signedBy(b, who))
			return nil
		},
	}
	trustFlag(cmd, &trust)
	a.plainFlag(cmd)
	return cmd
}

func trustFlag(cmd *cobra.Command, trust *string) {
	cmd.Flags().StringVar(trust, "trust", recipe.StationTrust, "the `FOLDER` that says who may sign bundles")
}

// openBundle opens a bundle to look at it.
func openBundle(path string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	return b, nil
}

// signedBy is the state of a signature for people.
func signedBy(b *bundle.Bundle, who string) string {
	switch {
	case who != "":
		return "signed by " + who
	case b.Signer() != "":
		return "signed by the key " + b.Signer() + ", which nothing here says is to be trusted"
	case b.Signed():
		return "its signature is of no use"
	}
	return "not signed"
}

func newBundleInspect(a *app) *cobra.Command {
	var manifest bool
	cmd := &cobra.Command{
		Use:   "inspect BUNDLE",
		Short: "Show what is in a bundle, without checking its blocks",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, cancel := a.untilSignal()
			defer cancel()
			b, err := a.lookBundle(ctx, args[0])
			if err != nil {
				return err
			}
			if manifest {
				_, err := a.stdout.Write(b.Text())
				return err
			}
			return a.showBundle(b)
		},
	}
	a.plainFlag(cmd)
	cmd.Flags().BoolVar(&manifest, "manifest", false, "print the manifest as it is signed, and nothing else")
	return cmd
}

// bundleItem is what inspect and verify say of a bundle; sizes in bytes.
type bundleItem struct {
	File       string            `json:"file"`
	Name       string            `json:"name"`
	Version    string            `json:"version"`
	Models     []string          `json:"models"`
	Products   []string          `json:"products,omitempty"`
	MinBattery int               `json:"min_battery,omitempty"`
	Access     string            `json:"access"`
	Signer     string            `json:"signer,omitempty"`  // fingerprint of the key
	Trusted    string            `json:"trusted,omitempty"` // whom the trust folder names for it
	Profile    string            `json:"profile,omitempty"`
	Files      []bundle.File     `json:"files,omitempty"`
	Images     []bundleImageItem `json:"images"`
}

type bundleImageItem struct {
	Partition string `json:"partition"`
	Slot      string `json:"slot,omitempty"`
	Mode      string `json:"mode"`
	File      string `json:"file"`
	Size      int64  `json:"size"`
	Root      string `json:"root"`
}

func itemOf(b *bundle.Bundle, who string) bundleItem {
	m := b.Manifest
	it := bundleItem{File: b.Path, Name: m.Name, Version: m.Version, Models: m.Models, Products: m.Products, MinBattery: m.MinBattery, Access: m.Access, Signer: b.Signer(), Trusted: who, Profile: m.Profile, Files: m.Files}
	for _, im := range m.Images {
		it.Images = append(it.Images, bundleImageItem{im.Partition, im.Slot, im.Mode, im.File, im.Size, im.Root})
	}
	return it
}

func (a *app) showBundle(b *bundle.Bundle) error {
	it := itemOf(b, "")
	if a.json {
		return a.document("bundle", []bundleItem{it})
	}
	if a.quiet {
		return nil
	}
	fmt.Fprintf(a.stdout, "%s\n  name       %s %s\n  models     %s\n", it.File, it.Name, it.Version, strings.Join(it.Models, ", "))
	if len(it.Products) > 0 {
		fmt.Fprintf(a.stdout, "  products   %s\n", strings.Join(it.Products, ", "))
	}
	fmt.Fprintf(a.stdout, "  access     %s\n  signature  %s\n", it.Access, signedBy(b, ""))
	if it.Profile != "" {
		fmt.Fprintf(a.stdout, "  profile    %s, %d files\n", it.Profile, len(it.Files))
	}
	for _, im := range it.Images {
		where := im.Partition
		if im.Slot != "" {
			where += ":" + im.Slot
		}
		if im.Mode != "fastboot" {
			where += "@" + im.Mode
		}
		fmt.Fprintf(a.stdout, "  image      %-18s %10s  %s\n", where, bytesize.Text(im.Size), im.Root)
	}
	return nil
}
