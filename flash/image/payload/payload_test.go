package payload

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image/imagetest"
)

type (
	op   = imagetest.Op
	part = imagetest.Partition
)

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{3}).Read(b)
	return b
}

func packBy(t testing.TB, program string, b []byte) []byte {
	t.Helper()
	c := exec.Command(program, "-c")
	c.Stdin = bytes.NewReader(b)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// full is a partition of all kinds of operations, and what it comes to.
func full(t testing.TB) (part, []byte) {
	b := noise(10 * 4096)
	clear(b[6*4096 : 9*4096])
	sum := sha256.Sum256(b)
	return part{Name: "system", Size: uint64(len(b)), Hash: sum[:], Ops: []op{
		{Kind: replaceXZ, Start: 2, Count: 3, Data: packBy(t, "xz", b[2*4096:5*4096])}, // out of order
		{Kind: replace, Start: 0, Count: 2, Data: b[:2*4096]},
		{Kind: replaceBZ, Start: 5, Count: 1, Data: packBy(t, "bzip2", b[5*4096:6*4096])},
		{Kind: zero, Start: 6, Count: 2},
		{Kind: discard, Start: 8, Count: 1},
		{Kind: replace, Start: 9, Count: 1, Data: b[9*4096:]},
	}}, b
}

func TestExtract(t *testing.T) {
	system, want := full(t)
	boot := noise(4096)
	sum := sha256.Sum256(boot)
	file := imagetest.Payload(0, part{Name: "boot", Size: 4096, Hash: sum[:], Ops: []op{{Kind: replace, Count: 1, Data: boot}}}, system)
	p, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Partitions) != 2 || p.Partitions[0].Name != "boot" || p.Partitions[1].Size != int64(len(want)) {
		t.Fatalf("%+v", p.Partitions)
	}
	for name, want := range map[string][]byte{"system": want, "boot": boot} {
		var out bytes.Buffer
		if err := p.Extract(t.Context(), name, &out); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s: %d bytes, %v", name, out.Len(), err)
		}
	}
	if err := p.Extract(t.Context(), "vendor", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "no partition vendor") {
		t.Error(err)
	}
}

func TestRefuses(t *testing.T) {
	with := func(change func(p *part)) []byte {
		p, _ := full(t)
		change(&p)
		return imagetest.Payload(0, p)
	}
	good, _ := full(t)
	file := imagetest.Payload(0, good)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":         {[]byte("CrAU"), "ends inside its header"},
		"another version": {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x01"), make([]byte, 100)...), "version 1"},
		"a lie":           {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x02\xff"), make([]byte, 100)...), "damaged or cut off"},
		"noise": {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00"),
			noise(4000)...), "manifest"},
		"cut off":           {file[:len(file)-100], "cut off"},
		"incremental":       {imagetest.Payload(7, good), "incremental"},
		"a copied block":    {with(func(p *part) { p.Ops[3].Kind = 4 }), "incremental"},
		"a patch":           {with(func(p *part) { p.Ops[1].Kind = 10 }), "incremental"},
		"a type to come":    {with(func(p *part) { p.Ops[1].Kind = 99 }), "type 99 is not known"},
		"two places":        {with(func(p *part) { p.Ops[5].More = true }), "2 places"},
		"a gap":             {with(func(p *part) { p.Ops = p.Ops[1:] }), "no data, or twice"},
		"twice":             {with(func(p *part) { p.Ops[5].Start = 8 }), "no data, or twice"},
		"too short":         {with(func(p *part) { p.Ops = p.Ops[:5] }), "its operations make"},
		"other data":        {with(func(p *part) { p.Ops[1].Hash = noise(32) }), "another SHA-256"},
		"another image":     {with(func(p *part) { p.Hash = noise(32) }), "the manifest says"},
		"no sum":            {with(func(p *part) { p.Hash = nil }), "no SHA-256"},
		"no xz":             {with(func(p *part) { p.Ops[0].Data = noise(99) }), "operation 1"},
		"more than it says": {with(func(p *part) { p.Ops[1].Data = noise(3 * 4096) }), "bytes, not 8192"},
		"out of it":         {with(func(p *part) { p.Name = "../system" }), "cannot be a partition"},
		"partition twice":   {imagetest.Payload(0, good, good), "there twice"},
		"no partition":      {imagetest.Payload(0), "0 partitions"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Open(bytes.NewReader(c.file), int64(len(c.file)))
			if err == nil {
				err = p.Extract(t.Context(), p.Partitions[0].Name, &bytes.Buffer{})
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %q in it", err, c.says)
			}
		})
	}
}

// A reader that fails stops everything.
func TestExtractStops(t *testing.T) {
	system, _ := full(t)
	file := imagetest.Payload(0, system)
	p, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Extract(t.Context(), "system", broken{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func FuzzPayload(f *testing.F) {
	system, _ := full(f)
	f.Add(imagetest.Payload(0, system))
	f.Add(imagetest.Payload(1, system))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, part := range p.Partitions {
			if part.Size > 1<<24 {
				continue // as the caller may limit it
			}
			var out bytes.Buffer
			if err := p.Extract(t.Context(), part.Name, &out); err == nil && int64(out.Len()) != part.Size {
				t.Fatalf("%s: %d bytes of %d", part.Name, out.Len(), part.Size)
			}
		}
	})
}
