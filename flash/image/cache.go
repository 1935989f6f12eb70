// This file is the cache of prepared images: private, read-only copies of what images
// are made of, found again by who their file is, shared by every tablet and process.

package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/flock"
)

// Cache is a folder of prepared images. A nil *Cache is none.
//
// The folder has mode 0700. In it, data/KEY is a prepared image: the bytes of an
// unpacked image at their own offsets, holes where no extent is data, then the index
// (index.go); KEY is the digest of what it was made from. files/NAME says which KEY a
// file is, by device, inode, size and times. Both are written under another name, made
// durable, and renamed. part-* are being written, by whoever holds their lock.
type Cache struct {
	dir   string
	limit int64
	now   func() time.Time

	syncing sync.WaitGroup // entries that are being made durable
}

// OpenCache takes a folder, which it makes, and keeps it below limit bytes: what was
// used last stays. Remains of processes that were killed are removed.
func OpenCache(dir string, limit int64) (*Cache, error) {
	for _, d := range []string{dir, filepath.Join(dir, "data"), filepath.Join(dir, "files")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, &CacheError{dir, err}
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, &CacheError{dir, err}
	}
	// Others who can write there could put their bytes under our digests.
	if int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return nil, &CacheError{dir, errors.New("the folder must be ours, and nobody else may write in it (chmod 700)")}
	}
	c := &Cache{dir: dir, limit: limit, now: time.Now}
	parts, _ := filepath.Glob(filepath.Join(dir, "part-*"))
	for _, p := range parts {
		c.reap(p)
	}
	return c, nil
}

// CacheError says why there is no cache.
type CacheError struct {
	Dir string
	Err error
}

func (e *CacheError) Error() string { return fmt.Sprintf("image cache %s: %s", e.Dir, reason(e.Err)) }
func (e *CacheError) Unwrap() error { return e.Err }

// reap removes what a killed process left, and leaves what a living one writes.
func (c *Cache) reap(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // in our own folder
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	if flock.Try(f) == nil {
		_ = os.Remove(path)
	}
}

// Close waits until what was prepared is durable.
func (c *Cache) Close() {
	if c != nil {
		c.syncing.Wait()
	}
}

// name is the file in files/ for a source.
func (c *Cache) name(source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join(c.dir, "files", hex.EncodeToString(sum[:16]))
}

// find opens the prepared image of a source. nil means that there is none: whatever is
// not exactly as it was written counts as nothing.
func (c *Cache) find(source string) (*os.File, *index) {
	if c == nil {
		return nil, nil
	}
	note, err := os.ReadFile(c.name(source))
	key, was, ok := strings.Cut(string(note), "\n")
	if err != nil || !ok || was != source || len(key) > 100 || strings.ContainsAny(key, "/.") {
		return nil, nil
	}
	path := filepath.Join(c.dir, "data", key)
	f, err := os.Open(path) //nolint:gosec // in our own folder
	if err != nil {
		return nil, nil
	}
	x, err := readIndex(f)
	if err != nil || x.key() != key {
		_ = f.Close()
		_ = os.Remove(path)
		return nil, nil
	}
	now := c.now()
	_ = os.Chtimes(path, now, now) // used
	return f, x
}

// part is an entry being written.
type part struct {
	c *Cache
	*os.File
}

// begin makes room for an entry of about size bytes.
func (c *Cache) begin(size int64) (*part, error) {
	if c == nil {
		return nil, errors.New("there is no image cache")
	}
	if size > c.limit {
		return nil, &CacheError{c.dir, fmt.Errorf("%d bytes are more than its limit of %d", size, c.limit)}
	}
	c.trim(c.limit - size)
	f, err := os.CreateTemp(c.dir, "part-")
	if err != nil {
		return nil, &CacheError{c.dir, err}
	}
	if err := flock.Try(f); err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, &CacheError{c.dir, err}
	}
	return &part{c, f}, nil
}

// abandon removes the entry; the open file goes on to be readable.
func (p *part) abandon() { _ = os.Remove(p.Name()) }

