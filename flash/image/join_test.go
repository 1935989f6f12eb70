package image

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An image that comes in pieces is the same as in one: sparse pieces, as AOSP's simg2simg
// and vendors' sparsechunks are, raw ones, packed ones, and records of one UPDATE.APP.
func TestPiecesOfImages(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	b := blocks(rand.New(rand.NewPCG(4, 4)), 1200)
	for name, part := range map[string][]byte{"whole.img": b, "raw.1": b[:400*block], "raw.2": b[400*block : 401*block],
		"raw.3": b[401*block:]} {
		if err := os.WriteFile(at(name), part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "img2simg", at("whole.img"), at("whole.simg"))
	tool(t, "simg2simg", at("whole.simg"), at("chunk"), "700000")
	chunks, err := filepath.Glob(at("chunk.*"))
	if err != nil || len(chunks) < 3 {
		t.Fatal(chunks, err)
	}
	raws := []string{at("raw.1"), at("raw.2"), at("raw.3")}
	tool(t, "zstd", "-q", raws[0], raws[1], raws[2])
	app := []string{"updateapp/testdata/make.py", at("U.APP"), "KERNEL=" + at("raw.2")}
	for _, c := range chunks {
		app = append(app, "SUPER="+c)
	}
	tool(t, "python3", app...)
	cache := cacheIn(t, at("cache"))
	for name, c := range map[string]struct {
		paths []string
		one   string
	}{
		"sparse":         {chunks, "whole.simg"},
		"in any order":   {append([]string{chunks[2], chunks[0], chunks[1]}, chunks[3:]...), "whole.simg"},
		"raw":            {raws, "whole.img"},
		"packed":         {[]string{at("raw.1.zst"), raws[1], at("raw.3.zst")}, "whole.img"},
		"records":        {[]string{at("U.APP/SUPER")}, "whole.simg"},
		"another record": {[]string{at("U.APP/KERNEL")}, "raw.2"},
	} {
		t.Run(name, func(t *testing.T) {
			want := openWith(t, at(c.one), Options{Root: true, Raw: true})
			for range 2 { // made, and found
				im, err := OpenPieces(t.Context(), c.paths, Options{Cache: cache, Root: true})
				if err != nil {
					t.Fatal(err)
				}
				if im.Digest() != want.Digest() || im.Size() != want.Size() {
					t.Errorf("%s of %d bytes, want %s of %d", im.Digest(), im.Size(), want.Digest(), want.Size())
				}
				cache.Close()
				_ = im.Close()
			}
		})
	}
	im, err := OpenPieces(t.Context(), raws, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if err := os.WriteFile(raws[1], b[:block], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := im.Unchanged(); !errors.As(err, new(*ChangedError)) {
		t.Error("a later piece was changed:", err)
	}

	half := at("half")
	if err := os.WriteFile(half, b[:block/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		paths []string
		says  string
	}{
		"a piece twice":   {[]string{chunks[0], chunks[1], chunks[0]}, "two pieces write to byte"},
		"two forms":       {[]string{chunks[0], raws[1]}, "piece 2 is raw"},
		"half a block":    {[]string{half, raws[1]}, "ends within a block"},
		"one is not here": {[]string{raws[0], at("raw.9")}, "no such file"},
	} {
		if _, err := OpenPieces(t.Context(), c.paths, Options{Cache: cache}); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenPieces(t.Context(), raws, Options{}); err == nil || !strings.Contains(err.Error(), "in pieces") {
		t.Error("without a cache:", err)
	}
}

// What is no image is not taken for a raw one, in whatever it comes; unless the user says
// that it is meant.
func TestRawIsRawOnlyIfNothingSaysOtherwise(t *testing.T) {
	for name, b := range map[string][]byte{"a page": []byte("<!doctype html><title>403 Forbidden</title>"),
		"bzip2": append([]byte("BZh91AY&SY"), noise(5000)...), "large": append([]byte("7z\xbc\xaf\x27\x1c"), noise(5<<20)...)} {
		path := write(t, b)
		cache := cacheIn(t, filepath.Join(t.TempDir(), "cache"))
		for _, o := range []Options{{}, {Cache: cache}, {AsIs: true}, {Root: true}} {
			if _, err := Open(t.Context(), path, o); !errors.As(err, new(*FileError)) || strings.Contains(err.Error(), "download it again") ||
				!strings.Contains(err.Error(), "--raw") {
				t.Errorf("%s, %+v: %v", name, o, err)
			}
		}
		for range 2 {
			im := openWith(t, path, Options{Raw: true, Cache: cache})
			if got := pieceBytes(t, plan(t, im, 1<<30, Raw).At(0)); !bytes.Equal(got, b) {
				t.Error(name, "raw: other bytes")
			}
			cache.Close()
		}
		if _, err := Open(t.Context(), path, Options{Cache: cache}); err == nil {
			t.Error(name, "is taken because it was taken raw before")
		}
	}
}
