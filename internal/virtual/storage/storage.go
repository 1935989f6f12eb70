// This file is the tablet's storage: partitions as files with holes, or as pages
// in memory.

package virtual

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// store is the content of one partition, or of the download buffer.
type store interface {
	io.ReaderAt
	io.WriterAt
	// Zero makes n bytes from off zeros, without using room if it can.
	Zero(off, n int64) error
	Close() error
}

// pages is a store in memory that uses room only for what was written.
type pages struct {
	mu sync.Mutex
	m  map[int64]*[pageSize]byte // guarded by mu
}

const pageSize = 64 << 10

func (p *pages) each(off, n int64, do func(page *[pageSize]byte, index, from, to, done int64)) {
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
	p.each(off, int64(len(b)), func(page *[pageSize]byte, _, from, to, done int64) {
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
	p.each(off, int64(len(b)), func(page *[pageSize]byte, index, from, to, done int64) {
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
	p.each(off, n, func(page *[pageSize]byte, index, from, to, _ int64) {
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

// sparseFile is a store in a file.
type sparseFile struct{ *os.File }

func (f sparseFile) Zero(off, n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	zero := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(zero)) {
		part := zero[:min(n, int64(len(zero)))]
		if _, werr := f.WriteAt(part, off); werr != nil {
			return werr
		}
		off += int64(len(part))
	}
	return nil
}

// partition opens a partition, making it if it is not there yet.
func (t *Tablet) partition(name string) (store, error) {
	if s := t.open[name]; s != nil {
		return s, nil
	}
	size := t.sizes[name]
	var s store
	if t.config.Dir == "" {
		s = &pages{}
	} else {
		f, err := os.OpenFile(filepath.Join(t.config.Dir, t.config.Serial, name+".img"), os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		if info, err := f.Stat(); err != nil || info.Size() != size {
			if err = errors.Join(err, f.Truncate(size)); err != nil {
				return nil, errors.Join(err, f.Close())
			}
		}
		s = sparseFile{f}
	}
	t.open[name] = s
	return s, nil
}

// buffer makes an empty download buffer. In a file it has no name.
func (t *Tablet) buffer() (store, error) {
	if t.config.Dir == "" {
		return &pages{}, nil
	}
	f, err := os.CreateTemp(t.config.Dir, ".download-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return sparseFile{f}, nil
}

// copyRange copies n bytes between stores, in the kernel where both are files.
func copyRange(dst store, to int64, src store, from, n int64) error {
	d, ok1 := dst.(sparseFile)
	s, ok2 := src.(sparseFile)
	for ok1 && ok2 && n > 0 {
		k, err := unix.CopyFileRange(int(s.Fd()), &from, int(d.Fd()), &to, int(min(n, 1<<30)), 0)
		if err != nil || k == 0 {
			break // by hand, then
		}
		n -= int64(k)
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
