// These tests feed the reader what lies, and compare it with AOSP's simg2img.

package sparse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var le = binary.LittleEndian

// sample is a block each of RAW, FILL, DONT_CARE, and a CRC32.
func sample() []byte {
	b := AppendHeader(nil, Header{BlockSize: 4096, Blocks: 3, Chunks: 4})
	data := bytes.Repeat([]byte("01234567"), 512)
	b = append(AppendChunk(b, Raw, 1, 4096), data...)
	b = append(AppendChunk(b, Fill, 1, 4), 1, 2, 3, 4)
	b = AppendChunk(b, DontCare, 1, 0)
	sum := crc32.ChecksumIEEE(append(append(data, bytes.Repeat([]byte{1, 2, 3, 4}, 1024)...), make([]byte, 4096)...))
	return le.AppendUint32(AppendChunk(b, CRC32, 0, 4), sum)
}

func parse(b []byte) (*Index, error) { return Parse(bytes.NewReader(b), int64(len(b))) }

func TestParse(t *testing.T) {
	b := sample()
	x, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []Chunk{
		{Type: Raw, Length: 4096, FileOffset: 40},
		{Type: Fill, Value: 0x04030201, Offset: 4096, Length: 4096, FileOffset: 40 + 4096 + 12},
		{Type: DontCare, Offset: 8192, Length: 4096, FileOffset: 40 + 4096 + 28},
	}
	for i, c := range want {
		if x.Chunks[i] != c {
			t.Errorf("chunk %d: %+v, not %+v", i, x.Chunks[i], c)
		}
	}
	for step := 1; step < len(b); step = step*3 + 1 { // fed in any portions
		c := x.Checker()
		for off := 0; off < len(b); off += step {
			if err := c.Feed(int64(off), b[off:min(len(b), off+step)]); err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
		}
		if len(c.chunks) != 0 {
			t.Fatalf("step %d: %d chunks unseen", step, len(c.chunks))
		}
	}
}

// Longer headers are honoured, as the format asks.
func TestLongerHeaders(t *testing.T) {
	b := AppendHeader(nil, Header{BlockSize: 1024, Blocks: 2, Chunks: 2})
	le.PutUint16(b[8:], 32)
	le.PutUint16(b[10:], 16)
	b = append(b, 0, 0, 0, 0)
	for _, c := range []Type{Fill, DontCare} {
		n := map[Type]int64{Fill: 8, DontCare: 4}[c]
		b = append(AppendChunk(b, c, 1, n), make([]byte, n)...)
	}
	x, err := parse(b)
	if err != nil || x.Chunks[0].FileOffset != 48 || x.Size() != 2048 {
		t.Fatalf("%+v, %v", x, err)
	}
}

func TestLies(t *testing.T) {
	for _, c := range []struct {
		name   string
		lie    func([]byte) []byte
		offset int64
		says   string
	}{
		{"magic", put32(0, 0xed26ff3b), 0, "magic"},
		{"major version", put16(4, 2), 4, "version 2.0"},
		{"short header", put16(8, 27), 8, "27"},
		{"short chunk header", put16(10, 11), 10, "11"},
		{"no block size", put32(12, 0), 12, "block size"},
		{"odd block size", put32(12, 4097), 12, "block size"},
		{"huge block size", put32(12, 1<<31), 12, "block size"},
		{"no blocks", put32(16, 0), 16, "nothing"},
		{"too few blocks", put32(16, 2), 4152 + 4, "block 3 of 2"},
		{"too many blocks", put32(16, math.MaxUint32), 4180, "header says 4294967295"},
		{"too many chunks", put32(20, math.MaxUint32), 20, "cut off"},
		{"one chunk too many", put32(20, 5), 4180, "ends inside a chunk header"},
		{"one chunk too few", put32(20, 3), 4164, "16 bytes follow"},
		{"unknown chunk", put16(28, 0xcac5), 28, "unknown"},
		{"overflowing RAW", put32(32, math.MaxUint32), 36, "says it is"},
		{"short RAW", put32(36, 11), 36, "says it is 11"},
		{"overflowing FILL", put32(4140, math.MaxUint32), 4140, "block 4294967296 of 3"},
		{"DONT_CARE with a body", put32(4160, 13), 4160, "13"},
		{"CRC32 with blocks", put32(4168, 1), 4168, "claims 1 blocks"},
		{"cut in a body", func(b []byte) []byte { return b[:2000] }, 2000, "2136 bytes early"},
		{"cut in the header", func(b []byte) []byte { return b[:27] }, 27, "file header"},
		{"more", func(b []byte) []byte { return append(b, 0) }, 4180, "1 bytes follow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.lie(sample()))
			var e *FormatError
			if !errors.As(err, &e) || e.Offset != c.offset || !strings.Contains(e.What, c.says) {
				t.Fatal(err)
			}
		})
	}
}

func put32(at int, v uint32) func([]byte) []byte {
	return func(b []byte) []byte { le.PutUint32(b[at:], v); return b }
}

func put16(at int, v uint16) func([]byte) []byte {
	return func(b []byte) []byte { le.PutUint16(b[at:], v); return b }
}

func TestExtend(t *testing.T) {
	for n := range int64(70) {
		head, unit := []byte("head"), []byte{1, 2, 3, 4}
		want := crc32.ChecksumIEEE(append(head, bytes.Repeat(unit, int(n))...))
		if got := extend(crc32.ChecksumIEEE(head), unit, n); got != want {
			t.Fatalf("%d times: %08x, not %08x", n, got, want)
		}
	}
	extend(0, make([]byte, 4), 1<<50) // and at once
}

// What simg2img refuses, we refuse; what we take, it expands to the same bytes.
func TestAgainstSimg2img(t *testing.T) {
	if _, err := exec.LookPath("simg2img"); err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	for at := 0; at < 40; at++ {
		b := sample()
		b[at] ^= 1
		if err := os.WriteFile(in, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(out)
		theirs := exec.CommandContext(t.Context(), "simg2img", in, out).Run()
		x, ours := parse(b)
		if ours != nil {
			continue // we may be stricter
		}
		if c := x.Checker(); c != nil {
			ours = c.Feed(0, b)
		}
		if theirs != nil && ours == nil {
			t.Errorf("byte %d: simg2img refuses, we do not", at)
		}
		if info, err := os.Stat(out); theirs == nil && ours == nil && (err != nil || info.Size() != x.Size()) {
			t.Errorf("byte %d: %d bytes expected, %v", at, x.Size(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:100])
	f.Add(AppendChunk(AppendHeader(nil, Header{BlockSize: 4096, Blocks: math.MaxUint32, Chunks: 1}), DontCare, math.MaxUint32, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parse(b)
		if err != nil {
			if !errors.As(err, new(*FormatError)) {
				t.Fatalf("untyped: %v", err)
			}
			return
		}
		at := int64(0)
		for _, c := range x.Chunks {
			if c.Offset != at || c.Length < 0 || c.FileOffset > int64(len(b)) || c.Type == Raw && c.FileOffset+c.Length > int64(len(b)) {
				t.Fatalf("%+v at %d", c, at)
			}
			at += c.Length
		}
		if at != x.Size() {
			t.Fatalf("%d of %d", at, x.Size())
		}
		if c := x.Checker(); c != nil {
			_ = c.Feed(0, b)
		}
	})
}
