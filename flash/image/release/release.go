// Package release reads other people's releases into sources of a bundle.
//
// A release is what somebody can download: an archive or a folder with a flash-config.sh,
// a folder or an archive of images, the UPDATE.APP files of a Huawei firmware, or the
// update.zip with one in it, the payload.bin of an Android update (OTA), the image zip of
// a factory image. [Read] tells by what is in it; nothing in it is ever run. What cannot
// be taken apart is refused with its name and what to take out of it.
package release

import (
	"archive/zip"
	"cmp"
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
	"syscall"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/flash/image/unpack"
	"github.com/zarya-station/zarya/internal/problem"
)

// Release is what a release says.
type Release struct {
	Name, Version string          // if the name of its file tells
	Products      []string        // that it is for
	Sources       []bundle.Source // in the order in which they are written
	Left          []string        // what is in it and not taken, and why

	clash map[string]error // by partition: there are two images for it
}

// Describe fills what a manifest does not say yet from what the release tells. from names it
// where something is missing after all.
func (r *Release) Describe(m *bundle.Manifest, from string) error {
	m.Name, m.Version = cmp.Or(m.Name, r.Name), cmp.Or(m.Version, r.Version)
	if len(m.Models) == 0 {
		m.Models = r.Products
	} else {
		m.Products = append(m.Products, r.Products...)
	}
	for _, of := range []struct {
		flag    string
		missing bool
	}{{"name", m.Name == ""}, {"bundle-version", m.Version == ""}, {"model", len(m.Models) == 0}} {
		if of.missing {
			return problem.New(problem.Usage, "add --"+of.flag, "%s does not report the bundle's %s", from, of.flag)
		}
	}
	return nil
}

// Read reads a release: one file or folder, or the UPDATE.APP files that make up a
// firmware together. FILE.zip/MEMBER.zip is a zip in another. only names the partitions
// to take (empty: all); refuse says which may not be taken unless named.
func Read(ctx context.Context, paths, only []string, refuse func(partition string) bool) (*Release, error) {
	if len(paths) == 0 {
		return nil, errors.New("nothing to import")
	}
	im, err := read(ctx, paths)
	if err != nil {
		return nil, err
	}
	return im.choose(paths[0], only, refuse)
}

func read(ctx context.Context, paths []string) (*Release, error) {
	kind, err := kindOf(paths[0])
	if err != nil {
		return nil, err
	}
	switch kind {
	case unpack.App:
		return apps(paths)
	case unpack.Payload:
		if len(paths) > 1 {
			return nil, together(paths[1])
		}
		return payloadFile(paths[0])
	case unpack.Plain, unpack.Zip: // a folder, or a zip
	default:
		return nil, &bundle.Error{Path: paths[0], Problem: fmt.Sprintf("is packed (%s): unpack it, and import the folder that comes out", kind)}
	}
	a, err := open(paths[0])
	if err != nil {
		return nil, err
	}
	defer a.close()
	if len(paths) > 1 {
		return nil, together(paths[1])
	}
	return a.read(ctx)
}

func together(path string) error {
	return &bundle.Error{Path: path, Problem: "only UPDATE.APP files are imported together"}
}

// kindOf looks at a file; a folder is Plain.
func kindOf(name string) (unpack.Packing, error) {
	info, err := os.Stat(name)
	if errors.Is(err, syscall.ENOTDIR) { // a zip in another
		return unpack.Zip, nil
	}
	if err != nil {
		return "", &bundle.Error{Path: name, Problem: "no such file or folder", Err: err}
	}
	if info.IsDir() {
		return unpack.Plain, nil
	}
	f, err := os.Open(name) //nolint:gosec // the file that the user named
	if err != nil {
		return "", &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	defer func() { _ = f.Close() }() // it was only read
	head := make([]byte, unpack.HeadSize)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	kind := unpack.Of(head[:n])
	if kind != unpack.Plain {
		return kind, nil
	}
	if err := unpack.Refuse(head[:n], n < len(head), name); err != nil {
		return "", &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	return "", &bundle.Error{Path: name, Problem: "is neither a folder, nor a zip, nor an UPDATE.APP, nor a payload.bin"}
}

// choose takes the images that are wanted.
func (im *Release) choose(path string, only []string, refuse func(partition string) bool) (*Release, error) {
	var sources []bundle.Source
	taken := map[string]bool{}
	for _, s := range im.Sources {
		name := s.Partition
		switch {
		case len(only) > 0 && !slices.Contains(only, name):
			im.Left = append(im.Left, name+": not asked for")
		case len(only) == 0 && refuse != nil && refuse(name):
			im.Left = append(im.Left, name+": a bootloader or identity partition; name it if you mean it")
		case im.clash[name] != nil:
			return nil, im.clash[name]
		default:
			sources = append(sources, s)
			taken[name] = true
		}
	}
	for _, name := range only {
		if !taken[name] {
			return nil, &bundle.Error{Path: path, Problem: fmt.Sprintf("there is nothing for %s in it", name)}
		}
	}
	if im.Sources = sources; len(sources) == 0 {
		return nil, &bundle.Error{Path: path, Problem: "there are no images in it that are named PARTITION.img"}
	}
	return im, nil
}

const maxText = 1 << 20 // of a configuration or a list of sums

// archive is a zip or a folder.
type archive struct {
	path  string
	files map[string]file // by name with slashes; what systems add is left out
	at    io.ReaderAt     // a zip's bytes
	close func()
}

type file struct {
	open func() (io.ReadCloser, error)
	path string // by which image.Open finds it
	zip  *zip.File
}

func (a *archive) bad(format string, args ...any) error {
	return &bundle.Error{Path: a.path, Problem: fmt.Sprintf(format, args...)}
}

func open(name string) (*archive, error) {
	a := &archive{path: name, files: map[string]file{}, close: func() {}}
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		return a, a.folder()
	}
	z, err := a.zip(name)
	if err != nil {
		a.close()
		return nil, err
	}
	for _, f := range z.File {
		rel := path.Clean(unpack.Slashes(f.Name))
		if f.FileInfo().IsDir() || strings.HasSuffix(f.Name, "\\") || unpack.Junk(rel) {
			continue
		}
		if _, twice := a.files[rel]; twice || !filepath.IsLocal(filepath.FromSlash(rel)) {
			a.close()
			return nil, a.bad("has two members %q, or one whose name leads out of it: not to be trusted", rel)
		}
		a.files[rel] = file{func() (io.ReadCloser, error) { return unpack.OpenMember(f) }, filepath.Join(name, filepath.FromSlash(rel)), f}
	}
	return a, nil
}

func (a *archive) folder() error {
	return filepath.WalkDir(a.path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(a.path, p)
		if name := filepath.ToSlash(rel); err == nil && !unpack.Junk(name) {
			a.files[name] = file{open: func() (io.ReadCloser, error) { return os.Open(p) }, path: p} //nolint:gosec // the folder that the user named
		}
		return err
	})
}

