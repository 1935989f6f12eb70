// This file is the stores: pages in memory, files with holes, and copies between them.

package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Store is the content of one partition, or of the download buffer.
type Store interface {
	io.ReaderAt
	io.WriterAt
	// Zero makes n bytes from off zeros, without using room if it can.
	Zero(off, n int64) error
	Close() error
}

// Error means that the computer under the tablet failed, not the tablet.
type Error struct{ Err error }

func (e *Error) Error() string { return "storage: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// NewMemory returns an empty store in memory.
func NewMemory() Store { return &pages{} }

// pages is a store in memory that uses room only for what was written.
type pages struct {
	mu sync.Mutex
	m  map[int64]*[pageSize]byte // guarded by mu
}

const pageSize = 64 << 10

// eachPage calls do for each page that n bytes from off lie in, nil for one that was never
// written.
func (p *pages) eachPage(off, n int64, do func(page *[pageSize]byte, index, from, to, done int64)) {
	for done := int64(0); done < n; {
		index, from := (off+done)/pageSize, (off+done)%pageSize
		to := min(pageSize, from+n-done)
		do(p.m[index], index, from, to, done)
		done += to - from
	}
}

func (p *pages) ReadAt(b []byte, off int64) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eachPage(off, int64(len(b)), func(page *[pageSize]byte, _, from, to, done int64) {
		if page == nil {
			clear(b[done : done+to-from])
			return
		}
		copy(b[done:], page[from:to])
	})
	return len(b), nil
}

func (p *pages) WriteAt(b []byte, off int64) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eachPage(off, int64(len(b)), func(page *[pageSize]byte, index, from, to, done int64) {
		if page == nil {
			page = new([pageSize]byte)
			if p.m == nil {
				p.m = map[int64]*[pageSize]byte{}
			}
			p.m[index] = page
		}
		copy(page[from:to], b[done:])
	})
	return len(b), nil
}

func (p *pages) Zero(off, n int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eachPage(off, n, func(page *[pageSize]byte, index, from, to, _ int64) {
		switch {
		case page == nil:
		case from == 0 && to == pageSize:
			delete(p.m, index)
		default:
			clear(page[from:to])
		}
	})
	return nil
}

func (p *pages) Close() error { return nil }

// file is a store in a file.
type file struct{ *os.File }

// IsFile reports whether a store is a file, which can be closed and opened again.
func IsFile(s Store) bool {
	_, is := s.(file)
	return is
}

// OpenFile opens the store in a file of exactly size bytes, and makes it if it is not
// there yet.
func OpenFile(path string, size int64) (Store, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644) //nolint:gosec // the folder that the user names; no secret is in it
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() != size {
		if err = errors.Join(err, f.Truncate(size)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return file{f}, nil
}

// Zero punches a hole, or writes zeros where the file system knows no holes.
func (f file) Zero(off, n int64) error {
	if err := punchHole(f.File, off, n); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	zero := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(zero)) {
		part := zero[:min(n, int64(len(zero)))]
		if _, err := f.WriteAt(part, off); err != nil {
			return err
		}
		off += int64(len(part))
	}
	return nil
}

// Copy copies n bytes between stores, in the kernel where both are files.
func Copy(dst Store, to int64, src Store, from, n int64) error {
	d, ok1 := dst.(file)
	s, ok2 := src.(file)
	if ok1 && ok2 {
		done := copyInKernel(d.File, to, s.File, from, n)
		to, from, n = to+done, from+done, n-done
	}
	buf := make([]byte, min(n, 1<<20))
	for n > 0 {
		part := buf[:min(n, int64(len(buf)))]
		if _, err := src.ReadAt(part, from); err != nil {
			return fmt.Errorf("read back the download: %w", err)
		}
		if _, err := dst.WriteAt(part, to); err != nil {
			return err
		}
		from, to, n = from+int64(len(part)), to+int64(len(part)), n-int64(len(part))
	}
	return nil
}
