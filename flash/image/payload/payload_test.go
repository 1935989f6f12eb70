package payload

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// op is an operation as a test writes it.
type op struct {
	kind         uint64
	start, count uint64
	data         []byte
	hash         []byte // nil: of data
	more         bool   // a second extent
}

type part struct {
	name string
	size uint64
	hash []byte
	ops  []op
}

func field(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func bytesField(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// build writes a payload, by the fields of update_metadata.proto.
func build(minor uint64, parts ...part) []byte {
	manifest, data := field(nil, 3, 4096), []byte(nil)
	manifest = field(manifest, 12, minor)
	manifest = field(manifest, 14, 1700000000) // max_timestamp: not of interest
	for _, p := range parts {
		b := bytesField(nil, 1, []byte(p.name))
		b = bytesField(b, 7, bytesField(field(nil, 1, p.size), 2, p.hash))
		for _, o := range p.ops {
			m := field(nil, 1, o.kind)
			if o.data != nil {
				m = field(field(m, 2, uint64(len(data))), 3, uint64(len(o.data)))
				data = append(data, o.data...)
				if o.hash == nil {
					sum := sha256.Sum256(o.data)
					o.hash = sum[:]
				}
				m = bytesField(m, 8, o.hash)
			}
			m = bytesField(m, 6, field(field(nil, 1, o.start), 2, o.count))
			if o.more {
				m = bytesField(m, 6, field(field(nil, 1, o.start+o.count+7), 2, 1))
			}
			b = bytesField(b, 8, m)
		}
		manifest = bytesField(manifest, 13, b)
	}
	const signature = "a signature that is not ours to check"
	head := binary.BigEndian.AppendUint64([]byte(Magic), 2)
	head = binary.BigEndian.AppendUint64(head, uint64(len(manifest)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(signature)))
	return append(append(append(head, manifest...), signature...), data...)
}

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
	return part{"system", uint64(len(b)), sum[:], []op{
		{kind: replaceXZ, start: 2, count: 3, data: packBy(t, "xz", b[2*4096:5*4096])}, // out of order
		{kind: replace, start: 0, count: 2, data: b[:2*4096]},
		{kind: replaceBZ, start: 5, count: 1, data: packBy(t, "bzip2", b[5*4096:6*4096])},
		{kind: zero, start: 6, count: 2},
		{kind: discard, start: 8, count: 1},
		{kind: replace, start: 9, count: 1, data: b[9*4096:]},
	}}, b
}

func TestExtract(t *testing.T) {
	system, want := full(t)
	boot := noise(4096)
	sum := sha256.Sum256(boot)
	file := build(0, part{"boot", 4096, sum[:], []op{{kind: replace, count: 1, data: boot}}}, system)
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
		return build(0, p)
	}
	good, _ := full(t)
	file := build(0, good)
	for name, c := range map[string]struct {
		file []byte
		says string
	}{
		"nothing":           {[]byte("CrAU"), "ends inside its header"},
		"another version":   {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x01"), make([]byte, 100)...), "version 1"},
		"a lie":             {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x02\xff"), make([]byte, 100)...), "damaged or cut off"},
		"noise":             {append([]byte("CrAU\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\x00"), noise(4000)...), "manifest"},
		"cut off":           {file[:len(file)-100], "cut off"},
		"incremental":       {build(7, good), "incremental"},
		"a copied block":    {with(func(p *part) { p.ops[3].kind = 4 }), "incremental"},
		"a patch":           {with(func(p *part) { p.ops[1].kind = 10 }), "incremental"},
		"a type to come":    {with(func(p *part) { p.ops[1].kind = 99 }), "type 99 is not known"},
		"two places":        {with(func(p *part) { p.ops[5].more = true }), "2 places"},
		"a gap":             {with(func(p *part) { p.ops = p.ops[1:] }), "no data, or twice"},
		"twice":             {with(func(p *part) { p.ops[5].start = 8 }), "no data, or twice"},
		"too short":         {with(func(p *part) { p.ops = p.ops[:5] }), "its operations make"},
		"other data":        {with(func(p *part) { p.ops[1].hash = noise(32) }), "another SHA-256"},
		"another image":     {with(func(p *part) { p.hash = noise(32) }), "the manifest says"},
		"no sum":            {with(func(p *part) { p.hash = nil }), "no SHA-256"},
		"no xz":             {with(func(p *part) { p.ops[0].data = noise(99) }), "operation 1"},
		"more than it says": {with(func(p *part) { p.ops[1].data = noise(3 * 4096) }), "bytes for 8192"},
		"out of it":         {with(func(p *part) { p.name = "../system" }), "cannot be a partition"},
		"partition twice":   {build(0, good, good), "there twice"},
		"no partition":      {build(0), "0 partitions"},
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
	file := build(0, system)
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
	f.Add(build(0, system))
	f.Add(build(1, system))
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
