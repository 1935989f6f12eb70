// This file makes a bundle.

package bundle

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/problem"
)

// Source is an image to put into a bundle.
type Source struct {
	Partition string
	Slot      string   // "", current, other, all, a, b
	Mode      string   // "" is fastboot
	Path      string   // whatever image.Open reads
	More      []string // further files, if the image comes in pieces
}

func (s *Source) open(ctx context.Context, o Options, root bool) (*image.Image, error) {
	options := image.Options{Cache: o.Cache, AsIs: image.AsIs(s.Partition, s.Path), Raw: o.Raw, Root: root}
	return image.OpenPieces(ctx, append([]string{s.Path}, s.More...), options)
}

// Options say how a bundle is built.
type Options struct {
	Cache         *image.Cache
	Folder        bool   // a folder, not a zip
	Raw           bool   // images are taken as they are, whatever they look like
	DisableVerity bool   // change the flags of vbmeta images, so that a changed system starts
	Profile       string // one of the files; "" is none
	Files         []Extra
}

// Extra is a file that is no image: the profile, or what it names.
type Extra struct {
	Name string // in the bundle
	Open func() (io.ReadCloser, int64, error)
}

// entry reads the file once, for the manifest.
func (x Extra) entry() (File, error) {
	r, _, err := x.Open()
	if err != nil {
		return File{}, err
	}
	defer func() { _ = r.Close() }() // it was only read
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	return File{File: x.Name, Size: n, Digest: fmt.Sprintf("sha256:%x", sum.Sum(nil))}, err
}

// copy writes the file, and fails if it is not what it was.
func (x Extra) copy(w io.Writer, was File) error {
	r, _, err := x.Open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), r)
	if err == nil && (n != was.Size || fmt.Sprintf("sha256:%x", sum.Sum(nil)) != was.Digest) {
		err = fmt.Errorf("%s was changed meanwhile", x.Name)
	}
	return err
}

// Build writes the bundle out, which must not be there, with what m says and the images.
// It appears whole or not at all.
func Build(ctx context.Context, out string, m Manifest, sources []Source, o Options) error {
	if _, err := os.Lstat(out); err == nil {
		return &Error{Path: out, Problem: "is there already: remove it, or give another name"}
	}
	part := out + ".part"
	var to sink = &zipSink{}
	if o.Folder {
		to = &folderSink{}
	}
	m.Format, m.Images = 1, nil
	images := map[string]*image.Image{} // by name in the bundle
	var order []string
	defer func() {
		for _, im := range images {
			_ = im.Close()
		}
	}()
	if o.DisableVerity {
		dir, err := os.MkdirTemp("", "zarya-bundle-")
		if err != nil {
			return &Error{Path: out, Problem: err.Error(), Err: err}
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if sources, err = disableVerity(ctx, sources, o, dir); err != nil {
			return err
		}
	}
	for _, s := range sources {
		im, err := s.open(ctx, o, true)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("images/%s.img", s.Partition)
		if s.Slot == "a" || s.Slot == "b" {
			name = fmt.Sprintf("images/%s_%s.img", s.Partition, s.Slot)
		}
		if images[name] != nil {
			_ = im.Close()
			return &Error{Path: out, Problem: fmt.Sprintf("%s is given twice", s.Partition)}
		}
		images[name], order = im, append(order, name)
		entry := Image{Partition: s.Partition, Slot: s.Slot, Mode: s.Mode, File: name}
		if entry.Mode == "" {
			entry.Mode = "fastboot"
		}
		m.Images = append(m.Images, entry)
	}
	writers := map[string]func(io.Writer) error{}
	for i, name := range order {
		im := images[name]
		blocks, err := im.Blocks(ctx)
		if err != nil {
			return err
		}
		entry := &m.Images[i]
		entry.Size, entry.Root, entry.Map = im.Size(), im.Digest(), mapOf(im.Map())
		for _, b := range blocks {
			entry.Blocks = append(entry.Blocks, fmt.Sprintf("sha256:%x", b))
		}
		if writers[name], err = stored(im, entry.Partition); err != nil {
			return err
		}
	}
	m.Profile = o.Profile
	slices.SortFunc(o.Files, func(a, b Extra) int { return strings.Compare(a.Name, b.Name) })
	for _, x := range o.Files {
		f, err := x.entry()
		if err != nil {
			return &Error{Path: out, Problem: err.Error(), Err: err}
		}
		m.Files, order = append(m.Files, f), append(order, x.Name)
		writers[x.Name] = func(w io.Writer) error { return x.copy(w, f) }
	}
	text, err := m.Encode()
	if err != nil {
		return &Error{Path: out, Problem: err.Error(), Err: err}
	}
	if err := to.open(part); err != nil {
		return &Error{Path: out, Problem: err.Error(), Err: err}
	}
	err = to.add(ManifestName, func(w io.Writer) error { _, err := w.Write(text); return err })
	for _, name := range order {
		if err == nil {
			err = to.add(name, func(w io.Writer) error { return writers[name](ctxio.Writer{Context: ctx, W: w}) })
		}
	}
	if cerr := to.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(part, out)
	}
	if err != nil {
		_ = os.RemoveAll(part)
		return &Error{Path: out, Problem: err.Error(), Err: err}
	}
	return nil
}

