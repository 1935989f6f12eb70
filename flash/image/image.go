// This file has an opened image and what it is made of.

package image

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
	"time"

	"github.com/zarya-station/zarya/flash/image/sparse"
	"github.com/zarya-station/zarya/flash/image/unpack"
)

// Format is what a file is, whatever its name.
type Format string

// The formats.
const (
	FormatRaw    Format = "raw"
	FormatSparse Format = "sparse"
)

// Kind is what an extent is.
type Kind int

// The kinds.
const (
	Data     Kind = iota // bytes of the file
	Fill                 // one 4-byte value, repeated
	DontCare             // left as it is on the partition
)

func (k Kind) String() string {
	switch k {
	case Data:
		return "data"
	case Fill:
		return "fill"
	case DontCare:
		return "don't-care"
	default:
		return fmt.Sprintf("kind %d", int(k))
	}
}

// Extent is a run of the expanded image.
type Extent struct {
	Kind       Kind
	Offset     int64
	Length     int64
	FileOffset int64  // Data: where the bytes are in the file
	Fill       uint32 // Fill: the value, little-endian from Offset on
}

func (e Extent) end() int64 { return e.Offset + e.Length }

// Image is an opened image; it never changes, and all tablets share it.
type Image struct {
	path    string   // as it was given
	source  *os.File // what was given
	id      identity // of source
	more    []piece  // further files that the image is in
	store   *store   // what data extents are in; nil while the source is read
	packing string   // what the image was unpacked from; ""
	rooted  bool     // the digest is the blocks' root
	raw     bool     // nothing is unpacked or refused
	checker *sparse.Checker
	index   index

	mu    sync.Mutex
	plans map[planKey]*Pieces
}

// Options say how to open an image.
type Options struct {
	Cache *Cache // nil: none; then nothing can be unpacked
	AsIs  bool   // do not unpack what is compressed (AsIs tells when)
	Raw   bool   // the file, or the member that is named, is the image, whatever it looks like
	Root  bool   // the digest is the root of the image's blocks (Root), whatever file they come in
}

// Open reads the file at path once, from its first byte to its last, unless the cache
// has it. The file is a raw or sparse image, or packed in what package unpack knows,
// whichever its first bytes say; FILE.zip/MEMBER names one of an archive's members. The
// digest is of the file, or of the member that was named.
func Open(ctx context.Context, path string, o Options) (*Image, error) {
	return OpenPieces(ctx, []string{path}, o)
}

// OpenPieces opens an image that comes in several files, in their order: raw pieces are
// one after the other, sparse ones each say where they belong (as simg2simg makes them).
// Its path is the first one's; its digest is of all of them, one after the other.
func OpenPieces(ctx context.Context, paths []string, o Options) (_ *Image, err error) {
	im := &Image{path: paths[0], plans: map[planKey]*Pieces{}}
	im.index.AsIs, im.rooted, im.raw = o.AsIs, o.Root, o.Raw
	defer func() {
		if err != nil {
			_ = im.Close()
		}
	}()
	var first piece
	if first, err = openSettled(ctx, paths[0]); err != nil {
		return nil, err
	}
	im.source, im.id = first.file, first.id
	for _, path := range paths[1:] {
		p, err := openSettled(ctx, path)
		if err != nil {
			return nil, err
		}
		im.more = append(im.more, p)
	}
	if err := im.prepare(ctx, o.Cache, first.member); err != nil {
		return nil, err
	}
	return im, nil
}

// openSettled opens a file whose last change lies far enough back.
func openSettled(ctx context.Context, path string) (piece, error) {
	problem := func(what string, err error) (piece, error) {
		return piece{}, &FileError{Path: path, Problem: what, Err: err}
	}
	// Stat before Open: to open a pipe would wait for its writer.
	name, member, info, err := locate(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return problem("no such file: check the name", err)
	case err != nil:
		return problem(reason(err), err)
	case info.IsDir():
		return problem("is a folder: name the image file in it", nil)
	case !info.Mode().IsRegular():
		return problem("is a device or a pipe, not a file: copy it into a file first (dd if="+path+" of=FILE)", nil)
	case info.Size() == 0:
		return problem("is empty: copy or download it again", nil)
	}
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return problem(reason(err), err)
	}
	id, err := settle(ctx, f)
	if err != nil {
		_ = f.Close()
	}
	return piece{path, f, member, id}, err
}

