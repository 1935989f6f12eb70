// Package bundle makes and reads bundles: a set of partition images in one file, or one
// folder, with a manifest that says what they are for and what every block of them is.
//
// A bundle is a zip with stored entries: manifest.json, the files that it names, and
// manifest.json.sig if it is signed; a folder has the same files. Nothing else may be in
// it. The manifest is canonical JSON (package canon) of Manifest, so that there is one
// text to sign; the format is a contract: docs/bundle.md.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// The files of a bundle that are always called so.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.json.sig"
)

// maxManifest is more than the manifest of 100 GiB of images needs.
const maxManifest = 64 << 20

// Manifest says what a bundle is.
type Manifest struct {
	Format      int      `json:"zarya_bundle"` // 1
	Name        string   `json:"name"`         // the same for all versions
	Version     string   `json:"version"`      // such as 5.1.0.100
	Models      []string `json:"models"`       // full model codes for which it is
	Products    []string `json:"products,omitempty"`
	ProductFrom string   `json:"product_from,omitempty"` // the only question that counts, such as getvar:product
	MinBattery  int      `json:"min_battery,omitempty"`  // percent
	Access      string   `json:"access"`                 // into the booted tablet: ssh, manual, none
	Relockable  bool     `json:"relockable,omitempty"`
	Images      []Image  `json:"images"`            // in the order in which they are written
	Profile     string   `json:"profile,omitempty"` // one of the files
	Files       []File   `json:"files,omitempty"`   // the profile and what it names, sorted
}

// File is a file that is no image.
type File struct {
	File   string `json:"file"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"` // sha256:HEX
}

// Image is one image and the partition that it is for.
type Image struct {
	Partition string   `json:"partition"`
	Slot      string   `json:"slot,omitempty"` // current (when left out), other, all, a, b
	Mode      string   `json:"mode"`           // fastboot, fastbootd
	File      string   `json:"file"`           // in the bundle
	Size      int64    `json:"size"`           // bytes of the expanded image
	Root      string   `json:"root"`           // image.Root
	Map       []string `json:"map"`            // data:BYTES, fill:BYTES:VALUE (8 hex digits), keep:BYTES
	Blocks    []string `json:"blocks"`         // sha256:HEX of each 4 MiB of the expanded image; what is kept counts as zeros
}

// Error says what is wrong with a bundle.
type Error struct {
	Path    string // of the bundle
	Problem string
	Err     error
}

func (e *Error) Error() string { return e.Path + ": " + e.Problem }
func (e *Error) Unwrap() error { return e.Err }

var (
	names   = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	version = lazyregexp.New(`^[0-9]{1,9}(\.[0-9]{1,9}){0,7}$`)
)

// Encode is the manifest's one text.
func (m *Manifest) Encode() ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return canon.Encode(m)
}

// Parse reads a manifest and checks all that can be checked without the images.
func Parse(text []byte) (*Manifest, error) {
	if len(text) > maxManifest {
		return nil, fmt.Errorf("the manifest has %d bytes, at most %d are read", len(text), maxManifest)
	}
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("manifest: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("manifest: something follows it")
	}
	if m.Format != 1 {
		return nil, fmt.Errorf("manifest: format %d is not known, only 1: a newer zarya made it", m.Format)
	}
	again, err := m.Encode()
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if !bytes.Equal(again, text) {
		return nil, errors.New("manifest: it is not in its canonical form: build the bundle again")
	}
	return &m, nil
}

// check holds the manifest to what it may say.
func (m *Manifest) check() error {
	switch {
	case !names.MatchString(m.Name):
		return fmt.Errorf("%q cannot be a name: letters, digits, dots and dashes", m.Name)
	case !version.MatchString(m.Version):
		return fmt.Errorf("%q cannot be a version: numbers with dots, such as 5.1.0.100", m.Version)
	case len(m.Models) == 0:
		return errors.New("no models: name the tablets that it is for")
	case !slices.Contains([]string{"ssh", "manual", "none"}, m.Access):
		return fmt.Errorf("access %q: it is ssh, manual or none", m.Access)
	case m.MinBattery < 0 || m.MinBattery > 100:
		return fmt.Errorf("a battery of %d%%", m.MinBattery)
	case len(m.Images) == 0:
		return errors.New("no images")
	}
	for _, list := range [][]string{m.Models, m.Products} {
		for _, s := range list {
			if !names.MatchString(s) {
				return fmt.Errorf("%q cannot be a model or a product: full names, without *", s)
			}
		}
	}
	seen := map[string]bool{}
	for i := range m.Images {
		im := &m.Images[i]
		if err := im.check(); err != nil {
			return fmt.Errorf("image %d (%s): %w", i+1, im.Partition, err)
		}
		if key := im.Partition + ":" + im.Slot; seen[key] {
			return fmt.Errorf("%s is written twice", key)
		} else {
			seen[key] = true
		}
	}
	return m.checkFiles()
}

// ProfileFolder is where a profile and its files are.
const ProfileFolder = "profile/"

var digestForm = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)