// stored chooses how an image is kept: as a sparse one, which is as short as can be, or
// raw where that is not the same image or a bootloader would not take it.
func stored(im *image.Image, partition string) (func(io.Writer) error, error) {
	form, err := image.Choose(image.Always, partition, im, 1<<62, true)
	if err != nil {
		return nil, err
	}
	if im.Size()%4096 != 0 && form == image.Sparse && im.Format() == image.FormatRaw { // would become longer
		form = image.Raw
	}
	pieces, err := im.Pieces(1<<62, form)
	if err != nil {
		return nil, err
	}
	if pieces.Len() != 1 {
		return nil, errors.New("an image in pieces") // cannot happen: there is no limit
	}
	return func(w io.Writer) error { _, err := pieces.At(0).WriteTo(w); return err }, nil
}

// disableVerity changes the vbmeta images among the sources into copies in dir.
func disableVerity(ctx context.Context, sources []Source, o Options, dir string) ([]Source, error) {
	sources, changed := slices.Clone(sources), false
	for i, s := range sources {
		if !image.IsVBMeta(s.Partition) {
			continue
		}
		path, err := withoutVerity(ctx, s, o, dir)
		if err != nil {
			return nil, err
		}
		sources[i].Path, sources[i].More, changed = path, nil, true
	}
	if !changed {
		return nil, problem.New(problem.Invalid, "add --image vbmeta=FILE, or leave --disable-verity out",
			"there is no vbmeta image, so --disable-verity would change nothing")
	}
	return sources, nil
}

// withoutVerity copies a vbmeta image to a file with its flags set to 3: hashtrees and
// verification off (AVB's vbmeta header: magic AVB0, flags at byte 120, big-endian).
func withoutVerity(ctx context.Context, s Source, o Options, dir string) (string, error) {
	im, err := s.open(ctx, o, false)
	if err != nil {
		return "", err
	}
	defer func() { _ = im.Close() }()
	head := make([]byte, vbmetaHeader)
	if n, _ := im.ReadAt(head, 0); n < len(head) || string(head[:4]) != "AVB0" {
		return "", problem.New(problem.Invalid, "take the vbmeta.img of the same release, or leave --disable-verity out",
			"%s is not a vbmeta image (it does not begin with AVB0 and a whole header), so --disable-verity cannot change it", s.Path)
	}
	if im.Size() > 64<<20 {
		return "", &Error{Path: s.Path, Problem: fmt.Sprintf("a vbmeta of %d bytes", im.Size())}
	}
	b := make([]byte, im.Size())
	if _, err := im.ReadAt(b, 0); err != nil {
		return "", err
	}
	binary.BigEndian.PutUint32(b[120:], binary.BigEndian.Uint32(b[120:])|3)
	path := filepath.Join(dir, s.Partition+s.Slot)
	return path, os.WriteFile(path, b, 0o600)
}

// vbmetaHeader is the size of an AVB vbmeta header.
const vbmetaHeader = 256

// sink is where the files of a bundle go.
type sink interface {
	open(path string) error
	add(name string, write func(io.Writer) error) error
	close() error
}

type zipSink struct {
	f *os.File
	z *zip.Writer
}

func (s *zipSink) open(path string) (err error) {
	if s.f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644); err == nil { //nolint:gosec // bundles are for all to read
		s.z = zip.NewWriter(s.f)
	}
	return err
}

func (s *zipSink) add(name string, write func(io.Writer) error) error {
	w, err := s.z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store}) // no times: the same images make the same bundle
	if err != nil {
		return err
	}
	return write(w)
}

func (s *zipSink) close() error {
	return errors.Join(s.z.Close(), s.f.Sync(), s.f.Close())
}

type folderSink struct{ dir string }

func (s *folderSink) open(path string) error {
	s.dir = path
	return os.Mkdir(path, 0o755) //nolint:gosec // bundles are for all to read
}

func (s *folderSink) add(name string, write func(io.Writer) error) error {
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // see above
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Sync(), f.Close())
}

func (s *folderSink) close() error { return nil }