// locate finds the file that a path is, or is in: FILE.zip/MEMBER.
func locate(path string) (file, member string, info fs.FileInfo, err error) {
	info, err = os.Stat(path)
	if !errors.Is(err, syscall.ENOTDIR) {
		return path, "", info, err
	}
	for file = filepath.Clean(path); ; {
		dir, last := filepath.Split(file)
		file, member = filepath.Clean(dir), filepath.Join(last, member)
		if info, up := os.Stat(file); up == nil {
			return file, member, info, nil
		} else if !errors.Is(up, syscall.ENOTDIR) {
			return path, "", nil, err
		}
	}
}

// cacheable is the size from which on an image is worth an entry in the cache.
const cacheable = 4 << 20

// prepare makes the image of its source, or finds it made.
func (im *Image) prepare(ctx context.Context, cache *Cache, member string) error {
	kind, err := im.packedIn(member)
	if err != nil {
		return err
	}
	im.packing = string(kind)
	if kind == unpack.Plain && im.id.size < cacheable && len(im.more) == 0 {
		cache = nil
	}
	source := fmt.Sprintf("%+v %q %v %v %v %+v", im.id, member, im.index.AsIs, im.rooted, im.raw, im.more)
	if st, x := cache.find(source, im.path); st != nil {
		im.store, im.index = st, *x
		return im.Unchanged()
	}
	if kind != unpack.Plain || len(im.more) > 0 {
		return im.unpack(ctx, cache, source, member)
	}
	return im.load(ctx, cache, source)
}

// packedIn looks at the first bytes of the source, and refuses what is no image.
func (im *Image) packedIn(member string) (unpack.Packing, error) {
	head := make([]byte, min(unpack.HeadSize, im.id.size))
	if err := im.read(head, 0, nil); err != nil {
		return "", err
	}
	kind := unpack.Of(head)
	if member == "" && (im.raw || im.index.AsIs && !kind.Archive()) {
		kind = unpack.Plain
	}
	if kind == unpack.Plain && member != "" {
		return "", &FileError{Path: im.path, Problem: "is in a file that is not an archive"}
	}
	if kind == unpack.Plain && !im.raw && len(im.more) == 0 {
		if err := unpack.Refuse(head, im.id.size <= unpack.HeadSize, im.path); err != nil {
			return "", &FileError{Path: im.path, Problem: err.Error(), Err: err}
		}
	}
	return kind, nil
}

