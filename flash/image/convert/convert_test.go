package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
)

// content is two blocks of data with a hole of zeros between them.
func content() []byte {
	b := make([]byte, 64<<10)
	copy(b, bytes.Repeat([]byte("census"), 1000))
	copy(b[48<<10:], bytes.Repeat([]byte("kiosk"), 1000))
	return b
}

func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	raw, sparse, again := filepath.Join(dir, "a.img"), filepath.Join(dir, "a.simg"), filepath.Join(dir, "b.img")
	if err := os.WriteFile(raw, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	im := flashtest.Open(t, raw)
	if to := Format(im, 1, ""); to != image.FormatSparse {
		t.Errorf("a raw image becomes %s", to)
	}
	if err := Write(t.Context(), im, sparse, image.FormatSparse); err != nil {
		t.Fatal(err)
	}
	im = flashtest.Open(t, sparse)
	if to := Format(im, 1, ""); im.Format() != image.FormatSparse || to != image.FormatRaw {
		t.Errorf("a sparse image is %s and becomes %s", im.Format(), to)
	}
	if to := Format(im, 2, ""); to != image.FormatSparse {
		t.Errorf("sparse pieces become %s", to)
	}
	if err := Write(t.Context(), im, again, image.FormatRaw); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(again); err != nil || !bytes.Equal(got, content()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Make says what a hole becomes, writes nothing over a file, and makes nothing of nothing.
func TestMake(t *testing.T) {
	dir := t.TempDir()
	raw, sparse, again := filepath.Join(dir, "a.img"), filepath.Join(dir, "a.simg"), filepath.Join(dir, "b.img")
	if err := os.WriteFile(raw, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	told := 0
	warn := func(string, ...any) { told++ }
	for _, c := range []struct {
		from, out, wanted string
		form              image.Format
	}{{raw, sparse, "", image.FormatSparse}, {sparse, again, "raw", image.FormatRaw}} {
		if err := Make(t.Context(), []string{c.from}, c.out, c.wanted, image.Options{}, warn); err != nil {
			t.Fatal(err)
		}
		if im := flashtest.Open(t, c.out); im.Format() != c.form {
			t.Errorf("%s is %s", c.out, im.Format())
		}
	}
	if told > 0 {
		t.Error("a raw image leaves nothing as it is")
	}
	holes := filepath.Join(dir, "holes.simg")
	if err := os.WriteFile(holes, sparsetest(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Make(t.Context(), []string{holes}, filepath.Join(dir, "c.img"), "", image.Options{}, warn); err != nil || told != 1 {
		t.Errorf("%v, told %d times what is left as it is", err, told)
	}
	for kind, c := range map[problem.Kind][3]string{
		problem.Usage:   {raw, sparse, ""}, // is there already
		problem.Invalid: {raw + ".not", filepath.Join(dir, "d.img"), ""},
		problem.Station: {raw, filepath.Join(dir, "not", "d.img"), ""},
	} {
		err := Make(t.Context(), []string{c[0]}, c[1], c[2], image.Options{}, warn)
		if got, _ := problem.KindOf(err); err == nil || got != kind {
			t.Errorf("%s of %s: %v is not of the kind %s", c[1], c[0], err, kind)
		}
	}
	err := Make(t.Context(), []string{raw}, filepath.Join(dir, "d.img"), "qcow2", image.Options{}, warn)
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
		t.Errorf("a form that is none: %v", err)
	}
}

// sparsetest is a sparse image of two blocks, of which the second stays as it is on the tablet.
func sparsetest(t *testing.T) []byte {
	t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, 0xed26ff3a)
	for _, half := range []uint16{1, 0, 28, 12} {
		b = binary.LittleEndian.AppendUint16(b, half)
	}
	for _, word := range []uint32{4096, 2, 2, 0} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	chunk := func(kind uint16, blocks uint32, data []byte) {
		b = binary.LittleEndian.AppendUint16(b, kind)
		b = binary.LittleEndian.AppendUint16(b, 0)
		b = binary.LittleEndian.AppendUint32(b, blocks)
		b = binary.LittleEndian.AppendUint32(b, uint32(12+len(data)))
		b = append(b, data...)
	}
	chunk(0xcac1, 1, bytes.Repeat([]byte("zary"), 1024))
	chunk(0xcac3, 1, nil)
	return b
}

func TestNothingIsLeftOfAFileThatWasNotMade(t *testing.T) {
	dir := t.TempDir()
	raw := filepath.Join(dir, "a.img")
	if err := os.WriteFile(raw, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	im := flashtest.Open(t, raw)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, to := range []image.Format{image.FormatSparse, image.FormatRaw} {
		if err := Write(ctx, im, filepath.Join(dir, "out"), to); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*out*")); left != nil {
		t.Errorf("left: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); left != nil {
		t.Errorf("left: %v", left)
	}
}