// zip opens a zip, or one in another: FILE.zip/MEMBER.zip.
func (a *archive) zip(name string) (*zip.Reader, error) {
	outer, member := name, ""
	for {
		if _, err := os.Stat(outer); !errors.Is(err, syscall.ENOTDIR) || outer == filepath.Dir(outer) {
			break
		}
		member = filepath.Join(filepath.Base(outer), member)
		outer = filepath.Dir(outer)
	}
	fail := func(err error) (*zip.Reader, error) {
		return nil, &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	f, err := os.Open(outer) //nolint:gosec // the file that the user named
	if err != nil {
		return fail(err)
	}
	a.at, a.close = f, func() { _ = f.Close() }
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	z, err := unpack.OpenZip(f, info.Size(), outer)
	if err != nil {
		return fail(err)
	}
	if member == "" {
		return z, nil
	}
	i := slices.IndexFunc(z.File, func(f *zip.File) bool { return path.Clean(unpack.Slashes(f.Name)) == filepath.ToSlash(member) })
	if i < 0 {
		return fail(fmt.Errorf("%s has no %s in it", outer, member))
	}
	inner, err := a.placed(z.File[i])
	if err != nil {
		return fail(err)
	}
	if z, err = unpack.OpenZip(inner, inner.Size(), name); err != nil {
		return fail(err)
	}
	a.at = inner
	return z, nil
}

// placed makes a member of a zip readable by place: as it lies there, if it is stored, or
// as a copy without a name.
func (a *archive) placed(f *zip.File) (*io.SectionReader, error) {
	if at, err := f.DataOffset(); err == nil && f.Method == zip.Store && f.Flags&1 == 0 {
		return io.NewSectionReader(a.at, at, int64(f.UncompressedSize64)), nil //nolint:gosec // what is not there cannot be read
	}
	r, err := unpack.OpenMember(f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	to, err := os.CreateTemp("", "zarya-import-")
	if err != nil {
		return nil, err
	}
	before := a.close
	a.close = func() { before(); _ = to.Close() }
	if err := os.Remove(to.Name()); err != nil {
		return nil, err
	}
	n, err := io.Copy(to, r)
	return io.NewSectionReader(to, 0, n), err
}

// under is the part of an archive below a folder, "" or one that ends in a slash.
func (a *archive) under(folder string) *archive {
	part := &archive{path: a.path, files: map[string]file{}}
	for name, f := range a.files {
		if rel, ok := strings.CutPrefix(name, folder); ok {
			part.files[rel] = f
		}
	}
	return part
}

// text reads a small file.
func (a *archive) text(name string) (string, error) {
	from, ok := a.files[name]
	if !ok {
		return "", a.bad("has no file %s", name)
	}
	f, err := from.open()
	if err != nil {
		return "", &bundle.Error{Path: a.path, Problem: fmt.Sprintf("%s: %v", name, err), Err: err}
	}
	defer func() { _ = f.Close() }() // it was only read
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = a.bad("%s has more than %d bytes", name, maxText)
	}
	return strings.TrimPrefix(string(b), "\ufeff"), err // Windows editors put a byte order mark
}

// names are the files, sorted.
func (a *archive) names() []string {
	all := make([]string, 0, len(a.files))
	for f := range a.files {
		all = append(all, f)
	}
	slices.Sort(all)
	return all
}
