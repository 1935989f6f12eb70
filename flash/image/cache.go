// This file is the cache of prepared images: private, read-only copies of what images
// are made of, found again by who their file is, shared by every tablet and process.

package image

import (
	"context"
	"crypto/sha256"
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

	"github.com/zarya-station/zarya/internal/flock"
)

// Cache is a folder of prepared images. A nil *Cache is none.
//
// The folder has mode 0700. In it, data/KEY is a prepared image: the bytes of an
// unpacked image at their own offsets, holes where no extent is data, then the index
// (index.go); KEY is the digest of what it was made from. files/NAME says which KEY a
// file is, by device, inode, size and times. Both are written under another name, made
// durable, and renamed. checked/KEY says when the bytes of an entry were last compared
// with their sums (vouch.go), and its time when the entry was used. part-* are being
// written, by whoever holds their lock.
type Cache struct {
	dir   string
	limit int64
	now   func() time.Time

	syncing sync.WaitGroup // entries that are being made durable
}

// OpenCache takes a folder, which it makes, and keeps it below limit bytes: what was
// used last stays. Remains of processes that were killed are removed.
func OpenCache(dir string, limit int64) (*Cache, error) {
	for _, d := range []string{dir, filepath.Join(dir, "data"), filepath.Join(dir, "files"), filepath.Join(dir, "checked")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, &CacheError{dir, err}
		}
	}
	if err := private(dir); err != nil {
		return nil, &CacheError{dir, err}
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

// find opens the prepared image of a source, for an image called name. nil means that
// there is none: whatever is not exactly as it was written counts as nothing.
func (c *Cache) find(source, name string) (*store, *index) {
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
	x, s, err := readIndex(f)
	var st *store
	if err == nil && x.key() == key {
		st, err = newStore(f, name, s)
	} else if err == nil {
		err = errIndex
	}
	if err == nil {
		st.lost = func() { _ = os.Remove(path) } //nolint:gosec // a name of our own folder
		err = c.vouch(key, st)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(path) //nolint:gosec // a name of our own folder
		return nil, nil
	}
	return st, x
}

// part is an entry being written, or an image in memory.
type part struct {
	*os.File
	c    *Cache // nil: in memory
	sums *summer
}

// inMemoryPart is for images so small that they are not worth an entry; nil if there is
// no such memory.
func inMemoryPart() *part {
	f, err := memory()
	if err != nil {
		return nil
	}
	return &part{File: f, sums: newSummer(false)}
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
	return &part{f, c, newSummer(false)}, nil
}

// put writes bytes, from the beginning of the entry to its end.
func (p *part) put(b []byte, off int64) error {
	p.sums.write(off, b)
	_, err := p.WriteAt(b, off)
	return err
}

// store is what was written, of which an image needs the first end bytes.
func (p *part) store(name string, end int64) (*store, error) {
	s := p.sums.finish(end)
	err := p.Truncate(s.size)
	if err == nil && p.c == nil {
		err, s = seal(p.File), nil
	}
	if err != nil {
		return nil, err
	}
	return newStore(p.File, name, s)
}

// discard gives the entry up. A nil part is none.
func (p *part) discard() {
	if p == nil {
		return
	}
	p.abandon()
	_ = p.Close()
}

// abandon removes the entry; the open file goes on to be readable.
func (p *part) abandon() {
	if p.c != nil {
		_ = os.Remove(p.Name())
	}
}

// publish gives the entry its name, in the background once its bytes are on the disk.
// The part's file stays open and is the store's.
func (p *part) publish(source string, x *index, st *store) error {
	if p.c == nil {
		return nil
	}
	err := st.touch(p.File, func() error {
		_, err := p.WriteAt(x.encode(st.sums), roundUp(st.sums.size, blockSize))
		return errors.Join(err, p.Chmod(0o400))
	})
	if err != nil {
		return err
	}
	// Another descriptor: the image may be closed before the disk is done.
	f, err := os.Open(p.Name())
	if err != nil {
		return err
	}
	path, key := p.Name(), x.key()
	entry := filepath.Join(p.c.dir, "data", key)
	st.lost = func() { _ = os.Remove(entry) }
	p.c.syncing.Go(func() {
		defer func() { _ = f.Close() }()
		if f.Sync() != nil || st.touch(f, func() error { return os.Rename(path, entry) }) != nil {
			_ = os.Remove(path)
			return
		}
		_ = p.c.note(source, key)
		if id, err := settle(context.Background(), f); err == nil {
			p.c.record(key, id)
		}
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
		info, err := f.Stat()
		x, _, ierr := readIndex(f)
		_ = f.Close()
		if err != nil {
			continue
		}
		e := Entry{Disk: onDisk(info), Used: c.used(n.Name(), info.ModTime()), path: path, Digest: "damaged"}
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
	checked, _ := os.ReadDir(filepath.Join(c.dir, "checked"))
	for _, n := range checked {
		if _, err := os.Stat(filepath.Join(c.dir, "data", n.Name())); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(filepath.Join(c.dir, "checked", n.Name()))
		}
	}
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
