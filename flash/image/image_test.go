// These tests cut random images and put them together again, with an applier of
// their own and with AOSP's simg2img.

package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const block = 4096

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.img")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string) *Image {
	t.Helper()
	im, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

func plan(t testing.TB, im *Image, max int64, form Form) *Pieces {
	t.Helper()
	p, err := im.Pieces(max, form)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// blocks makes an image of n blocks: junk, zeros, repeated values, and words that
// look alike but are not.
func blocks(r *rand.Rand, n int) []byte {
	b := make([]byte, 0, n*block)
	for len(b) < n*block {
		part := make([]byte, block*(1+r.IntN(4)))
		switch r.IntN(4) {
		case 0:
			for i := range part {
				part[i] = byte(r.Uint32())
			}
		case 1:
			v := r.Uint32()
			for i := 0; i < len(part); i += 4 {
				binary.LittleEndian.PutUint32(part[i:], v)
			}
		case 2:
			part[r.IntN(len(part))] = 1
		}
		b = append(b, part...)
	}
	return b[:n*block]
}

// apply writes a sparse image onto b as a device would, and returns how many
// bytes it wrote. It shares no code with the package.
func apply(t testing.TB, b, simg []byte) (written int64) {
	t.Helper()
	le := binary.LittleEndian
	if le.Uint32(simg) != 0xed26ff3a || le.Uint32(simg[4:]) != 1 || le.Uint32(simg[8:]) != 28|12<<16 {
		t.Fatalf("header % x", simg[:28])
	}
	bs, total, chunks := int(le.Uint32(simg[12:])), int(le.Uint32(simg[16:])), le.Uint32(simg[20:])
	if len(b) != bs*total {
		t.Fatalf("%d blocks of %d for %d bytes", total, bs, len(b))
	}
	rest, at := simg[28:], 0
	for range chunks {
		kind, n, size := le.Uint16(rest), int(le.Uint32(rest[4:]))*bs, le.Uint32(rest[8:])
		body := rest[12:size]
		rest = rest[size:]
		to := b[at : at+n]
		switch {
		case kind == 0xcac1 && len(body) == n:
			copy(to, body)
			written += int64(n)
		case kind == 0xcac2 && len(body) == 4:
			for i := range to {
				to[i] = body[i%4]
			}
			written += int64(n)
		case kind == 0xcac3 && len(body) == 0:
		default:
			t.Fatalf("chunk %x with %d bytes for %d", kind, len(body), n)
		}
		at += n
	}
	if len(rest) != 0 || at != len(b) {
		t.Fatalf("%d bytes left over, %d of %d covered", len(rest), at, len(b))
	}
	return written
}

func pieceBytes(t testing.TB, p Piece) []byte {
	t.Helper()
	var buf bytes.Buffer
	n, err := p.WriteTo(&buf)
	if err != nil || n != p.Size() || int64(buf.Len()) != n {
		t.Fatalf("WriteTo gave %d of %d, %v", n, p.Size(), err)
	}
	return buf.Bytes()
}

// holds checks all that is promised of a plan: every piece within max, together
// the image over junk, don't-care untouched.
func holds(t testing.TB, im *Image, max int64, want []byte, care func(off int64) bool) {
	t.Helper()
	p, err := im.Pieces(max, Sparse)
	if err != nil {
		if e := (*LimitError)(nil); errors.As(err, &e) && max < 28+3*12+im.index.Block+24 {
			return
		}
		t.Fatal(err)
	}
	got := bytes.Repeat([]byte{0x5a}, int(im.padded()))
	var wire, expanded, written int64
	for i := range p.Len() {
		piece := p.At(i)
		if piece.Size() > max {
			t.Fatalf("piece %d of %d bytes for a limit of %d", i, piece.Size(), max)
		}
		written += apply(t, got, pieceBytes(t, piece))
		wire += piece.Size()
		expanded += piece.Expanded()
	}
	if wire != p.WireBytes() || expanded != im.Written() || written != roundUp(expanded, im.index.Block) {
		t.Fatalf("wire %d, %d; expanded %d, %d, %d", wire, p.WireBytes(), expanded, im.Written(), written)
	}
	for i, b := range got {
		w := byte(0)
		if i < len(want) {
			w = want[i]
		}
		if !care(int64(i)) {
			w = 0x5a
		}
		if b != w {
			t.Fatalf("max %d: byte %d is %#x, not %#x", max, i, b, w)
		}
	}
}

func always(int64) bool { return true }

func TestRawImagesSurviveTheCut(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := blocks(r, 1+r.IntN(60))
		want = want[:len(want)-r.IntN(block)]
		im := open(t, write(t, want))
		if im.Format() != FormatRaw || im.Size() != int64(len(want)) || im.Digest() != fmt.Sprintf("sha256:%x", sha256.Sum256(want)) {
			t.Fatalf("seed %d: %s, %d, %s", seed, im.Format(), im.Size(), im.Digest())
		}
		covers(t, im)
		got := make([]byte, len(want))
		if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("seed %d: ReadAt: %v", seed, err)
		}
		for range 8 {
			holds(t, im, 4100+r.Int64N(int64(len(want))+9000), want, always)
		}
		if raw := plan(t, im, im.Size(), Raw); raw.Len() != 1 || !bytes.Equal(pieceBytes(t, raw.At(0)), want) {
			t.Fatalf("seed %d: raw", seed)
		}
	}
}

