// This file holds the bytes of an image to what they were when its digest was taken. All
// reading and sending goes through it: docs/decisions/0021.

package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// store is the file that has an image's data, with what its bytes are compared with. It
// is one of three: a source that others may write to, with a SHA-256 of every window,
// which is compared at every read; a prepared file of the cache with a CRC-32C of every
// window, which is compared when a window comes back from the disk; or sealed memory.
type store struct {
	file *os.File
	name string // of the image, for messages
	sums *sums
	own  bool   // nobody else writes to file: it may be sent by the kernel
	lost func() // called when a prepared file is found to be damaged; nil: nothing to do

	mu     sync.Mutex
	id     identity       // guarded by mu; of file, when its bytes were last known to be good
	looked []atomic.Int64 // by group: when its windows were last known to be in memory

	looking sync.Mutex // held while a group is compared
}

const (
	window256 = 256 << 10              // bytes that have one sum
	group     = 4 << 20                // bytes whose presence in memory is asked for at once
	lookAgain = int64(2 * time.Second) // a group in memory is taken to stay there for so long
)

// newStore returns the store of a file of our own.
func newStore(f *os.File, name string, s *sums) (*store, error) {
	id, err := identify(f)
	if err != nil {
		return nil, err
	}
	st := &store{file: f, name: name, sums: s, own: true, id: id}
	if s != nil {
		st.looked = make([]atomic.Int64, (s.size+group-1)/group)
		onlyAsked(f)
	}
	return st, nil
}

// readAt fills p with bytes that were compared, or fails. last is the window that was
// read last, so that neighbours need not read it again; nil: read by itself.
func (s *store) readAt(p []byte, off int64, last *lastWindow) error {
	if s.own {
		if err := s.compare(off, int64(len(p))); err != nil {
			return err
		}
		_, err := s.file.ReadAt(p, off)
		return err
	}
	if last == nil {
		last = &lastWindow{}
		defer last.drop()
	}
	for len(p) > 0 {
		w := off / window256
		from, n := w*window256, s.sums.length(w)
		if off-from >= n {
			return io.ErrUnexpectedEOF
		}
		if off == from && int64(len(p)) >= n { // no need to copy
			if err := s.window(w, p[:n]); err != nil {
				return err
			}
			p, off = p[n:], off+n
			continue
		}
		b, err := last.of(s, w)
		if err != nil {
			return err
		}
		done := copy(p, b[off-from:])
		p, off = p[done:], off+int64(done)
	}
	return nil
}

// comparing are the buffers in which a window is compared.
var comparing = sync.Pool{New: func() any { b := make([]byte, window256); return &b }}

// lastWindow is the window of a source that was read and compared last.
type lastWindow struct {
	buf   *[]byte // nil: none
	index int64
	bytes []byte
}

func (l *lastWindow) of(s *store, w int64) ([]byte, error) {
	if l.bytes != nil && l.index == w {
		return l.bytes, nil
	}
	if l.buf == nil {
		l.buf = comparing.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	}
	l.bytes = nil
	b := (*l.buf)[:s.sums.length(w)]
	if err := s.window(w, b); err != nil {
		return nil, err
	}
	l.index, l.bytes = w, b
	return b, nil
}

func (l *lastWindow) drop() {
	if l.buf != nil {
		comparing.Put(l.buf)
	}
	*l = lastWindow{}
}

// window reads one window and compares it.
func (s *store) window(w int64, b []byte) error {
	if _, err := s.file.ReadAt(b, w*window256); err != nil {
		return err
	}
	if !s.sums.right(w, b) {
		return s.damaged(w * window256)
	}
	return nil
}

func (s *store) damaged(at int64) error {
	if !s.own {
		return &ChangedError{Path: s.name}
	}
	if s.lost != nil {
		s.lost()
	}
	return &ChangedError{s.name, fmt.Sprintf("the copy of it in the image cache is damaged at byte %d: this computer's disk or memory "+
		"loses data, so have it checked (smartctl, memtest); the copy was removed, and the next run makes a new one", at)}
}

// compare makes sure that n bytes from off on are as they were when they were written.
// What stayed in memory since it was compared is; what the kernel gave up and would have
// to read from the disk again is read and compared here.
func (s *store) compare(off, n int64) error {
	if s.sums == nil || n <= 0 {
		return nil
	}
	now := time.Now().UnixNano()
	for g := off / group; g*group < min(off+n, s.sums.size); g++ {
		if now-s.looked[g].Load() < lookAgain {
			continue
		}
		if err := s.compareGroup(g, now); err != nil {
			return err
		}
	}
	return nil
}

// compareGroup compares what of a group is not in memory. One tablet does it for all.
func (s *store) compareGroup(g, now int64) error {
	s.looking.Lock()
	defer s.looking.Unlock()
	if now-s.looked[g].Load() < lookAgain {
		return nil
	}
	from, to := g*group, min((g+1)*group, s.sums.size)
	for _, w := range absent(s.file, from, to-from) {
		if err := s.check(w, w+1); err != nil {
			return err
		}
	}
	s.looked[g].Store(now)
	return nil
}