func (m *Manifest) checkFiles() error {
	last, profile := "", m.Profile == ""
	for _, f := range m.Files {
		switch {
		case !safe(f.File), !strings.HasPrefix(f.File, ProfileFolder):
			return fmt.Errorf("%q cannot be a file in a bundle", f.File)
		case f.File <= last:
			return fmt.Errorf("%s: the files are not sorted, or one is there twice", f.File)
		case f.Size < 0, !digestForm.MatchString(f.Digest):
			return fmt.Errorf("%s: a size of %d, a digest of %q", f.File, f.Size, f.Digest)
		}
		last, profile = f.File, profile || f.File == m.Profile
	}
	if !profile {
		return fmt.Errorf("the profile %q is none of the files", m.Profile)
	}
	return nil
}

func (im *Image) check() error {
	switch {
	case !names.MatchString(im.Partition):
		return errors.New("that cannot be a partition")
	case !slices.Contains([]string{"", "current", "other", "all", "a", "b"}, im.Slot):
		return fmt.Errorf("slot %q: it is current, other, all, a or b", im.Slot)
	case im.Mode != "fastboot" && im.Mode != "fastbootd":
		return fmt.Errorf("mode %q: it is fastboot or fastbootd", im.Mode)
	case !safe(im.File):
		return fmt.Errorf("%q cannot be a file in a bundle", im.File)
	case im.Size <= 0:
		return fmt.Errorf("a size of %d", im.Size)
	}
	ranges, err := im.ranges()
	if err != nil {
		return err
	}
	sums, err := im.sums()
	if err != nil {
		return err
	}
	if int64(len(sums)) != (im.Size+image.DigestBlock-1)/image.DigestBlock {
		return fmt.Errorf("%d blocks for %d bytes", len(sums), im.Size)
	}
	if root := image.Root(im.Size, ranges, sums); root != im.Root {
		return fmt.Errorf("the root of its blocks is %s, not %s", root, im.Root)
	}
	return nil
}

// safe holds a name to a file within the bundle.
func safe(name string) bool {
	return name != "" && path.Clean(name) == name && !path.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") &&
		name != ManifestName && name != SignatureName && len(name) < 256 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == '\\' || r == ':' })
}

// ranges reads the map.
func (im *Image) ranges() ([]image.Range, error) {
	var all []image.Range
	left := im.Size
	for _, text := range im.Map {
		kind, rest, _ := strings.Cut(text, ":")
		length, value, _ := strings.Cut(rest, ":")
		n, err := strconv.ParseInt(length, 10, 64)
		r := image.Range{Length: n}
		switch {
		case err != nil, n <= 0, n > left, length != strconv.FormatInt(n, 10):
			return nil, fmt.Errorf("map: %q does not fit", text)
		case kind == "data" && value == "" && !strings.HasSuffix(text, ":"):
			r.Kind = image.Data
		case kind == "keep" && value == "" && !strings.HasSuffix(text, ":"):
			r.Kind = image.DontCare
		case kind == "fill" && len(value) == 8 && value == strings.ToLower(value):
			v, err := strconv.ParseUint(value, 16, 32)
			if err != nil {
				return nil, fmt.Errorf("map: %q: %w", text, err)
			}
			r.Kind, r.Fill = image.Fill, uint32(v)
		default:
			return nil, fmt.Errorf("map: %q is none of data:BYTES, fill:BYTES:VALUE, keep:BYTES", text)
		}
		if k := len(all); k > 0 && all[k-1].Kind == r.Kind && all[k-1].Fill == r.Fill {
			return nil, fmt.Errorf("map: %q goes on what is before it", text)
		}
		all = append(all, r)
		left -= n
	}
	if left != 0 {
		return nil, fmt.Errorf("map: %d bytes are missing", left)
	}
	return all, nil
}

// mapOf writes a map.
func mapOf(ranges []image.Range) []string {
	var m []string
	for _, r := range ranges {
		switch r.Kind {
		case image.Data:
			m = append(m, fmt.Sprintf("data:%d", r.Length))
		case image.Fill:
			m = append(m, fmt.Sprintf("fill:%d:%08x", r.Length, r.Fill))
		case image.DontCare:
			m = append(m, fmt.Sprintf("keep:%d", r.Length))
		}
	}
	return m
}

// sums reads the blocks' digests.
func (im *Image) sums() ([][sha256.Size]byte, error) {
	sums := make([][sha256.Size]byte, len(im.Blocks))
	for i, text := range im.Blocks {
		digits, ok := strings.CutPrefix(text, "sha256:")
		if n, err := hex.Decode(sums[i][:], []byte(digits[:min(len(digits), 64)])); !ok || err != nil || n != sha256.Size || len(digits) != 64 ||
			digits != strings.ToLower(digits) {
			return nil, fmt.Errorf("block %d: %q is no sha256:DIGEST", i, text)
		}
	}
	return sums, nil
}

// Written is how many bytes the images write.
func (m *Manifest) Written() (n int64) {
	for i := range m.Images {
		ranges, err := m.Images[i].ranges()
		if err != nil {
			continue // checked before
		}
		for _, r := range ranges {
			if r.Kind != image.DontCare {
				n += r.Length
			}
		}
	}
	return n
}
