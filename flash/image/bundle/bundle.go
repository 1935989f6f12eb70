// This file reads a bundle and holds its files to the manifest.

package bundle

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image"
)

// Bundle is a bundle whose manifest was read and checked, and nothing more.
type Bundle struct {
	Path      string
	Manifest  *Manifest
	text      []byte // of the manifest
	signature []byte // nil: not signed
	copies    copies // of large files
	held
}

// Open reads the manifest of the bundle at path, a zip or a folder. Every file in it must
// be one that the manifest names.
func Open(path string) (*Bundle, error) {
	b := &Bundle{Path: path}
	fail := func(problem string, err error) (*Bundle, error) {
		return nil, &Error{Path: path, Problem: problem, Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail("no such bundle: check the name", err)
	case err != nil:
		return fail(err.Error(), err)
	}
	var files []string
	if info.IsDir() {
		files, err = b.folder()
	} else {
		files, err = b.zip()
	}
	if err != nil {
		return fail(err.Error(), err)
	}
	if b.text == nil {
		return fail("is not a bundle: there is no "+ManifestName+" in it (zarya bundle build makes one)", nil)
	}
	if b.Manifest, err = Parse(b.text); err != nil {
		return fail(err.Error(), err)
	}
	named := map[string]bool{}
	for _, im := range b.Manifest.Images {
		named[im.File] = true
	}
	for _, f := range b.Manifest.Files {
		named[f.File] = true
	}
	for _, f := range files {
		if !named[f] {
			return fail(fmt.Sprintf("has a file %q of which the manifest says nothing", f), nil)
		}
		delete(named, f)
	}
	for f := range named {
		return fail(fmt.Sprintf("the manifest names %q, which is not there", f), nil)
	}
	return b, nil
}

// take keeps the files that are always there, and gives the names of the others.
func (b *Bundle) take(name string, open func() (io.ReadCloser, error)) (other bool, err error) {
	var to *[]byte
	most := int64(maxManifest)
	switch name {
	case ManifestName:
		to = &b.text
	case SignatureName:
		to, most = &b.signature, 64<<10
	default:
		return true, nil
	}
	r, err := open()
	if err != nil {
		return false, err
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", name, most)
	}
	*to = text
	return false, err
}

func (b *Bundle) folder() (files []string, err error) {
	err = filepath.WalkDir(b.Path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(b.Path, p)
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is a link or a device, not a file", name)
		}
		other, err := b.take(filepath.ToSlash(name), func() (io.ReadCloser, error) { return os.Open(p) }) //nolint:gosec // within the folder
		if other {
			files = append(files, filepath.ToSlash(name))
		}
		return err
	})
	return files, err
}

func (b *Bundle) zip() (files []string, err error) {
	z, err := zip.OpenReader(b.Path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, errors.New("is not a bundle: neither a zip nor a folder")
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = z.Close() }()
	seen := map[string]bool{}
	for _, f := range z.File {
		if seen[f.Name] || f.FileInfo().IsDir() || path.Clean(f.Name) != f.Name {
			return nil, fmt.Errorf("has an entry %q twice, or one that is no file: not to be trusted", f.Name)
		}
		if seen[f.Name] = true; f.Method != zip.Store {
			return nil, fmt.Errorf("%s is compressed: in a bundle files are stored as they are", f.Name)
		}
		other, err := b.take(f.Name, f.Open)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		if other {
			files = append(files, f.Name)
		}
	}
	return files, nil
}

// Text is the manifest as it is signed.
func (b *Bundle) Text() []byte { return b.text }

// Image opens an image and holds it to its root: every block of it and what of it is
// written. Close is the caller's.
func (b *Bundle) Image(ctx context.Context, i int, cache *image.Cache) (*image.Image, error) {
	want := b.Manifest.Images[i]
	im, err := image.Open(ctx, b.where(want.File), image.Options{Cache: cache, Root: true, Raw: true})
	if err != nil {
		return nil, err
	}
	if im.Digest() == want.Root {
		return im, nil
	}
	defer func() { _ = im.Close() }()
	return nil, b.differs(ctx, im, &want)
}

// differs says where an image is not what the manifest says.
func (b *Bundle) differs(ctx context.Context, im *image.Image, want *Image) error {
	if im.Size() != want.Size {
		return &Error{Path: b.Path, Problem: fmt.Sprintf("%s has %d bytes, the manifest says %d: copy or download it again", want.File, im.Size(),
			want.Size)}
	}
	if !slices.Equal(mapOf(im.Map()), want.Map) {
		return &Error{Path: b.Path, Problem: fmt.Sprintf("%s does not write what the manifest says that it writes: copy or download it again",
			want.File)}
	}
	sums, err := want.sums()
	if err != nil {
		return err
	}
	got, err := im.Blocks(ctx)
	if err != nil {
		return err
	}
	for i := range sums {
		if got[i] != sums[i] {
			err := &image.BlockError{Path: want.File, Block: i, From: int64(i) * image.DigestBlock}
			return &Error{Path: b.Path, Problem: err.Error(), Err: err}
		}
	}
	return &Error{Path: b.Path, Problem: want.File + " does not have the root that the manifest gives it"}
}

// Verify opens every image once.
func (b *Bundle) Verify(ctx context.Context, cache *image.Cache) error {
	var wrong []error
	for _, f := range b.Manifest.Files {
		r, _, err := b.Open(f.File)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		_ = r.Close() // it was only read
	}
	for i := range b.Manifest.Images {
		im, err := b.Image(ctx, i, cache)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		_ = im.Close()
	}
	return errors.Join(wrong...)
}

// Signed reports whether there is a signature, whoever made it.
func (b *Bundle) Signed() bool { return b.signature != nil }

// Compatible reports whether the bundle is for a model.
func (m *Manifest) Compatible(model string) bool {
	return slices.ContainsFunc(m.Models, func(s string) bool { return strings.EqualFold(s, model) })
}