// publish gives the entry its name, in the background once its bytes are on the disk.
// The part's file stays open and is the image's.
func (p *part) publish(source string, x *index) error {
	at := roundUp(x.end(), blockSize)
	err := p.Truncate(at)
	if err == nil {
		_, err = p.WriteAt(x.encode(), at)
	}
	if err == nil {
		err = p.Chmod(0o400)
	}
	if err != nil {
		p.abandon()
		return err
	}
	// Another descriptor: the image may be closed before the disk is done.
	f, err := os.Open(p.Name())
	if err != nil {
		p.abandon()
		return err
	}
	p.c.syncing.Go(func() {
		defer func() { _ = f.Close() }()
		path := p.Name()
		if f.Sync() != nil || os.Rename(path, filepath.Join(p.c.dir, "data", x.key())) != nil {
			_ = os.Remove(path)
			return
		}
		_ = p.c.note(source, x.key())
	})
	return nil
}

// note writes down which entry a source is.
func (c *Cache) note(source, key string) error {
	f, err := os.CreateTemp(c.dir, "part-")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err = io.WriteString(f, key+"\n"+source); err == nil {
		if err = f.Sync(); err == nil {
			err = os.Rename(f.Name(), c.name(source))
		}
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// Entry is one prepared image in the cache.
type Entry struct {
	Digest string    // of what it was made from
	Size   int64     // bytes of the expanded image
	Disk   int64     // bytes that it takes on the disk
	Used   time.Time // last
	path   string
}

// List gives the entries, the last used one first.
func (c *Cache) List() ([]Entry, error) {
	names, err := os.ReadDir(filepath.Join(c.dir, "data"))
	if err != nil {
		return nil, &CacheError{c.dir, err}
	}
	var entries []Entry
	for _, n := range names {
		path := filepath.Join(c.dir, "data", n.Name())
		f, err := os.Open(path) //nolint:gosec // in our own folder
		if err != nil {
			continue // just removed
		}
		var st unix.Stat_t
		err = unix.Fstat(int(f.Fd()), &st) //nolint:gosec // a descriptor is an int
		x, ierr := readIndex(f)
		_ = f.Close()
		if err != nil {
			continue
		}
		e := Entry{Disk: st.Blocks * 512, Used: time.Unix(st.Mtim.Unix()), path: path, Digest: "damaged"}
		if ierr == nil {
			e.Digest, e.Size = x.Digest, x.Size
		}
		entries = append(entries, e)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Used.After(entries[j].Used) })
	return entries, nil
}

// Trim removes what was not used for longest until at most limit bytes are taken, and
// says what is gone. A process that uses one goes on to.
func (c *Cache) Trim(limit int64) ([]Entry, error) {
	entries, err := c.List()
	if err != nil {
		return nil, err
	}
	var gone []Entry
	var kept int64
	for _, e := range entries {
		if kept += e.Disk; kept <= limit {
			continue
		}
		kept -= e.Disk
		if err := os.Remove(e.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return gone, &CacheError{c.dir, err}
		}
		gone = append(gone, e)
	}
	if len(gone) > 0 {
		c.forget()
	}
	return gone, nil
}

func (c *Cache) trim(limit int64) { _, _ = c.Trim(max(0, limit)) }

// forget removes notes of entries that are gone.
func (c *Cache) forget() {
	names, _ := os.ReadDir(filepath.Join(c.dir, "files"))
	for _, n := range names {
		path := filepath.Join(c.dir, "files", n.Name())
		note, err := os.ReadFile(path) //nolint:gosec // in our own folder
		if err != nil {
			continue
		}
		key, _, _ := strings.Cut(string(note), "\n")
		if _, err := os.Stat(filepath.Join(c.dir, "data", filepath.Base(key))); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path)
		}
	}
}

// Dir is the folder.
func (c *Cache) Dir() string { return c.dir }

// Limit is how many bytes the cache may take.
func (c *Cache) Limit() int64 { return c.limit }

// index is what is known of a prepared image.
type index struct {
	Digest  string // of what it was made from
	Format  Format
	Size    int64
	Block   int64
	AsIs    bool // not unpacked
	Extents []Extent
}

// key is the entry's file name.
func (x *index) key() string {
	key := strings.ReplaceAll(x.Digest, ":", "-")
	if x.AsIs {
		key += "-as-is"
	}
	return key
}

