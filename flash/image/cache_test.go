package image

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// cacheIn is a cache with room.
func cacheIn(t testing.TB, dir string) *Cache {
	t.Helper()
	c, err := OpenCache(dir, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func openWith(t testing.TB, path string, o Options) *Image {
	t.Helper()
	im, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = im.Close() })
	return im
}

func sum(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// sameImage compares what two images are made of and what they send.
func sameImage(t *testing.T, got, want *Image) {
	t.Helper()
	if got.Format() != want.Format() || got.Size() != want.Size() || fmt.Sprint(got.Sums()) != fmt.Sprint(want.Sums()) {
		t.Fatalf("%s of %d bytes, %v; want %s of %d, %v", got.Format(), got.Size(), got.Sums(), want.Format(), want.Size(), want.Sums())
	}
	for _, limit := range []int64{1 << 30, 3 << 20} {
		g, w := plan(t, got, limit, Sparse), plan(t, want, limit, Sparse)
		if g.Len() != w.Len() {
			t.Fatalf("%d pieces, want %d", g.Len(), w.Len())
		}
		for i := range w.Len() {
			if !bytes.Equal(pieceBytes(t, g.At(i)), pieceBytes(t, w.At(i))) {
				t.Fatalf("piece %d of %d differs", i, w.Len())
			}
		}
	}
}

// The second opening finds what the first prepared: the same image from a private file,
// without a look at the source's bytes.
func TestCache(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	raw := append(blocks(r, 2000), 1, 2, 3)
	simg := randomSimg(r)
	for len(simg.want) < 2*cacheable {
		simg.chunk(0xcac1, 100, blocks(r, 100))
	}
	for name, b := range map[string][]byte{"raw": raw, "sparse": simg.bytes()} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			path := write(t, b)
			want := openWith(t, path, Options{})
			one := cacheIn(t, dir)
			sameImage(t, openWith(t, path, Options{Cache: one}), want)
			one.Close()

			again := openWith(t, path, Options{Cache: cacheIn(t, dir)})
			if !again.store.own || again.Digest() != sum(b) || again.store.file == again.source {
				t.Fatalf("prepared %v, %s", again.store.own, again.Digest())
			}
			sameImage(t, again, want)
			if info, err := again.store.file.Stat(); err != nil || info.Mode().Perm() != 0o400 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			// The source still counts: it must stay what it was.
			if err := os.Truncate(path, int64(len(b))/2); err != nil {
				t.Fatal(err)
			}
			if _, err := plan(t, again, 1<<30, Sparse).At(0).WriteTo(io.Discard); !errors.As(err, new(*ChangedError)) {
				t.Errorf("the source was cut: %v", err)
			}
			changed, err := Open(t.Context(), path, Options{Cache: one})
			if err == nil {
				if changed.Digest() == again.Digest() {
					t.Error("a changed file was taken for what it was")
				}
				_ = changed.Close()
			} else if name == "raw" {
				t.Fatal(err)
			}
		})
	}
}

