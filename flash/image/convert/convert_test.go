package convert

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash/image"
)

// content is two blocks of data with a hole of zeros between them.
func content() []byte {
	b := make([]byte, 64<<10)
	copy(b, bytes.Repeat([]byte("census"), 1000))
	copy(b[48<<10:], bytes.Repeat([]byte("kiosk"), 1000))
	return b
}

func open(t *testing.T, file string) *image.Image {
	t.Helper()
	im, err := image.Open(t.Context(), file, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	raw, sparse, again := filepath.Join(dir, "a.img"), filepath.Join(dir, "a.simg"), filepath.Join(dir, "b.img")
	if err := os.WriteFile(raw, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	im := open(t, raw)
	if to := Format(im, 1, ""); to != image.FormatSparse {
		t.Errorf("a raw image becomes %s", to)
	}
	if err := Write(t.Context(), im, sparse, image.FormatSparse); err != nil {
		t.Fatal(err)
	}
	im = open(t, sparse)
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

func TestNothingIsLeftOfAFileThatWasNotMade(t *testing.T) {
	dir := t.TempDir()
	raw := filepath.Join(dir, "a.img")
	if err := os.WriteFile(raw, content(), 0o600); err != nil {
		t.Fatal(err)
	}
	im := open(t, raw)
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
