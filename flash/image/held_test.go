package image

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sender is a writer to which files are sent by themselves.
type sender struct {
	bytes.Buffer
	before func() // each stretch that is sent
	files  int
}

func (s *sender) SendFile(f *os.File, off, n int64) (bool, error) {
	s.files++
	if s.before != nil {
		s.before()
	}
	_, err := io.Copy(&s.Buffer, io.NewSectionReader(f, off, n))
	return true, err
}

// prepared is an image that a former run left in a cache, and the file that it is in.
func prepared(t *testing.T, b []byte) (c *Cache, path, entry string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	path = write(t, b)
	c = cacheIn(t, dir)
	_ = openWith(t, path, Options{Cache: c})
	c.Close()
	files, err := filepath.Glob(filepath.Join(dir, "data", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	return c, path, files[0]
}

// rot changes one byte of a file, and lets it seem to be as old as it was.
func rot(t *testing.T, path string, at int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	_, rerr := f.ReadAt(b, at)
	b[0] ^= 0x10
	_, werr := f.WriteAt(b, at)
	if err := errors.Join(rerr, werr, os.Chtimes(path, info.ModTime(), info.ModTime()), os.Chmod(path, 0o400)); err != nil {
		t.Fatal(err)
	}
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// An entry that rotted between two runs is not sent: it is made anew.
func TestRottenEntryIsMadeAnew(t *testing.T) {
	b := noise(9<<20 + 4096)
	clear(b[5<<20 : 6<<20])
	for name, at := range map[string]int64{"first": 0, "middle": 3<<20 + 17, "after a hole": 6 << 20, "last": int64(len(b)) - 1} {
		t.Run(name, func(t *testing.T) {
			c, path, entry := prepared(t, b)
			rot(t, entry, at)
			im := openWith(t, path, Options{Cache: c})
			for _, w := range []*sender{{}, {}} {
				if _, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(w); err != nil || !bytes.Equal(w.Bytes(), b) || w.files == 0 {
					t.Fatalf("%d bytes, %d files, %v", w.Len(), w.files, err)
				}
			}
			c.Close()
			if again := openWith(t, path, Options{Cache: c}); again.Digest() != sum(b) {
				t.Error(again.Digest())
			}
		})
	}
}

// Sixteen tablets to which the kernel copies all data need no buffers for it.
func TestWhatTheKernelCopiesTakesNoBuffer(t *testing.T) {
	c, path, _ := prepared(t, noise(9<<20))
	im := openWith(t, path, Options{Cache: c})
	taken, made := 0, gathered.New
	gathered = sync.Pool{New: func() any { taken++; return made() }}
	t.Cleanup(func() { gathered = sync.Pool{New: made} })
	for _, form := range []Form{Raw, Sparse} {
		w := &sender{}
		if _, err := plan(t, im, 1<<30, form).At(0).WriteTo(w); err != nil || w.files == 0 || taken != 0 {
			t.Errorf("form %s: %v, %d stretches, %d buffers", form, err, w.files, taken)
		}
	}
	if _, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(io.Discard); err != nil || taken != 1 {
		t.Errorf("what is written takes %d buffers, %v", taken, err)
	}
}

// An entry that rots while it is sent fails its piece, in whichever way it goes.
func TestRotWhileSending(t *testing.T) {
	b := noise(9 << 20)
	for name, w := range map[string]func(do func()) io.Writer{
		"sent by the kernel": func(do func()) io.Writer { return &sender{before: do} },
		"written": func(do func()) io.Writer {
			return writer(func(p []byte) (int, error) { do(); return len(p), nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, path, entry := prepared(t, b)
			im := openWith(t, path, Options{Cache: c})
			calls := 0
			_, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(w(func() {
				if calls++; calls == 2 {
					rot(t, entry, 8<<20)
				}
			}))
			if changed := (*ChangedError)(nil); !errors.As(err, &changed) || changed.Problem == "" {
				t.Fatal(err)
			}
			if n, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(io.Discard); n != 0 || err == nil {
				t.Fatalf("the next piece: %d, %v", n, err)
			}
			if _, err := os.Stat(entry); err == nil {
				t.Error("the entry is still there")
			}
		})
	}
}

// Another name, mode or time is no damage.
func TestTouchedEntryIsStillGood(t *testing.T) {
	c, path, entry := prepared(t, noise(9<<20))
	im := openWith(t, path, Options{Cache: c})
	for _, touch := range []func() error{
		func() error { return os.Chtimes(entry, time.Now(), time.Now()) },
		func() error { return os.Remove(entry) }, // by another process, whose cache was full
	} {
		if err := touch(); err != nil {
			t.Fatal(err)
		}
		if _, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(&sender{}); err != nil {
			t.Error(err)
		}
	}
}

// What the kernel gave up and reads again from the disk is compared again: here the sum
// is changed, because a test cannot change a disk behind the kernel's back.
func TestComparedWhenItComesBackFromTheDisk(t *testing.T) {
	c, path, _ := prepared(t, noise(9<<20))
	for _, window := range []int{0, 7, 35} {
		im := openWith(t, path, Options{Cache: c})
		im.store.sums.crc[window] ^= 1
		send := func() error {
			for i := range im.store.looked {
				im.store.looked[i].Store(0) // time goes by
			}
			_, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(&sender{})
			return err
		}
		err := send()
		for changed := new(ChangedError); errors.As(err, &changed); err = send() { // the kernel may give up what it likes
			for len(absent(im.store.file, 0, im.store.sums.size)) > 0 {
				if _, err := os.ReadFile(im.store.file.Name()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err != nil {
			t.Fatal("in memory since it was compared:", err)
		}
		if err := unix.Fadvise(int(im.store.file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
		if len(absent(im.store.file, 0, im.store.sums.size)) == 0 {
			var fs unix.Statfs_t
			if err := unix.Fstatfs(int(im.store.file.Fd()), &fs); err == nil && fs.Type == unix.TMPFS_MAGIC {
				t.Skip("the file system of the temporary folder keeps everything in memory")
			}
			t.Fatal("the kernel dropped the file, and nothing of it is absent")
		}
		if err := send(); !errors.As(err, new(*ChangedError)) {
			t.Error("from the disk:", err)
		}
		im.store.sums.crc[window] ^= 1
		if len(absent(im.store.file, int64(window)*window256/group*group, group)) == 16 {
			t.Error("nothing was read")
		}
	}
}

// A source that is not copied is compared at every read, on file systems too whose times
// do not tell that it was changed.
func TestSourceWithoutCopy(t *testing.T) {
	b := noise(5<<20 + 1234)
	for _, rooted := range []bool{false, true} {
		path := write(t, b)
		im := openWith(t, path, Options{Root: rooted})
		if im.store.own {
			t.Fatal("there is a copy")
		}
		if got := pieceBytes(t, plan(t, im, 1<<30, Raw).At(0)); !bytes.Equal(got, b) {
			t.Fatal("other bytes")
		}
		rot(t, path, 4<<20+5)
		var err error
		if im.id, err = identify(im.source); err != nil { // the times did not tell
			t.Fatal(err)
		}
		if _, err := plan(t, im, 1<<30, Raw).At(0).WriteTo(io.Discard); !errors.As(err, new(*ChangedError)) {
			t.Error(err)
		}
		if _, err := im.ReadAt(make([]byte, 10), 4<<20); !errors.As(err, new(*ChangedError)) {
			t.Error(err)
		}
		if _, err := im.ReadAt(make([]byte, 10), 3<<20); err != nil {
			t.Error("another window:", err)
		}
	}
}

// A small image is in memory that nothing can change.
func TestSmallImagesAreSealed(t *testing.T) {
	b := noise(70001)
	path := write(t, b)
	im := openWith(t, path, Options{})
	if _, err := im.store.file.WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Error("written:", err)
	}
	if err := im.store.file.Truncate(1); !errors.Is(err, unix.EPERM) {
		t.Error("cut:", err)
	}
	rot(t, path, 5)
	var err error
	if im.id, err = identify(im.source); err != nil {
		t.Fatal(err)
	}
	if got := pieceBytes(t, plan(t, im, 1<<30, Raw).At(0)); !bytes.Equal(got, b) {
		t.Error("other bytes than those of which the digest is")
	}
}

// Sums are those of the whole file, however it was written, and whatever was left out.
func FuzzSummer(f *testing.F) {
	f.Add(uint64(1), 3, false)
	f.Add(uint64(9), 40, true)
	f.Fuzz(func(t *testing.T, seed uint64, n int, strong bool) {
		r := rand.New(rand.NewPCG(seed, 1))
		file, at := make([]byte, 6*window256), int64(0)
		s := newSummer(strong)
		for range n % 50 {
			at += r.Int64N(window256) * r.Int64N(2)
			b := noise(r.IntN(window256 / 2))
			if at+int64(len(b)) > int64(len(file)) {
				break
			}
			copy(file[at:], b)
			s.write(at, b)
			at += int64(len(b))
		}
		size := min(at+r.Int64N(window256), int64(len(file)))
		sums := s.finish(size)
		if sums.size != size {
			t.Fatal(sums.size, size)
		}
		for w := range sums.count() {
			b := file[w*window256:][:sums.length(w)]
			if !sums.right(w, b) {
				t.Fatalf("window %d", w)
			}
			if strong && sums.sha[w] != sha256.Sum256(b) || !strong && !sums.empty(w) &&
				sums.crc[w] != crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) {
				t.Fatalf("window %d: another sum", w)
			}
			b[r.IntN(len(b))] ^= 1
			if sums.right(w, b) {
				t.Fatalf("window %d: does not see one bit", w)
			}
		}
	})
}