// reason is err without the path, which the reader knows already.
func reason(err error) string {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Path is the file's name as it was given.
func (im *Image) Path() string { return im.path }

// Format is what the file is.
func (im *Image) Format() Format { return im.index.Format }

// Size is the size of the expanded image.
func (im *Image) Size() int64 { return im.index.Size }

// FileSize is the size of the file.
func (im *Image) FileSize() int64 { return im.id.size }

// Digest is "sha256:" and the hex digest of the bytes of the file, or of the member of
// an archive that was named; with Options.Root, the root of the image's blocks.
func (im *Image) Digest() string { return im.index.Digest }

// Packing is what the image was unpacked from, such as zstd or zip; "" if it was not.
func (im *Image) Packing() string { return im.packing }

// Plain reports whether the digest is of the very bytes that the image expands to.
func (im *Image) Plain() bool {
	return im.index.Format == FormatRaw && im.packing == "" && !im.rooted && len(im.more) == 0
}

// Extents cover [0, Size), sorted, without gaps; they are shared: do not change them.
func (im *Image) Extents() []Extent { return im.index.Extents }

// Close ends all use of the image.
func (im *Image) Close() error {
	if im.store != nil && im.store.own {
		_ = im.store.close()
	}
	for _, p := range im.more {
		_ = p.file.Close()
	}
	if im.source == nil {
		return nil
	}
	return im.source.Close()
}

// Sum counts extents of one kind.
type Sum struct {
	Extents int
	Bytes   int64 // expanded
}

// Sums counts the image's extents by kind.
func (im *Image) Sums() map[Kind]Sum {
	sums := map[Kind]Sum{}
	for _, e := range im.index.Extents {
		s := sums[e.Kind]
		sums[e.Kind] = Sum{s.Extents + 1, s.Bytes + e.Length}
	}
	return sums
}

// Written is how many image bytes are written to a partition: all but don't-care.
func (im *Image) Written() int64 { return im.index.Size - im.Sums()[DontCare].Bytes }

// Unchanged returns a *ChangedError if the open file, or its prepared copy, is not what
// was digested.
func (im *Image) Unchanged() error {
	id, err := identify(im.source)
	if err == nil && id != im.id {
		return &ChangedError{Path: im.path}
	}
	for _, p := range im.more {
		if id, perr := identify(p.file); perr == nil && id != p.id {
			return &ChangedError{Path: p.path}
		}
	}
	if err == nil && im.store != nil {
		err = im.store.unchanged()
	}
	if err != nil && !errors.As(err, new(*ChangedError)) {
		return &FileError{Path: im.path, Problem: reason(err), Err: err}
	}
	return err
}

// ReadAt reads the expanded image; don't-care reads as zeros.
func (im *Image) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("%s: read at %d", im.path, off)
	}
	n, last := 0, lastWindow{}
	defer last.drop()
	first := sort.Search(len(im.index.Extents), func(i int) bool { return im.index.Extents[i].end() > off })
	for i := first; n < len(p) && i < len(im.index.Extents); i++ {
		e, at := im.index.Extents[i], off+int64(n)
		part := p[n:min(int64(len(p)), int64(n)+e.end()-at)]
		if e.Kind == Data {
			if err := im.read(part, e.FileOffset+at-e.Offset, &last); err != nil {
				return n, err
			}
		} else {
			repeat(part, e.Fill, at-e.Offset)
		}
		n += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// read fills p from the file or fails: what is missing is never made up.
func (im *Image) read(p []byte, off int64, last *lastWindow) error {
	var err error
	if im.store != nil {
		err = im.store.readAt(p, off, last)
	} else {
		_, err = im.source.ReadAt(p, off)
	}
	if err == nil || errors.As(err, new(*ChangedError)) {
		return err
	}
	if changed := im.Unchanged(); changed != nil {
		return changed
	}
	return &FileError{Path: im.path, Problem: fmt.Sprintf("reading at byte %d: %v", off, reason(err)), Err: err}
}

// repeat fills p with a value, from the phase-th byte of the pattern on.
func repeat(p []byte, value uint32, phase int64) {
	if value == 0 {
		clear(p)
		return
	}
	var v [4]byte
	binary.LittleEndian.PutUint32(v[:], value)
	for i := range min(4, len(p)) {
		p[i] = v[(phase+int64(i))%4] //nolint:gosec // the remainder of four
	}
	for n := 4; n < len(p); n *= 2 {
		copy(p[n:], p[:n])
	}
}

// identity changes when somebody writes to a file, or puts another in its place.
type identity struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // ns
}

// tick is more than the granularity of the kernel's file times: within it, a
// change leaves the times as they are.
const tick = 20 * time.Millisecond

// settle identifies a file once its last change is a tick old, so that a later
// one cannot hide.
func settle(ctx context.Context, f *os.File) (identity, error) {
	for range 100 {
		id, err := identify(f)
		if err != nil {
			return id, err
		}
		age := time.Since(time.Unix(0, id.ctime))
		if age < 0 || age >= tick { // a clock set back must not make us wait
			return id, nil
		}
		timer := time.NewTimer(tick - age)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return id, context.Cause(ctx)
		}
	}
	return identity{}, &ChangedError{Path: f.Name()}
}