// Whatever happens to an entry, it is as it was or not there.
func TestDamagedEntries(t *testing.T) {
	path := write(t, blocks(rand.New(rand.NewPCG(3, 4)), 1500))
	dir := filepath.Join(t.TempDir(), "cache")
	prepare := func() string {
		c := cacheIn(t, dir)
		_ = openWith(t, path, Options{Cache: c})
		c.Close()
		files, err := filepath.Glob(filepath.Join(dir, "data", "*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		return files[0]
	}
	for name, damage := range map[string]func(entry string) error{
		"cut":         func(e string) error { return os.Truncate(e, 1<<20) },
		"longer":      func(e string) error { return os.Truncate(e, 64<<20) },
		"empty":       func(e string) error { return os.Truncate(e, 0) },
		"other index": func(e string) error { return flip(e, -60) },
		"other sum":   func(e string) error { return flip(e, -20) },
		"no note":     func(string) error { return os.RemoveAll(filepath.Join(dir, "files")) },
		"other note": func(string) error {
			notes, err := filepath.Glob(filepath.Join(dir, "files", "*"))
			return errors.Join(err, os.WriteFile(notes[0], []byte("../../etc/passwd\nx"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			entry := prepare()
			if err := errors.Join(os.Chmod(entry, 0o600), damage(entry)); err != nil {
				t.Fatal(err)
			}
			c := cacheIn(t, dir)
			sameImage(t, openWith(t, path, Options{Cache: c}), openWith(t, path, Options{}))
			c.Close()
		})
	}
}

func flip(path string, fromEnd int64) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[int64(len(b))+fromEnd] ^= 1
	return os.WriteFile(path, b, 0o600)
}

func TestCacheLimit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	c := cacheIn(t, dir)
	for i := range 3 {
		_ = openWith(t, write(t, blocks(rand.New(rand.NewPCG(uint64(i), 9)), 1500)), Options{Cache: c})
		c.Close()
	}
	all, err := c.List()
	if err != nil || len(all) != 3 {
		t.Fatal(all, err)
	}
	gone, err := c.Trim(all[0].Disk + all[1].Disk)
	if err != nil || len(gone) != 1 || gone[0].Digest != all[2].Digest {
		t.Fatalf("%v went, %v; the one used longest ago is %s", gone, err, all[2].Digest)
	}
	small, err := OpenCache(dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	im := openWith(t, write(t, blocks(rand.New(rand.NewPCG(7, 7)), 1500)), Options{Cache: small})
	if im.store.own {
		t.Error("an image larger than the cache was kept in it")
	}
	if gone, err := c.Trim(0); err != nil || len(gone) != 2 {
		t.Fatal(gone, err)
	}
	if notes, _ := filepath.Glob(filepath.Join(dir, "files", "*")); len(notes) != 0 {
		t.Errorf("notes of entries that are gone: %v", notes)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(dir, 1<<40); !errors.As(err, new(*CacheError)) {
		t.Errorf("a folder in which everybody writes: %v", err)
	}
}

// Two at once prepare the same; remains of the killed go, and what is being written stays.
func TestCacheTogether(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	path := write(t, blocks(rand.New(rand.NewPCG(3, 4)), 3000))
	want := openWith(t, path, Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			c, err := OpenCache(dir, 1<<40)
			if err != nil {
				t.Error(err)
				return
			}
			im, err := Open(t.Context(), path, Options{Cache: c})
			if err != nil {
				t.Error(err)
				return
			}
			if im.Digest() != want.Digest() {
				t.Error(im.Digest())
			}
			_ = im.Close()
			c.Close()
		})
	}
	wg.Wait()
	c := cacheIn(t, dir)
	writing, err := c.begin(1)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := os.WriteFile(filepath.Join(dir, "part-killed"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = cacheIn(t, dir)
	left, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil || len(left) != 1 || left[0] != writing.Name() {
		t.Errorf("left: %v, being written: %s", left, writing.Name())
	}
}

func FuzzIndex(f *testing.F) {
	x := index{Digest: "sha256:00", Format: FormatSparse, Size: 3 * block, Block: block, Extents: []Extent{
		{Kind: Data, Length: block, FileOffset: 40}, {Kind: Fill, Offset: block, Length: block, Fill: 7}, {Kind: DontCare, Offset: 2 * block, Length: block},
	}}
	s := newSummer(false)
	s.write(40, []byte("bytes"))
	b := x.encode(s.finish(300 << 10))
	f.Add(b[:len(b)-footBytes], int64(1<<20))
	f.Fuzz(func(t *testing.T, b []byte, end int64) {
		x, s, err := decodeIndex(b, end)
		if err != nil {
			return
		}
		at := int64(0)
		for _, e := range x.Extents {
			if e.Offset != at || e.Length <= 0 || e.Kind == Data && (e.FileOffset < 0 || e.FileOffset+e.Length > end || e.FileOffset+e.Length < 0) {
				t.Fatalf("%+v", e)
			}
			at = e.end()
		}
		if at != x.Size {
			t.Fatalf("ends at %d of %d", at, x.Size)
		}
		if s.size > end || int64(len(s.crc)) != s.count() {
			t.Fatalf("sums of %d bytes, %d", s.size, len(s.crc))
		}
		b = x.encode(s)
		again, sums, err := decodeIndex(b[:len(b)-footBytes], end)
		if err != nil || fmt.Sprint(again, *sums) != fmt.Sprint(x, *s) {
			t.Fatalf("%v %v, was %v", again, err, x)
		}
	})
}

// packers are the programs and the libraries of others with which users pack.
var packers = map[string][]string{
	".zst":     {"zstd", "-q", "-o", "OUT", "IN"},
	".long":    {"zstd", "-q", "--long=27", "-o", "OUT", "IN"},
	".xz":      {"sh", "-c", "xz -1 -c IN >OUT"},
	".blocks":  {"sh", "-c", "xz -1 -c --block-size=1MiB IN >OUT"},
	".gz":      {"sh", "-c", "gzip -1 -c IN >OUT"},
	".lz4":     {"lz4", "-q", "IN", "OUT"},
	".zip":     {"python3", "-c", "import zipfile,sys; z=zipfile.ZipFile('OUT','w',zipfile.ZIP_DEFLATED); z.write('IN','system.img')"},
	".stored":  {"python3", "-c", "import zipfile,sys; z=zipfile.ZipFile('OUT','w'); z.write('IN','system.img')"},
	".tar":     {"tar", "-cf", "OUT", "-C", "DIR", "image"},
	".tar.gz":  {"tar", "-czf", "OUT", "-C", "DIR", "image"},
	".tar.xz":  {"sh", "-c", "tar -cf - -C DIR image | xz -1 >OUT"},
	".img.zip": {"sh", "-c", "gzip -1 -c IN >IN.gz && python3 -c \"import zipfile; z=zipfile.ZipFile('OUT','w'); z.write('IN.gz','system.img.gz')\""},
}

// pack packs a file; the result's name says nothing.
func pack(t testing.TB, kind, in string) string {
	t.Helper()
	dir := t.TempDir()
	b, err := os.ReadFile(in)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "image"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "packed")
	var args []string
	for _, a := range packers[kind] {
		args = append(args, strings.NewReplacer("OUT", out, "IN", filepath.Join(dir, "image"), "DIR", dir).Replace(a))
	}
	if said, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, said)
	}
	return out
}

func TestUnpack(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	simg := randomSimg(r)
	simg.sum() // a CRC32 chunk
	for name, b := range map[string][]byte{"raw": append(blocks(r, 700), 9), "sparse": simg.bytes()} {
		in := write(t, b)
		want := openWith(t, in, Options{})
		for kind := range packers {
			t.Run(name+kind, func(t *testing.T) {
				packed := pack(t, kind, in)
				whole, err := os.ReadFile(packed)
				if err != nil {
					t.Fatal(err)
				}
				dir := t.TempDir()
				for range 2 { // unpacked, and found
					c := cacheIn(t, filepath.Join(dir, "cache"))
					im := openWith(t, packed, Options{Cache: c})
					sameImage(t, im, want)
					if im.Digest() != sum(whole) || im.Packing() == "" || !im.store.own {
						t.Errorf("%s in %q, %s is the file's", im.Digest(), im.Packing(), sum(whole))
					}
					c.Close()
				}
				if _, err := Open(t.Context(), packed, Options{}); err == nil || !strings.Contains(err.Error(), "nowhere to unpack it") {
					t.Errorf("without a cache: %v", err)
				}
			})
		}
	}
}

// A member of an archive is named after it, and its digest is its own.
func TestMembers(t *testing.T) {
	dir := t.TempDir()
	boot, system := blocks(rand.New(rand.NewPCG(1, 1)), 3), blocks(rand.New(rand.NewPCG(1, 2)), 30)
	for name, b := range map[string][]byte{"boot.img": boot, "images/system.img": system} {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "images"), 0o700), os.WriteFile(filepath.Join(dir, name), b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	tool(t, "tar", "-cf", filepath.Join(dir, "x.tar"), "-C", dir, "boot.img", "images/system.img")
	tool(t, "tar", "-czf", filepath.Join(dir, "x.tgz"), "-C", dir, "./boot.img", "./images/system.img")
	tool(t, "python3", "-c", "import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]+'/x.zip','w',zipfile.ZIP_DEFLATED); [z.write(sys.argv[1]+'/'+n,n) for n in ('boot.img','images/system.img')]", dir)
	c := cacheIn(t, filepath.Join(t.TempDir(), "cache"))

	// Huawei's container, written by another program; its names are in capitals.
	app := filepath.Join(dir, "UPDATE.APP")
	tool(t, "python3", "updateapp/testdata/make.py", app, "SHA256RSA="+filepath.Join(dir, "boot.img"), "BOOT="+filepath.Join(dir, "boot.img"), "SYSTEM="+filepath.Join(dir, "images", "system.img"))
	tool(t, "gzip", "-k", app)
	for _, file := range []string{app, app + ".gz"} {
		for member, want := range map[string][]byte{"BOOT": boot, "system": system} {
			im := openWith(t, filepath.Join(file, member), Options{Cache: c})
			if im.Digest() != sum(want) || im.Size() != int64(len(want)) {
				t.Errorf("%s/%s: %s, %d bytes", file, member, im.Digest(), im.Size())
			}
		}
		if _, err := Open(t.Context(), file, Options{Cache: c}); err == nil || !strings.Contains(err.Error(), "has 3 members: name one, such as "+file+"/SHA256RSA; it has SHA256RSA, BOOT, SYSTEM") {
			t.Errorf("%s: %v", file, err)
		}
	}

	for _, archive := range []string{"x.tar", "x.tgz", "x.zip"} {
		for member, want := range map[string][]byte{"boot.img": boot, "images/system.img": system} {
			im := openWith(t, filepath.Join(dir, archive, member), Options{Cache: c})
			if im.Digest() != sum(want) || im.Size() != int64(len(want)) {
				t.Errorf("%s/%s: %s, %d bytes", archive, member, im.Digest(), im.Size())
			}
		}
		for path, says := range map[string]string{
			archive:                    "has 2 members: name one",
			archive + "/system.img":    `has no member "system.img"; it has boot.img, images/system.img`,
			"boot.img/x":               "is in a file that is not an archive",
			archive + "/boot.img/deep": "is not an archive, so there is no deep in it",
		} {
			if _, err := Open(t.Context(), filepath.Join(dir, path), Options{Cache: c}); err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// Kernels and RAM disks are flashed compressed, as they are, unless their name says that
// they are not meant to be.
func TestAsIs(t *testing.T) {
	for _, c := range []struct {
		partition, file string
		want            bool
	}{
		{"kernel", "kernel.img", true}, {"ramdisk_a", "ramdisk.cpio", true}, {"kernel", "kernel.img.gz", false}, {"boot", "boot.img.XZ", false},
		{"system", "system.img", false}, {"userdata", "userdata.simg", false}, {"", "x", false},
	} {
		if got := AsIs(c.partition, c.file); got != c.want {
			t.Errorf("%s from %s: %v", c.partition, c.file, got)
		}
	}
	packed := pack(t, ".gz", write(t, blocks(rand.New(rand.NewPCG(1, 1)), 4)))
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	im := openWith(t, packed, Options{AsIs: true})
	if im.Packing() != "" || im.Size() != int64(len(b)) || im.Digest() != sum(b) {
		t.Errorf("%q, %d bytes of %d", im.Packing(), im.Size(), len(b))
	}
}

// What is broken or made to harm is refused, with a sentence that says what it is.
func TestUnpackRefuses(t *testing.T) {
	in := write(t, blocks(rand.New(rand.NewPCG(8, 8)), 300))
	dir := t.TempDir()
	script := func(text string) string {
		out := filepath.Join(dir, fmt.Sprintf("%x", sha256.Sum256([]byte(text)))[:8])
		tool(t, "python3", "-c", "import zipfile,tarfile,io,sys,struct\nout=sys.argv[1]\n"+text, out)
		return out
	}
	cutOff := func(kind string) string {
		path := pack(t, kind, in)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()*2/3); err != nil {
			t.Fatal(err)
		}
		return path
	}
	more := func(kind string) string {
		path := pack(t, kind, in)
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("and then some"); err != nil {
			t.Fatal(err)
		}
		return path
	}
	member := "def tar(*names):\n t=tarfile.open(out,'w')\n for n in names:\n  i=tarfile.TarInfo(n); i.size=5; t.addfile(i,io.BytesIO(b'\\0mage'))\n t.close()\n"
	for name, c := range map[string]struct{ path, says string }{
		"zstd, cut":          {cutOff(".zst"), "unexpected EOF"},
		"xz, cut":            {cutOff(".xz"), "xz: "},
		"gzip, cut":          {cutOff(".gz"), "unexpected EOF"},
		"lz4, cut":           {cutOff(".lz4"), "EOF"},
		"zip, cut":           {cutOff(".zip"), "not a whole zip file"},
		"tar, cut":           {cutOff(".tar"), "unexpected EOF"},
		"gzip and more":      {more(".gz"), "gzip"},
		"xz and more":        {more(".xz"), "xz"},
		"lz4 and more":       {more(".lz4"), "lz4"},
		"tar, out of it":     {script(member + "tar('../../etc/system.img')"), "leads out of it"},
		"tar, absolute":      {script(member + "tar('/system.img')"), "leads out of it"},
		"tar, twice":         {script(member + "tar('system.img','./system.img')"), `two members "system.img"`},
		"tar, a link":        {script("t=tarfile.open(out,'w'); i=tarfile.TarInfo('system.img'); i.type=tarfile.SYMTYPE; i.linkname='/etc/shadow'; t.addfile(i); t.close()"), "a link or a device"},
		"tar, nothing":       {script("t=tarfile.open(out,'w',format=tarfile.USTAR_FORMAT); i=tarfile.TarInfo('d'); i.type=tarfile.DIRTYPE; t.addfile(i); t.close()"), "without files"},
		"zip, out of it":     {script("z=zipfile.ZipFile(out,'w'); z.writestr('../system.img','image'); z.close()"), "leads out of it"},
		"zip, twice":         {script("import warnings; warnings.simplefilter('ignore')\nz=zipfile.ZipFile(out,'w'); z.writestr('system.img','image'); z.writestr('system.img','other'); z.close()"), "two members"},
		"zip, longer":        {script("z=zipfile.ZipFile(out,'w',zipfile.ZIP_DEFLATED); z.writestr('system.img',b'image'*9999); z.close()\nb=bytearray(open(out,'rb').read())\ni=b.rindex(b'PK\\x01\\x02'); b[i+24:i+28]=struct.pack('<I',100); open(out,'wb').write(b)"), "system.img"},
		"zip, other CRC":     {script("z=zipfile.ZipFile(out,'w'); z.writestr('system.img',b'image'*9999); z.close()\nb=bytearray(open(out,'rb').read()); b[5000]^=1; open(out,'wb').write(b)"), "checksum"},
		"zip, empty":         {script("zipfile.ZipFile(out,'w').close()"), "without files"},
		"zip, an empty file": {script("z=zipfile.ZipFile(out,'w'); z.writestr('system.img',''); z.close()"), "empty"},
		"gzip of nothing":    {script("import gzip; open(out,'wb').write(gzip.compress(b''))"), "empty"},
		"gzip of gzip of …":  {script("import gzip\nb=b'image'*99\nfor _ in range(6): b=gzip.compress(b)\nopen(out,'wb').write(b)"), "more than four times"},
		"a bomb":             {script("import gzip; open(out,'wb').write(gzip.compress(bytes(80<<20)))"), "unpacks to more than 67108864 bytes"},
		"broken sparse":      {script("import gzip; open(out,'wb').write(gzip.compress(struct.pack('<IHHHHIIII',0xed26ff3a,1,0,28,12,4096,1<<30,1,0)+b'x'*100))"), "unknown sparse image"},
		"xz that needs 1.5G": {script("open(out,'wb').write(bytes.fromhex('fd377a585a000004e6d6b446020021011c000000')[:16]+bytes([0x27])+bytes(600))"), "memory to unpack"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			cache, err := OpenCache(dir, 64<<20)
			if err != nil {
				t.Fatal(err)
			}
			im, err := Open(t.Context(), c.path, Options{Cache: cache})
			if err == nil {
				_ = im.Close()
				t.Fatalf("it was taken as %s of %d bytes", im.Format(), im.Size())
			}
			if !errors.As(err, new(*FileError)) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %q in it", err, c.says)
			}
			cache.Close()
			if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) > 0 {
				t.Errorf("left in the cache: %v", left)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "part-*")); len(left) > 0 {
				t.Errorf("left in the cache: %v", left)
			}
		})
	}
}

// Without the system's xz, our own reader gives the same.
func TestOwnXZ(t *testing.T) {
	in := write(t, blocks(rand.New(rand.NewPCG(2, 2)), 200))
	packed := pack(t, ".blocks", in)
	t.Setenv("PATH", "")
	im := openWith(t, packed, Options{Cache: cacheIn(t, filepath.Join(t.TempDir(), "cache"))})
	sameImage(t, im, openWith(t, in, Options{}))
}
