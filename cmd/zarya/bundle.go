// This file is zarya bundle: make, sign, check and look at bundles; and what a run from
// a bundle does.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// trustDir is where a station says who may sign bundles.
const trustDir = "/etc/zarya/trust.d"

func newBundle(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "bundle", Short: "Make, sign and check bundles: images and what they are for, in one file"}
	cmd.AddCommand(newBundleBuild(a), newBundleImport(a), newBundleSign(a), newBundleVerify(a), newBundleInspect(a))
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
		if err := a.packProfile(&o); err != nil {
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

// packProfile puts a profile into a bundle, with what it extends and the files that it
// names, as they lie beside each other.
func (a *app) packProfile(o *bundleOptions) error {
	p, err := loadProfile(o.profile)
	if err != nil {
		return err
	}
	if len(p.Images) > 0 {
		return problem.New(problem.Invalid, "take images out of the profile: in a bundle it flashes the bundle's", "the profile %s has images of its own", p.Name)
	}
	if o.about.Access == "none" && len(p.Provision)+len(p.Checks)+len(p.Finish) > 0 {
		return problem.New(problem.Usage, "add --access ssh or --access manual", "the profile %s provisions, and --access none says that nobody gets in", p.Name)
	}
	names, err := packedNames(p)
	if err != nil {
		return err
	}
	o.build.Profile = names[p.Texts()[0]]
	for file, name := range names {
		o.build.Files = append(o.build.Files, bundle.Extra{Name: name, Open: func() (io.ReadCloser, int64, error) {
			if builtin, ok := strings.CutSuffix(file, " (built in)"); ok {
				text, _ := profiles.Builtin(strings.TrimSuffix(builtin, ".yaml"))
				return io.NopCloser(bytes.NewReader(text)), int64(len(text)), nil
			}
			return p.Open(file)
		}})
	}
	return nil
}

// packedNames are the names in the bundle of all that a profile is made of.
func packedNames(p *profiles.Profile) (map[string]string, error) {
	texts := p.Texts()
	root := filepath.Dir(texts[0])
	names := map[string]string{}
	for i, file := range append(slices.Clone(texts), p.Named()...) {
		rel, err := filepath.Rel(root, file)
		if outside := err != nil || !filepath.IsLocal(rel); i < len(texts) && (outside || strings.HasSuffix(file, " (built in)")) {
			rel = strings.TrimSuffix(filepath.Base(file), " (built in)") // found by its name
		} else if outside {
			return nil, problem.New(problem.Invalid, "move it into the profile's folder", "%s is not in the folder of %s, so it cannot be packed", file, texts[0])
		}
		name := bundle.ProfileFolder + filepath.ToSlash(rel)
		for other, taken := range names {
			if taken == name && other != file {
				return nil, problem.New(problem.Invalid, "give one of them another name", "%s and %s would both be %s in the bundle", other, file, name)
			}
		}
		names[file] = name
	}
	return names, nil
}

func newBundleBuild(a *app) *cobra.Command {
	var o bundleOptions
	var images []string
	cmd := &cobra.Command{
		Use:   "build FILE --name NAME --bundle-version VERSION --model MODEL… --image PART[:SLOT]=FILE…",
		Short: "Make a bundle of images",
		Long: `Make a bundle of images: one file (or, with --folder, a folder) with a manifest
that has the SHA-256 of every 4 MiB of every image, says which tablets it is for, and
can be signed. With --profile, the profile and every file that it names are packed too,
and zarya run --bundle needs nothing else. Images are written in the order in which they are given;
PART@fastbootd=FILE is written in userspace fastboot, for which the tablet is restarted.`,
		Example: `  zarya bundle build census.bundle --name aurora-census --bundle-version 5.1.0.100 --model AGS3-L09 \
    --image boot:all=boot.img --image system@fastbootd=system.img.xz --image vbmeta=vbmeta.img --disable-verity`,
		Args: cobra.ExactArgs(1),
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
		Long: `Make a bundle of a release: an archive or a folder with a flash-config.sh (its MD5
sums are checked, its operations read as data; nothing of it is run), the UPDATE.APP
files that make up a firmware together (base, cust, preload), or a folder of images
that are named PARTITION.img.

A release with a flash-config.sh says itself which products it is for; without --model
those are the models. Bootloader and identity partitions are left out unless --only
names them; flashing them needs --allow-partition all the same.`,
		Example: `  zarya bundle import census.bundle Aurora-5.1.0.100-AGS3-1.0.zip
  zarya bundle import stock.bundle base/UPDATE.APP cust/UPDATE.APP --name stock --bundle-version 9.1.0.132 --model AGS2-W09
  zarya bundle import b.bundle images/ --name aurora --bundle-version 5.1 --model AGS3-L09 --only system --only boot`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, cancel := a.untilSignal()
			defer cancel()
			im, err := bundle.Import(ctx, args[1:], only, flash.Protected)
			if err != nil {
				return problem.New(problem.Invalid, "nothing was made", "%w", err)
			}
			o.about.Name, o.about.Version = either(o.about.Name, im.Name), either(o.about.Version, im.Version)
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
		Long: `Sign a bundle with an SSH key, or attach a signature that ssh-keygen made (with a
key that has a passphrase, is on a token or in an agent):

  zarya bundle inspect --manifest B.bundle >manifest.json
  ssh-keygen -Y sign -n ` + bundle.Namespace + ` -f KEY manifest.json
  zarya bundle sign B.bundle --signature manifest.json.sig`,
		Example: "  zarya bundle sign census.bundle --key ~/.ssh/release",
		Args:    cobra.ExactArgs(1),
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

func openBundle(path string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	return b, nil
}

func newBundleVerify(a *app) *cobra.Command {
	var trust string
	cmd := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Check a bundle: its manifest, every block of its images, its signature",
		Long: `Check a bundle: its manifest, every block of every image, and, where ` + trustDir + `
says who may sign bundles, its signature. Exit 3 if anything is wrong.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBundle(args[0])
			if err != nil {
				return err
			}
			who, err := a.trusted(b, trust)
			if err != nil {
				return err
			}
			ctx, cancel := a.untilSignal()
			defer cancel()
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
	return cmd
}

func trustFlag(cmd *cobra.Command, trust *string) {
	cmd.Flags().StringVar(trust, "trust", trustDir, "the `FOLDER` that says who may sign bundles")
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

// loadTrust reads the folder that --trust names. It can make a station strict that has
// none of its own, and not get round one that has.
func loadTrust(dir, station string) (*bundle.Trust, error) {
	if dir != station && fileThere(station) {
		return nil, problem.New(problem.Usage, "leave --trust out", "--trust %s: who may sign bundles is said by %s here", dir, station)
	}
	t, err := bundle.LoadTrust(dir)
	if err != nil {
		return nil, problem.New(problem.Station, "mend the folder that says who may sign bundles", "%w", err)
	}
	if t == nil && dir != station {
		return nil, problem.New(problem.Usage, "name a folder with allowed_signers in it", "--trust %s: %w", dir, fs.ErrNotExist)
	}
	return t, nil
}

// trusted asks the trust folder. who is "" where there is none.
func (a *app) trusted(b *bundle.Bundle, dir string) (who string, err error) {
	t, err := loadTrust(dir, trustDir)
	if err != nil || t == nil {
		return "", err
	}
	floor, err := a.bundleFloor(b.Manifest.Name)
	if err != nil {
		return "", err
	}
	if who, err = t.Check(b, floor, time.Now()); err != nil {
		return "", problem.New(problem.Invalid, "nothing was written", "%w", err)
	}
	return who, nil
}

// bundleFloor is the newest version of a bundle with which a tablet passed here.
func (a *app) bundleFloor(name string) (floor string, err error) {
	path, err := a.ledgerPath()
	if err != nil || path == "" || !fileThere(path) {
		return "", err
	}
	l, err := ledger.OpenReader(a.ctx, path)
	if err != nil {
		return "", ledgerTrouble(path, err)
	}
	defer func() { _ = l.Close() }()
	versions, err := l.Bundles(a.ctx, name)
	if err != nil {
		return "", ledgerTrouble(path, err)
	}
	for _, v := range versions {
		if floor == "" || bundle.Older(floor, v) {
			floor = v
		}
	}
	return floor, nil
}

// unsigned refuses work that no signature covers, where bundles must have one.
func unsigned(dir string) error {
	t, err := loadTrust(dir, trustDir)
	if err == nil && t != nil {
		err = problem.New(problem.Invalid, "make a signed bundle of it: zarya bundle build --sign KEY", "%s says who may sign bundles, so nothing else is written", dir)
	}
	return err
}

func newBundleInspect(a *app) *cobra.Command {
	var manifest bool
	cmd := &cobra.Command{
		Use:   "inspect BUNDLE",
		Short: "Show what is in a bundle, without checking its blocks",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := openBundle(args[0])
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
		fmt.Fprintf(a.stdout, "  image      %-18s %10s  %s\n", where, bytesText(im.Size), im.Root)
	}
	return nil
}

// flashBundle is zarya flash --bundle. A profile in the bundle says how.
func (a *app) flashBundle(o flashOptions) error {
	b, err := openBundle(o.bundle)
	if err != nil {
		return err
	}
	if b.Manifest.Profile != "" {
		if o.reboot != "" {
			return problem.New(problem.Usage, "the profile in the bundle says what is done", "--reboot does not go with %s", b.Path)
		}
		return a.runProfile(o.jobOptions, flash.ScopeFlash)
	}
	if b, _, err = a.bundle(o.bundle, o.trust); err != nil {
		return err
	}
	for _, im := range b.Manifest.Images {
		if err := checkPartition("image in the bundle", im.Partition, im.Slot, o.allow); err != nil {
			return err
		}
	}
	return a.flash(o, func() (w flashWork, err error) {
		m := b.Manifest
		w.bundle = m.Name + " " + m.Version
		w.require = flash.Requirements{Products: slices.Concat(m.Models, m.Products), ProductFrom: m.ProductFrom, MinBattery: m.MinBattery, Lock: flash.SilenceStops}
		if w.images, err = a.bundleImages(b); err == nil {
			w.steps = bundleWrites(b, w.images, []string{profiles.AllImages})
		}
		return w, err
	})
}

// bundleImages opens a bundle's images, every block of them checked.
func (a *app) bundleImages(b *bundle.Bundle) (images, error) {
	ctx, cancel := a.untilSignal()
	defer cancel()
	cache := a.imageCache()
	opened := images{}
	for i, m := range b.Manifest.Images {
		im, err := b.Image(ctx, i, cache)
		if err != nil {
			opened.close()
			return nil, problem.New(problem.Invalid, "copy or download the bundle again; nothing was written", "%w", err)
		}
		opened[imageKey{file: filepath.Join(b.Path, m.File)}] = im
	}
	return opened, nil
}

// bundleWrites makes steps of a bundle's images, in its order, with the restarts between
// fastboot and fastbootd. only are the partitions to write, or all.
func bundleWrites(b *bundle.Bundle, opened images, only []string) (steps []flash.Step) {
	mode := "fastboot"
	for _, m := range b.Manifest.Images {
		im := opened[imageKey{file: filepath.Join(b.Path, m.File)}]
		if im == nil || !slices.Contains(only, profiles.AllImages) && !slices.Contains(only, m.Partition) {
			continue
		}
		if m.Mode != mode {
			mode = m.Mode
			steps = append(steps, &flash.Reboot{Mode: map[string]string{"fastboot": "bootloader", "fastbootd": "fastboot"}[mode]})
		}
		steps = append(steps, &flash.WriteImage{Partition: m.Partition, Slot: m.Slot, Image: im, Policy: image.Auto, Userspace: mode == "fastbootd"})
	}
	return steps
}
