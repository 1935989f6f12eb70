package bundle

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/image"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workshop is a folder with images, and a cache.
type workshop struct {
	dir     string
	cache   *image.Cache
	sources []Source
	about   Manifest
}

func newWorkshop(t testing.TB) *workshop {
	t.Helper()
	w := &workshop{dir: t.TempDir(), about: Manifest{Name: "aurora", Version: "5.1.0.100", Models: []string{"AGS3-L09"},
		Products: []string{"AGS3"}, Access: "ssh", MinBattery: 30}}
	var err error
	if w.cache, err = image.OpenCache(filepath.Join(w.dir, "cache"), 1<<40); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cache.Close)
	r := mrand.New(mrand.NewPCG(1, 2))
	system := make([]byte, 9<<20+4096)
	for i := range 2 << 20 {
		system[i+1<<20] = byte(r.Uint32())
		system[i+6<<20] = 0x55
	}
	boot := append([]byte("ANDROID!"), system[1<<20:1<<20+70000]...)
	vbmeta := make([]byte, 4096)
	copy(vbmeta, "AVB0")
	for name, b := range map[string][]byte{"system.img": system, "boot.img": boot, "vbmeta.img": vbmeta} {
		if err := os.WriteFile(filepath.Join(w.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.run(t, "img2simg", "system.img", "system.simg")
	w.run(t, "zstd", "-q", "system.img")
	w.sources = []Source{
		{Partition: "system", Path: filepath.Join(w.dir, "system.img.zst")},
		{Partition: "boot", Slot: "all", Path: filepath.Join(w.dir, "boot.img")},
		{Partition: "vbmeta", Mode: "fastbootd", Path: filepath.Join(w.dir, "vbmeta.img")},
	}
	return w
}

func (w *workshop) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = w.dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (w *workshop) build(t testing.TB, name string, o Options) *Bundle {
	t.Helper()
	path := filepath.Join(w.dir, name)
	o.Cache = w.cache
	if err := Build(t.Context(), path, w.about, w.sources, o); err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What comes out of a bundle is what went in, whatever it went in as.
func TestBuild(t *testing.T) {
	w := newWorkshop(t)
	for _, folder := range []bool{false, true} {
		t.Run(fmt.Sprint("folder ", folder), func(t *testing.T) {
			b := w.build(t, fmt.Sprintf("b%v", folder), Options{Folder: folder})
			if err := b.Verify(t.Context(), w.cache); err != nil {
				t.Fatal(err)
			}
			for i, file := range []string{"system.img", "boot.img", "vbmeta.img"} {
				im, err := b.Image(t.Context(), i, w.cache)
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(filepath.Join(w.dir, file))
				if err != nil {
					t.Fatal(err)
				}
				got := make([]byte, im.Size())
				if _, err := im.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes of %d, %v", file, len(got), len(want), err)
				}
				_ = im.Close()
			}
			if m := b.Manifest; m.Images[1].Slot != "all" || m.Images[2].Mode != "fastbootd" || m.Images[0].Mode != "fastboot" ||
				m.MinBattery != 30 {
				t.Errorf("%+v", m)
			}
		})
	}
	// The same images in another form are the same bundle, byte for byte in the manifest.
	w.sources[0].Path = filepath.Join(w.dir, "system.simg")
	again := w.build(t, "again", Options{})
	first, err := Open(filepath.Join(w.dir, "bfalse"))
	if err != nil || !bytes.Equal(first.Text(), again.Text()) {
		t.Errorf("another manifest from a sparse image, %v", err)
	}
	if err := Build(t.Context(), again.Path, w.about, w.sources, Options{Cache: w.cache}); err == nil ||
		!strings.Contains(err.Error(), "is there already") {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Build(ctx, filepath.Join(w.dir, "never"), w.about, w.sources, Options{}); err == nil {
		t.Error("built after the end")
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "*.part")); len(left) > 0 {
		t.Error(left)
	}
}

// The digests are those that somebody else would compute from the manual.
func TestRootByAnother(t *testing.T) {
	w := newWorkshop(t)
	b := w.build(t, "b", Options{})
	out := w.run(t, "python3", "-c", `
import zipfile, json, hashlib, struct
z = zipfile.ZipFile('b')
assert all(i.compress_type == 0 for i in z.infolist())
text = z.read('manifest.json')
m = json.loads(text)
assert json.dumps(m, sort_keys=True, separators=(',', ':')).encode() == text
raw = open('system.img', 'rb').read()
im = m['images'][0]
assert im['blocks'] == ['sha256:' + hashlib.sha256(raw[i:i+(4<<20)]).hexdigest() for i in range(0, len(raw), 4<<20)]
h = hashlib.sha256(b'zarya image root 1\n')
n = lambda *v: h.update(struct.pack('>%dQ' % len(v), *v))
n(im['size'], len(im['map']))
at = 0
for r in im['map']:
    f = r.split(':')
    length, value = int(f[1]), int(f[2], 16) if len(f) > 2 else 0
    n({'data': 0, 'fill': 1, 'keep': 2}[f[0]], length, value)
    if f[0] == 'fill': assert raw[at:at+length] == struct.pack('<I', value) * (length // 4)
    at += length
n(4 << 20, len(im['blocks']))
for d in im['blocks']: h.update(bytes.fromhex(d[7:]))
assert at == im['size'] == len(raw)
print('sha256:' + h.hexdigest())
`)
	if strings.TrimSpace(out) != b.Manifest.Images[0].Root {
		t.Errorf("%s, not %s", out, b.Manifest.Images[0].Root)
	}
}

func TestDisableVerity(t *testing.T) {
	w := newWorkshop(t)
	b := w.build(t, "b", Options{DisableVerity: true})
	im, err := b.Image(t.Context(), 2, w.cache)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	head := make([]byte, 124)
	if _, err := im.ReadAt(head, 0); err != nil || binary.BigEndian.Uint32(head[120:]) != 3 {
		t.Errorf("flags %x, %v", head[120:], err)
	}
	if original, err := os.ReadFile(filepath.Join(w.dir, "vbmeta.img")); err != nil || original[123] != 0 {
		t.Error("the source was changed")
	}
	// Where there is nothing to change, the bundle would not be what was asked for.
	good, err := os.ReadFile(filepath.Join(w.dir, "vbmeta.img"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		partition string
		image     []byte
		says      string
	}{
		"zeros":    {"vbmeta", make([]byte, 4096), "not a vbmeta image"},
		"cut":      {"vbmeta", []byte("AVB0"), "not a vbmeta image"},
		"a footer": {"vbmeta_system", append(bytes.Repeat([]byte("x"), 9000), "AVBf\x00\x00\x00\x01"...), "not a vbmeta image"},
		"none":     {"boot", bytes.Repeat([]byte("b"), 9000), "no vbmeta image"},
		"an image that is chained, in another partition": {"boot", good, "no vbmeta image"},
	} {
		path := filepath.Join(w.dir, "bad.img")
		if err := os.WriteFile(path, bad.image, 0o600); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(w.dir, "never")
		err := Build(t.Context(), out, w.about, []Source{{Partition: bad.partition, Path: path}}, Options{Cache: w.cache, DisableVerity: true})
		if err == nil || !strings.Contains(err.Error(), bad.says) || !strings.Contains(err.Error(), "vbmeta") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(out); err == nil {
			t.Errorf("%s: a bundle was made", name)
			_ = os.Remove(out)
		}
	}
}

// rewrite copies a bundle with other contents.
func rewrite(t *testing.T, from, to string, change func(name string, b []byte) (string, []byte)) {
	t.Helper()
	z, err := zip.OpenReader(from)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	out := zip.NewWriter(f)
	for _, e := range z.File {
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name, b := change(e.Name, b)
		if name == "" {
			continue
		}
		w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestBundleRefuses(t *testing.T) {
	w := newWorkshop(t)
	good := w.build(t, "good", Options{})
	manifest := func(old, new string) func(string, []byte) (string, []byte) {
		return func(name string, b []byte) (string, []byte) {
			if name == ManifestName {
				if !bytes.Contains(b, []byte(old)) {
					t.Errorf("no %q in the manifest", old)
				}
				b = bytes.Replace(b, []byte(old), []byte(new), 1)
			}
			return name, b
		}
	}
	for name, c := range map[string]struct {
		change func(string, []byte) (string, []byte)
		says   string
	}{
		"unknown field":   {manifest(`{"access"`, `{"acces":1,"access"`), "unknown field"},
		"another order":   {manifest(`"models":["AGS3-L09"],"name":"aurora"`, `"name":"aurora","models":["AGS3-L09"]`), "canonical"},
		"a newer format":  {manifest(`"zarya_bundle":1`, `"zarya_bundle":2`), "a newer zarya made it"},
		"a model pattern": {manifest(`AGS3-L09`, `AGS3-*`), "full names"},
		"another size":    {manifest(`"size":9441280`, `"size":9441284`), "map"},
		"another map": {manifest(`"map":["fill:1048576:00000000","data:2097152"`, `"map":["fill:1048576:00000000","keep:2097152"`),
			"the root of its blocks"},
		"another slot":   {manifest(`"slot":"all"`, `"slot":"c"`), `slot "c"`},
		"another mode":   {manifest(`"mode":"fastbootd"`, `"mode":"edl"`), `mode "edl"`},
		"a file outside": {manifest(`"file":"images/boot.img"`, `"file":"../boot.img"`), "cannot be a file in a bundle"},
		"a file not there": {func(n string, b []byte) (string, []byte) { return strings.Replace(n, "images/boot.img", "", 1), b },
			`names "images/boot.img", which is not there`},
		"one file more": {func(n string, b []byte) (string, []byte) {
			return strings.Replace(n, "images/boot.img", "images/boo.img", 1), b
		}, "of which the manifest says nothing"},
		"no manifest": {func(n string, b []byte) (string, []byte) { return strings.Replace(n, ManifestName, "", 1), b }, "is not a bundle"},
		"a bit of block 0": {func(n string, b []byte) (string, []byte) {
			if n == "images/system.img" {
				b[1000] ^= 1
			}
			return n, b
		}, "block 0"},
		"a bit of boot": {func(n string, b []byte) (string, []byte) {
			if n == "images/boot.img" {
				b[len(b)-1] ^= 1
			}
			return n, b
		}, "images/boot.img: block 0 (from byte 0 of the image on)"},
		"a shorter boot": {func(n string, b []byte) (string, []byte) {
			if n == "images/boot.img" {
				b = b[:len(b)-4]
			}
			return n, b
		}, "has 70004 bytes, the manifest says 70008"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bad")
			rewrite(t, good.Path, path, c.change)
			b, err := Open(path)
			if err == nil {
				err = b.Verify(t.Context(), w.cache)
			}
			if !errors.As(err, new(*Error)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %q in it", err, c.says)
			}
		})
	}
	for path, says := range map[string]string{filepath.Join(w.dir, "boot.img"): "neither a zip nor a folder", w.dir: "is not a bundle",
		"nowhere": "no such bundle"} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"5.1", "5.2", true}, {"5.10", "5.9", false}, {"5.1", "5.1.0", false}, {"5.1", "5.1.0.1", true},
		{"4.9.9", "5", true}, {"5", "5", false},
	} {
		if got := Older(c.a, c.b); got != c.want {
			t.Errorf("%s older than %s: %v", c.a, c.b, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	w := newWorkshop(f)
	f.Add(w.build(f, "b", Options{}).Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		again, err := m.Encode()
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%v: %s", err, again)
		}
		if n := m.Written(); n < 0 {
			t.Fatal(n)
		}
	})
}
