// Package flashtest makes images for the tests of jobs: [Image] opens one with a content that a
// test gives, [Noise] is a content that cannot be made smaller.
package flashtest

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash/image"
)

// Image opens an image with the content, until the test ends. path is its file.
func Image(t testing.TB, content []byte) (im *image.Image, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "test.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t, path), path
}

// Open opens an image file, until the test ends.
func Open(t testing.TB, path string) *image.Image {
	t.Helper()
	im, err := image.Open(t.Context(), path, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

// Noise is n random bytes, the same for the same seed.
func Noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	rnd := rand.New(rand.NewPCG(seed, seed))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}