// end is where the bytes end.
func (x *index) end() (end int64) {
	for _, e := range x.Extents {
		if e.Kind == Data {
			end = max(end, e.FileOffset+e.Length)
		}
	}
	return end
}

// The index is little-endian: a header, the digest's name, 40 bytes an extent; after it
// its length, its SHA-256 and a magic number end the file.
const indexMagic = "zarya-prepared-1"

type indexHead struct {
	Sparse, AsIs uint8
	_            [6]uint8
	Size, Block  int64
	Extents      int64
	Digest       int64 // bytes of its name
}

type indexExtent struct {
	Kind       uint32
	Fill       uint32
	Offset     int64
	Length     int64
	FileOffset int64
}

const (
	headBytes   = 40
	extentBytes = 32
	footBytes   = 8 + sha256.Size + len(indexMagic)
)

func (x *index) encode() []byte {
	var b bytes.Buffer
	h := indexHead{Size: x.Size, Block: x.Block, Extents: int64(len(x.Extents)), Digest: int64(len(x.Digest))}
	if x.Format == FormatSparse {
		h.Sparse = 1
	}
	if x.AsIs {
		h.AsIs = 1
	}
	le := binary.LittleEndian
	_ = binary.Write(&b, le, h)
	b.WriteString(x.Digest)
	for _, e := range x.Extents {
		_ = binary.Write(&b, le, indexExtent{uint32(e.Kind), e.Fill, e.Offset, e.Length, e.FileOffset}) //nolint:gosec // one of three
	}
	sum := sha256.Sum256(b.Bytes())
	out := le.AppendUint64(b.Bytes(), uint64(b.Len())) //nolint:gosec // a length
	return append(append(out, sum[:]...), indexMagic...)
}

var errIndex = errors.New("not a prepared image")

// readIndex reads and checks the end of an entry.
func readIndex(f *os.File) (*index, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	foot := make([]byte, footBytes)
	at := info.Size() - int64(len(foot))
	if at < headBytes {
		return nil, errIndex
	}
	if _, err := f.ReadAt(foot, at); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint64(foot)) //nolint:gosec // checked below
	if string(foot[8+sha256.Size:]) != indexMagic || n < headBytes || n > at || n > 1<<31 {
		return nil, errIndex
	}
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at-n); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(b); !bytes.Equal(sum[:], foot[8:8+sha256.Size]) {
		return nil, errIndex
	}
	return decodeIndex(b, at-n)
}

// decodeIndex reads an index of an image whose bytes end before end.
func decodeIndex(b []byte, end int64) (*index, error) {
	le := binary.LittleEndian
	var h indexHead
	if len(b) < headBytes {
		return nil, errIndex
	}
	_, _ = binary.Decode(b, le, &h)
	b = b[headBytes:]
	if h.Digest < 0 || h.Digest > 200 || h.Extents < 0 || h.Extents > 1<<26 || h.Size <= 0 || h.Block <= 0 || h.Block > 1<<20 ||
		int64(len(b)) != h.Digest+h.Extents*extentBytes {
		return nil, errIndex
	}
	x := &index{Digest: string(b[:h.Digest]), Format: FormatRaw, Size: h.Size, Block: h.Block, AsIs: h.AsIs != 0}
	if h.Sparse != 0 {
		x.Format = FormatSparse
	}
	x.Extents = make([]Extent, h.Extents)
	at := int64(0)
	for i := range x.Extents {
		raw := b[h.Digest+int64(i)*extentBytes:]
		e := Extent{
			Kind: Kind(le.Uint32(raw)), Fill: le.Uint32(raw[4:]),
			Offset: int64(le.Uint64(raw[8:])), Length: int64(le.Uint64(raw[16:])), FileOffset: int64(le.Uint64(raw[24:])), //nolint:gosec // checked below
		}
		if e.Kind < Data || e.Kind > DontCare || e.Offset != at || e.Length <= 0 || e.Length > x.Size-at ||
			e.Kind == Data && (e.FileOffset < 0 || e.FileOffset > end-e.Length) {
			return nil, errIndex
		}
		x.Extents[i] = e
		at += e.Length
	}
	if at != x.Size {
		return nil, errIndex
	}
	return x, nil
}