// covers checks the order of extents.
func covers(t testing.TB, im *Image) {
	t.Helper()
	at := int64(0)
	for _, e := range im.Extents() {
		if e.Offset != at || e.Length <= 0 {
			t.Fatalf("%+v at %d", e, at)
		}
		at = e.end()
	}
	if at != im.Size() {
		t.Fatalf("extents end at %d of %d", at, im.Size())
	}
}

func TestZerosAreFillNeverDontCare(t *testing.T) {
	b := make([]byte, 3*block+100)
	b[block] = 1
	im := open(t, write(t, b))
	want := []Extent{{Kind: Fill, Length: block}, {Kind: Data, Offset: block, Length: block, FileOffset: block},
		{Kind: Fill, Offset: 2 * block, Length: block + 100}}
	if !slices.Equal(im.Extents(), want) {
		t.Fatalf("%+v", im.Extents())
	}
	if s := im.Sums(); s[Fill] != (Sum{2, 2*block + 100}) || s[Data] != (Sum{1, block}) {
		t.Fatalf("%+v", s)
	}
}

func TestAgainstAOSP(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		want := blocks(r, 300)
		path := write(t, want)
		dir := t.TempDir()
		theirs := filepath.Join(dir, "theirs.simg")
		tool(t, "img2simg", path, theirs)
		for _, in := range []string{path, theirs} {
			im := open(t, in)
			got := make([]byte, len(want))
			if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("seed %d: %s: %v", seed, in, err)
			}
			for _, form := range []Form{Sparse, RawChunks} {
				p := plan(t, im, 100_000, form)
				var args []string
				for k := range p.Len() {
					one := filepath.Join(dir, fmt.Sprint(k))
					b := pieceBytes(t, p.At(k))
					if form == RawChunks {
						for at := 28; at < len(b); at += int(binary.LittleEndian.Uint32(b[at+8:])) {
							if kind := binary.LittleEndian.Uint16(b[at:]); kind != 0xcac1 && kind != 0xcac3 {
								t.Fatalf("seed %d: %s: a chunk %x at %d", seed, in, kind, at)
							}
						}
					}
					if err := os.WriteFile(one, b, 0o600); err != nil {
						t.Fatal(err)
					}
					tool(t, "simg2img", one, filepath.Join(dir, "one"))
					args = append(args, one)
				}
				tool(t, "simg2img", append(args, filepath.Join(dir, "all"))...)
				if all, err := os.ReadFile(filepath.Join(dir, "all")); err != nil || !bytes.Equal(all, want) {
					t.Fatalf("seed %d: %s: simg2img of %d pieces, %s, differs, %v", seed, in, p.Len(), form, err)
				}
			}
		}
	}
}