// check compares windows [from, to), but those in which nothing was ever written.
func (s *store) check(from, to int64) error {
	buf := comparing.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	defer comparing.Put(buf)
	for w := from; w < to; w++ {
		if s.sums.empty(w) {
			continue
		}
		if err := s.window(w, (*buf)[:s.sums.length(w)]); err != nil {
			return err
		}
	}
	return nil
}

// checkAll compares all of a prepared file.
func (s *store) checkAll() error {
	if s.sums == nil {
		return nil
	}
	const step = group / window256
	var g errgroup.Group
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	count := s.sums.count()
	for w := int64(0); w < count; w += step {
		g.Go(func() error { return s.check(w, min(w+step, count)) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	now := time.Now().UnixNano()
	for i := range s.looked {
		s.looked[i].Store(now)
	}
	return nil
}

// unchanged compares everything once more if somebody touched a prepared file: wrote to
// it, or only gave it another name or mode.
func (s *store) unchanged() error {
	if !s.own || s.sums == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := identify(s.file)
	if err != nil || id == s.id {
		return err
	}
	if id.size < s.sums.size {
		return s.damaged(id.size)
	}
	if err := s.checkAll(); err != nil {
		return err
	}
	s.id = id
	return nil
}

// touch does to the file, f, what changes its times, but not its bytes.
func (s *store) touch(f *os.File, do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, err := identify(f)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := identify(f)
	if err == nil && before == s.id {
		s.id = after
	}
	return err
}

func (s *store) close() error { return s.file.Close() }

// sums are what the windows of a file are compared with, the last as long as it is.
type sums struct {
	size int64
	crc  []uint32            // CRC-32C; 0 where nothing was written, and a hole is
	sha  [][sha256.Size]byte // or SHA-256
}

func (s *sums) count() int64 { return (s.size + window256 - 1) / window256 }

func (s *sums) length(w int64) int64 { return min(window256, s.size-w*window256) }

// empty reports whether nothing was written to a window.
func (s *sums) empty(w int64) bool { return s.sha == nil && s.crc[w] == 0 }

func (s *sums) right(w int64, b []byte) bool {
	if s.sha != nil {
		return sha256.Sum256(b) == s.sha[w]
	}
	if s.crc[w] == 0 {
		return len(bytes.Trim(b, "\x00")) == 0
	}
	return crcOf(crc32.Checksum(b, castagnoli)) == s.crc[w]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crcOf keeps 0 for windows in which nothing was written.
func crcOf(crc uint32) uint32 { return max(crc, 1) }

// summer takes sums of a file as it is written from its beginning to its end; what is
// left out is zeros.
type summer struct {
	sums
	hash    hash.Hash // of the window under way
	at      int64
	written bool // something, to this window
}

// newSummer takes SHA-256 if strong, else CRC-32C.
func newSummer(strong bool) *summer {
	if strong {
		return &summer{hash: sha256.New(), sums: sums{sha: [][sha256.Size]byte{}}}
	}
	return &summer{hash: crc32.New(castagnoli)}
}

var (
	zeros   [window256]byte
	zeroSum = sync.OnceValue(func() [sha256.Size]byte { return sha256.Sum256(zeros[:]) })
)

func (s *summer) write(off int64, b []byte) {
	s.skip(off)
	for len(b) > 0 {
		in := s.at % window256
		n := min(int64(len(b)), window256-in)
		if !s.written {
			_, _ = s.hash.Write(zeros[:in])
			s.written = true
		}
		_, _ = s.hash.Write(b[:n])
		b = b[n:]
		s.step(n)
	}
}

// skip goes on to off over zeros.
func (s *summer) skip(off int64) {
	for s.at < off {
		n := min(off-s.at, window256-s.at%window256)
		if s.written {
			_, _ = s.hash.Write(zeros[:n])
		}
		s.step(n)
	}
}

func (s *summer) step(n int64) {
	if s.at += n; s.at%window256 == 0 {
		s.end(window256)
	}
}

// end ends a window of n bytes.
func (s *summer) end(n int64) {
	switch {
	case s.sha != nil && !s.written && n == window256:
		s.sha = append(s.sha, zeroSum())
	case s.sha != nil && !s.written:
		s.sha = append(s.sha, sha256.Sum256(zeros[:n]))
	case s.sha != nil:
		s.sha = append(s.sha, [sha256.Size]byte(s.hash.Sum(nil)))
	case s.written:
		s.crc = append(s.crc, crcOf(binary.BigEndian.Uint32(s.hash.Sum(nil))))
	default:
		s.crc = append(s.crc, 0)
	}
	s.hash.Reset()
	s.written = false
}

// finish returns the sums of a file of at least size bytes.
func (s *summer) finish(size int64) *sums {
	s.skip(size)
	if n := s.at % window256; n > 0 {
		s.end(n)
	}
	s.size = s.at
	return &s.sums
}
