// Sparse images as any host could send them, and as AOSP's own tools expand them.

package bootloader

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// chunk is one chunk of a sparse image of 4 KiB blocks.
func chunk(kind uint16, blocks uint32, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, kind)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint32(b, blocks)
	b = binary.LittleEndian.AppendUint32(b, uint32(12+len(body)))
	return append(b, body...)
}

func sparseImage(blocks uint32, chunks ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, sparseMagic)
	for _, v := range []uint16{1, 0, 28, 12} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{4096, blocks, uint32(len(chunks)), 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, c := range chunks {
		b = append(b, c...)
	}
	return b
}

var sparseSeeds = [][]byte{
	sparseImage(0),
	sparseImage(4, chunk(0xcac1, 1, bytes.Repeat([]byte("zary"), 1024)...), chunk(0xcac2, 2, 1, 2, 3, 4), chunk(0xcac3, 1)),
	sparseImage(1, chunk(0xcac2, 1, 0, 0, 0, 0), chunk(0xcac4, 0, 0xef, 0xbe, 0xad, 0xde)),
	sparseImage(2, chunk(0xcac1, 2, make([]byte, 4096)...)),           // a chunk that lies about its size
	sparseImage(1<<31, chunk(0xcac3, 1<<31)),                          // larger than any partition
	sparseImage(1, chunk(0xcac2, 1, 1, 2, 3, 4), chunk(0xcac2, 1)),    // without its fill word
	sparseImage(1, chunk(0xcac3, 1), []byte("and more than it said")), // longer than it says
}

// FuzzUnsparse holds that a download never writes beyond its partition.
func FuzzUnsparse(f *testing.F) {
	for _, s := range sparseSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		const room = 8 * 4096
		src, dst := storage.NewMemory(), &fence{Store: storage.NewMemory(), limit: room}
		if _, err := src.WriteAt(image, 0); err != nil {
			t.Fatal(err)
		}
		written, err := unsparse(dst, room, src, int64(len(image)), true)
		if dst.broken {
			t.Fatal("it wrote beyond the partition")
		}
		if err == nil && written > room {
			t.Fatalf("%d bytes into %d", written, room)
		}
	})
}

// fence notes what is written beyond a limit.
type fence struct {
	storage.Store
	limit  int64
	broken bool
}

func (f *fence) WriteAt(b []byte, off int64) (int, error) {
	f.broken = f.broken || off < 0 || off+int64(len(b)) > f.limit
	return f.Store.WriteAt(b, off)
}

func (f *fence) Zero(off, n int64) error {
	f.broken = f.broken || off < 0 || off+n > f.limit
	return f.Store.Zero(off, n)
}

// TestUnsparseAsAOSP compares with simg2img: an image that one takes, the other
// takes, with the same result.
func TestUnsparseAsAOSP(t *testing.T) {
	tool, err := exec.LookPath("simg2img")
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	for i, image := range sparseSeeds[1:3] {
		if i == 1 {
			// The seed's checksum is wrong on purpose; simg2img checks none.
			image = bytes.Clone(image)
			clear(image[len(image)-4:])
		}
		dir := t.TempDir()
		in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
		if err := os.WriteFile(in, image, 0o600); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.CommandContext(t.Context(), tool, in, out).CombinedOutput(); err != nil {
			t.Fatalf("simg2img: %v\n%s", err, said)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		src, dst := storage.NewMemory(), storage.NewMemory()
		if _, err := src.WriteAt(image, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := unsparse(dst, 1<<20, src, int64(len(image)), true); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := dst.ReadAt(got, 0); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d expands differently", i+1)
		}
	}
}
