// This file reads releases with a flash-config.sh, as Sailfish and its kin have it.

package release

import (
	"context"
	"crypto/md5" //nolint:gosec // what the releases have; ours is the manifest
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// product is a full name of one.
var product = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// The name of a release: NAME-VERSION-DEVICE-HWVERSION.zip.
var releaseName = lazyregexp.New(`^([A-Za-z][A-Za-z0-9._-]*?)-([0-9]+(?:\.[0-9]+)+)(?:-|\.zip$|$)`)

// script does, as data, what the release's flash.sh does with its configuration.
func (a *archive) script(ctx context.Context) (*Release, error) {
	text, err := a.text(configName)
	if err != nil {
		return nil, err
	}
	config, err := ParseConfig(text)
	if err != nil {
		return nil, &bundle.Error{Path: a.path, Problem: err.Error(), Err: err}
	}
	bad := func(format string, args ...any) error {
		return &bundle.Error{Path: a.path, Problem: configName + ": " + fmt.Sprintf(format, args...)}
	}
	im := &Release{Products: config["VALID_PRODUCTS"]}
	if len(im.Products) == 0 {
		return nil, bad("no VALID_PRODUCTS: it does not say which tablets it is for")
	}
	for _, p := range im.Products {
		if !product.MatchString(p) {
			return nil, bad("%q is a pattern of products: name them in full", p)
		}
	}
	if m := releaseName.FindStringSubmatch(filepath.Base(a.path)); m != nil {
		im.Name, im.Version = strings.ToLower(m[1]), m[2]
	}
	sums, err := a.sums()
	if err != nil {
		return nil, err
	}
	mode := "fastboot"
	for _, op := range config["FLASH_OPS"] {
		words := strings.Fields(op)
		if len(words) == 0 {
			continue
		}
		switch what := strings.Join(words, " "); {
		case what == "getvar_fail_if secure yes", what == "getvar_fail_if unlocked no":
			// A bundle is never written to a locked tablet.
		case (words[0] == "flash" || words[0] == "flash_dont_fail") && len(words) == 3:
			if err := a.add(ctx, im, words[1], words[2], mode, sums); err != nil {
				return nil, err
			}
		case words[0] == "flash_blob" && len(words) == 3:
			file, err := a.one(words[2])
			if err == nil {
				err = a.add(ctx, im, words[1], file, mode, nil) // it comes from elsewhere, and has no sum
			}
			if err != nil {
				return nil, err
			}
		case what == "run fastboot reboot fastboot", what == "run fastboot reboot-fastboot":
			mode = "fastbootd"
		case what == "run fastboot reboot bootloader", what == "run fastboot reboot-bootloader":
			mode = "fastboot"
		case words[0] == "run" && len(words) > 1 && words[1] == "sleep":
			// Zarya waits for what it needs.
		default:
			return nil, bad("%q cannot be part of a bundle: build it with zarya bundle build", op)
		}
	}
	return im, nil
}

// add takes an image; the same one for both slots is one for all.
func (a *archive) add(ctx context.Context, im *Release, partition, file, mode string, sums map[string]string) error {
	if _, ok := a.files[file]; !ok {
		return &bundle.Error{Path: a.path, Problem: fmt.Sprintf("has no %s, which %s writes to %s", file, configName, partition)}
	}
	if sums != nil {
		if err := a.sum(ctx, file, sums); err != nil {
			return err
		}
	}
	s := bundle.Source{Partition: partition, Mode: mode, Path: a.files[file].path}
	if stem, ok := strings.CutSuffix(partition, "_a"); ok {
		s.Partition, s.Slot = stem, "a"
	} else if stem, ok := strings.CutSuffix(partition, "_b"); ok {
		s.Partition, s.Slot = stem, "b"
	}
	for i := range im.Sources {
		if o := &im.Sources[i]; o.Partition == s.Partition && o.Path == s.Path && o.Mode == s.Mode && o.Slot != "" && s.Slot != "" &&
			o.Slot != s.Slot {
			o.Slot = "all"
			return nil
		}
	}
	im.Sources = append(im.Sources, s)
	return nil
}

// one finds the only file that a pattern means.
func (a *archive) one(pattern string) (string, error) {
	var found []string
	for f := range a.files {
		if ok, err := path.Match(pattern, f); err != nil {
			return "", &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%q is no pattern of files", pattern)}
		} else if ok {
			found = append(found, f)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 0:
		return "", &bundle.Error{Path: a.path, Problem: fmt.Sprintf("no file matches %s: it often has to be downloaded from the vendor", pattern)}
	case 1:
		return found[0], nil
	default:
		return "", &bundle.Error{Path: a.path,
			Problem: fmt.Sprintf("exactly one file must match %s, %d do (%s)", pattern, len(found), strings.Join(found, ", "))}
	}
}

// sums reads md5.lst.
func (a *archive) sums() (map[string]string, error) {
	text, err := a.text(sumsName)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if sum == "" {
			continue
		}
		name = strings.TrimPrefix(strings.TrimSpace(name), "*")
		if !ok || len(sum) != 2*md5.Size || name == "" {
			return nil, &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%s:%d: a line is a sum and a name", sumsName, i+1)}
		}
		sums[path.Clean(name)] = strings.ToLower(sum)
	}
	return sums, nil
}

// sum holds a file to md5.lst.
func (a *archive) sum(ctx context.Context, file string, sums map[string]string) error {
	want := sums[file]
	if want == "" {
		return &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%s has no sum for %s", sumsName, file)}
	}
	f, err := a.files[file].open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := md5.New() //nolint:gosec // see above
	if _, err := io.Copy(h, ctxio.Reader{Context: ctx, R: f}); err != nil {
		return &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%s: %v", file, err), Err: err}
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		return &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%s has the MD5 sum %s, %s says %s: download the release again", file, got,
			sumsName, want)}
	}
	return nil
}