// simg2img, too, must find the CRC32 chunks of the test's own writer right.
func TestCRC(t *testing.T) {
	s := &simg{}
	s.chunk(0xcac2, 5000, []byte{1, 2, 3, 4})
	s.chunk(0xcac1, 2, blocks(rand.New(rand.NewPCG(1, 1)), 2))
	s.sum()
	s.chunk(0xcac3, 3, nil)
	s.chunk(0xcac1, 1, bytes.Repeat([]byte{7}, block))
	s.sum()
	good := s.bytes()
	path := write(t, good)
	open(t, path)
	tool(t, "simg2img", path, filepath.Join(t.TempDir(), "out"))
	good[len(good)-100] ^= 1
	_, err := Open(t.Context(), write(t, good), Options{})
	if e := (*sparse.FormatError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), "CRC32") || e.Offset != int64(len(good)-4) {
		t.Fatal(err)
	}
	// The other reading of don't-care: not counted at all.
	s = &simg{}
	s.chunk(0xcac1, 1, bytes.Repeat([]byte{7}, block))
	s.chunk(0xcac3, 3, nil)
	s.chunk(0xcac4, 0, binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(s.want[:block])))
	open(t, write(t, s.bytes()))
}

// A file larger than 4 GiB with holes is one pass of zeros and three blocks.
func TestHoleySixGiB(t *testing.T) {
	const size = 6<<30 + 100
	path := filepath.Join(t.TempDir(), "big.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	places := map[int64]byte{0: 1, 4<<30 + 3*block + 17: 2, size - 1: 3}
	for off, b := range places {
		if _, err := f.WriteAt([]byte{b}, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	im := open(t, path)
	covers(t, im)
	if s := im.Sums(); im.Size() != size || s[Data].Bytes > 64<<10 || s[Fill].Bytes+s[Data].Bytes != size {
		t.Fatalf("%d: %+v", im.Size(), s)
	}
	for off, b := range places {
		got := make([]byte, 1)
		if _, err := im.ReadAt(got, off); err != nil || got[0] != b {
			t.Fatalf("byte %d: %v, %v", off, got, err)
		}
	}
	p := plan(t, im, 16<<20, Sparse)
	if p.Len() != 1 || p.WireBytes() > 100<<10 || p.At(0).Expanded() != size {
		t.Fatalf("%d pieces, %d bytes", p.Len(), p.WireBytes())
	}
	one, out := write(t, pieceBytes(t, p.At(0))), filepath.Join(t.TempDir(), "out")
	tool(t, "simg2img", one, out)
	got, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Close() }()
	for off, b := range places {
		c := make([]byte, 1)
		if _, err := got.ReadAt(c, off); err != nil || c[0] != b {
			t.Fatalf("simg2img: byte %d: %v, %v", off, c, err)
		}
	}
	if x, err := sparse.Parse(openFile(t, one), p.WireBytes()); err != nil || x.Size() != 6<<30+block {
		t.Fatal(err)
	}
	if _, err := im.Pieces(1<<32-1, Raw); !errors.As(err, new(*LimitError)) {
		t.Fatal(err)
	}
}

func FuzzPieces(f *testing.F) {
	f.Add(uint64(1), int64(9000), uint16(10))
	f.Add(uint64(2), int64(4150), uint16(4095))
	f.Fuzz(func(t *testing.T, seed uint64, max int64, cut uint16) {
		r := rand.New(rand.NewPCG(seed, 4))
		if max = max % (1 << 18); max < 0 {
			max = -max
		}
		want := blocks(r, 1+r.IntN(30))
		want = want[:len(want)-int(cut)%block]
		holds(t, open(t, write(t, want)), max, want, always)
		s := randomSimg(r)
		holds(t, open(t, write(t, s.bytes())), max, s.want, func(off int64) bool { return !s.dont[off/block] })
	})
}
