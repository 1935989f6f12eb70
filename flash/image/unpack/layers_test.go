// Layers that are read by place or by another program: Android updates, xz. And the ways in
// which unpacking ends before its end.

package unpack

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image/imagetest"
)

// partition is an image of an update in one operation.
func partition(name string, b []byte) imagetest.Partition {
	sum := sha256.Sum256(b)
	return imagetest.Partition{Name: name, Size: uint64(len(b)), Hash: sum[:],
		Ops: []imagetest.Op{{Count: uint64(len(b) / 4096), Data: b}}}
}

// Images of Android updates are taken by the names of their partitions, in a zip too.
func TestPayloads(t *testing.T) {
	boot, system := noise(4096), noise(8*4096)
	both := string(imagetest.Payload(0, partition("boot", boot), partition("system", system)))
	spoiled := []byte(both)
	spoiled[len(spoiled)-1] ^= 1
	dir := folder(t, map[string]string{
		"both.bin":    both,
		"one.bin":     string(imagetest.Payload(0, partition("boot", boot))),
		"stored.zip":  imagetest.Zip(t, "stored:payload.bin", both, "META-INF/x", "x"),
		"packed.zip":  imagetest.Zip(t, "payload.bin", both, "META-INF/x", "x"),
		"change.bin":  string(imagetest.Payload(7, partition("boot", boot))),
		"spoiled.bin": string(spoiled),
		"cut.bin":     both[:40],
	})
	for path, want := range map[string]string{
		"one.bin": string(boot), "both.bin|boot": string(boot), "both.bin|system": string(system),
		"stored.zip|payload.bin/system": string(system), "packed.zip|payload.bin/system": string(system),
	} {
		pieces, digest, err := images(t, filepath.Join(dir, path), File{})
		if err != nil || len(pieces) != 1 || pieces[0] != want {
			t.Errorf("%s: %d pieces, %v", path, len(pieces), err)
		}
		if _, member, _ := strings.Cut(path, "|"); member == "" {
			continue
		}
		if sum := sha256.Sum256([]byte(want)); string(digest) != string(sum[:]) {
			t.Errorf("%s: the digest is not the member's", path)
		}
	}
	for path, says := range map[string]string{
		"both.bin": "has 2 members: name one, such as both.bin/boot", "both.bin|vendor": `has no member "vendor"; it has boot, system`,
		"both.bin|system/x": "has no member", "stored.zip|payload.bin": "has 2 members",
		"change.bin":         "or unpack it with the tools that apply such updates",
		"spoiled.bin|system": "payload.bin: system: ", "cut.bin": "payload.bin",
	} {
		_, _, err := images(t, filepath.Join(dir, path), File{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v\nwant %q in it", path, err, says)
		}
	}
}

// Long files are unpacked by the system's xz; without one, by our own reader. Both see what
// is damaged, and say it in words.
func TestXZ(t *testing.T) {
	text := string(noise(3 << 20))
	dir := folder(t, map[string]string{"text": text})
	run(t, dir, "sh", "-c", "xz -0 -c text >good; xz -0 -c --lzma2=dict=512MiB text >wide; head -c 2000000 good >cut")
	packed, err := os.ReadFile(filepath.Join(dir, "good"))
	if err != nil {
		t.Fatal(err)
	}
	packed[len(packed)/2] ^= 0xff
	if err := os.WriteFile(filepath.Join(dir, "spoiled"), packed, 0o600); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	for _, env := range []string{path, ""} {
		t.Setenv("PATH", env)
		if pieces, _, err := images(t, filepath.Join(dir, "good"), File{}); err != nil || len(pieces) != 1 || pieces[0] != text {
			t.Errorf("PATH %q: %d pieces, %v", env, len(pieces), err)
		}
		for _, name := range []string{"cut", "spoiled"} {
			_, _, err := images(t, filepath.Join(dir, name), File{})
			if err == nil || !strings.HasPrefix(err.Error(), "xz: ") || strings.Contains(err.Error(), "(stdin)") ||
				strings.Contains(err.Error(), "exit status") {
				t.Errorf("PATH %q, %s: %v", env, name, err)
			}
		}
		if _, _, err := images(t, filepath.Join(dir, "wide"), File{}); err == nil || !strings.Contains(err.Error(), "bytes of memory to unpack") {
			t.Errorf("PATH %q: a window of 512 MiB: %v", env, err)
		}
	}
}

// Whoever takes an image may stop; nothing runs on, and nothing is left (goleak).
func TestStops(t *testing.T) {
	enough := errors.New("enough")
	dir := folder(t, map[string]string{
		"text":    string(noise(3 << 20)),
		"one.bin": string(imagetest.Payload(0, partition("boot", noise(1<<20)))),
	})
	run(t, dir, "sh", "-c", "xz -0 -c text >packed; gzip -c text >packed.gz")
	for _, name := range []string{"text", "packed", "packed.gz", "one.bin"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		whole := File{File: f, Size: info.Size(), Name: name, Limit: 1 << 26, Temp: t.TempDir()}
		_, err = whole.Images(t.Context(), func(r io.Reader) error {
			if _, err := io.ReadFull(r, make([]byte, 100)); err != nil {
				return err
			}
			return enough
		})
		if !errors.Is(err, enough) {
			t.Errorf("%s: %v", name, err)
		}
		// An ended context is told by its cause, however deep the reading is.
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		_, err = whole.Images(ctx, func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
		if !errors.Is(err, enough) {
			t.Errorf("%s, stopped before: %v", name, err)
		}
		// A digest that nobody wants is not taken.
		whole.NoSum = true
		sum, err := whole.Images(t.Context(), func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err })
		if err != nil || sum != nil {
			t.Errorf("%s without a digest: %x %v", name, sum, err)
		}
	}
}

// What is no file cannot be an image, and many names are not all listed.
func TestMembersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "sh", "-c", "ln -s target link; mkfifo pipe; tar cf links.tar link pipe; zip -qy links.zip link; "+
		"for i in 1 2 3 4 5 6 7 8 9; do head -c 5000 /dev/zero >image$i; done; tar cf many.tar image?; mkdir d; tar cf folders.tar d image1")
	for path, says := range map[string]string{
		"links.tar|link": "link is a link or a device",
		"links.tar|pipe": "pipe is a link or a device",
		"links.zip|link": "link is a link or a device",
		"many.tar":       "name one, such as many.tar/image1; it has ",
		"many.tar|no":    "image8 and 1 more",
		"folders.tar|d":  `has no member "d"`,
	} {
		_, _, err := images(t, filepath.Join(dir, path), File{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v\nwant %q in it", path, err, says)
		}
	}
}
