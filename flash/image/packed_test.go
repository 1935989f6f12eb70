// Images that are packed: unpacked, refused, members of archives.

package image

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packers are the programs and the libraries of others with which users pack.
var packers = map[string][]string{
	".zst":    {"zstd", "-q", "-o", "OUT", "IN"},
	".long":   {"zstd", "-q", "--long=27", "-o", "OUT", "IN"},
	".xz":     {"sh", "-c", "xz -1 -c IN >OUT"},
	".blocks": {"sh", "-c", "xz -1 -c --block-size=1MiB IN >OUT"},
	".gz":     {"sh", "-c", "gzip -1 -c IN >OUT"},
	".lz4":    {"lz4", "-q", "IN", "OUT"},
	".zip":    {"python3", "-c", "import zipfile,sys; z=zipfile.ZipFile('OUT','w',zipfile.ZIP_DEFLATED); z.write('IN','system.img')"},
	".stored": {"python3", "-c", "import zipfile,sys; z=zipfile.ZipFile('OUT','w'); z.write('IN','system.img')"},
	".tar":    {"tar", "-cf", "OUT", "-C", "DIR", "image"},
	".tar.gz": {"tar", "-czf", "OUT", "-C", "DIR", "image"},
	".tar.xz": {"sh", "-c", "tar -cf - -C DIR image | xz -1 >OUT"},
	".img.zip": {"sh", "-c", "gzip -1 -c IN >IN.gz && " +
		"python3 -c \"import zipfile; z=zipfile.ZipFile('OUT','w'); z.write('IN.gz','system.img.gz')\""},
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
	tool(t, "python3", "-c", "import zipfile,sys; z=zipfile.ZipFile(sys.argv[1]+'/x.zip','w',zipfile.ZIP_DEFLATED); "+
		"[z.write(sys.argv[1]+'/'+n,n) for n in ('boot.img','images/system.img')]", dir)
	c := cacheIn(t, filepath.Join(t.TempDir(), "cache"))

	// Huawei's container, written by another program; its names are in capitals.
	app := filepath.Join(dir, "UPDATE.APP")
	tool(t, "python3", "updateapp/testdata/make.py", app, "SHA256RSA="+filepath.Join(dir, "boot.img"), "BOOT="+filepath.Join(dir, "boot.img"),
		"SYSTEM="+filepath.Join(dir, "images", "system.img"))
	tool(t, "gzip", "-k", app)
	for _, file := range []string{app, app + ".gz"} {
		for member, want := range map[string][]byte{"BOOT": boot, "system": system} {
			im := openWith(t, filepath.Join(file, member), Options{Cache: c})
			if im.Digest() != sum(want) || im.Size() != int64(len(want)) {
				t.Errorf("%s/%s: %s, %d bytes", file, member, im.Digest(), im.Size())
			}
		}
		if _, err := Open(t.Context(), file, Options{Cache: c}); err == nil ||
			!strings.Contains(err.Error(), "has 3 members: name one, such as "+file+"/SHA256RSA; it has SHA256RSA, BOOT, SYSTEM") {
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
	member := "def tar(*names):\n t=tarfile.open(out,'w')\n for n in names:\n" +
		"  i=tarfile.TarInfo(n); i.size=5; t.addfile(i,io.BytesIO(b'\\0mage'))\n t.close()\n"
	for name, c := range map[string]struct{ path, says string }{
		"zstd, cut":      {cutOff(".zst"), "unexpected EOF"},
		"xz, cut":        {cutOff(".xz"), "xz: "},
		"gzip, cut":      {cutOff(".gz"), "unexpected EOF"},
		"lz4, cut":       {cutOff(".lz4"), "EOF"},
		"zip, cut":       {cutOff(".zip"), "not a whole zip file"},
		"tar, cut":       {cutOff(".tar"), "unexpected EOF"},
		"gzip and more":  {more(".gz"), "gzip"},
		"xz and more":    {more(".xz"), "xz"},
		"lz4 and more":   {more(".lz4"), "lz4"},
		"tar, out of it": {script(member + "tar('../../etc/system.img')"), "leads out of it"},
		"tar, absolute":  {script(member + "tar('/system.img')"), "leads out of it"},
		"tar, twice":     {script(member + "tar('system.img','./system.img')"), `two members "system.img"`},
		"tar, a link": {script(
			"t=tarfile.open(out,'w'); i=tarfile.TarInfo('system.img'); i.type=tarfile.SYMTYPE; i.linkname='/etc/shadow'; t.addfile(i); t.close()"),
			"a link or a device"},
		"tar, nothing": {script(
			"t=tarfile.open(out,'w',format=tarfile.USTAR_FORMAT); i=tarfile.TarInfo('d'); i.type=tarfile.DIRTYPE; t.addfile(i); t.close()"),
			"without files"},
		"zip, out of it": {script("z=zipfile.ZipFile(out,'w'); z.writestr('../system.img','image'); z.close()"), "leads out of it"},
		"zip, twice": {script(
			"import warnings; warnings.simplefilter('ignore')\n" +
				"z=zipfile.ZipFile(out,'w'); z.writestr('system.img','image'); z.writestr('system.img','other'); z.close()"), "two members"},
		"zip, longer": {script(
			"z=zipfile.ZipFile(out,'w',zipfile.ZIP_DEFLATED); z.writestr('system.img',b'image'*9999); z.close()\n" +
				"b=bytearray(open(out,'rb').read())\ni=b.rindex(b'PK\\x01\\x02'); b[i+24:i+28]=struct.pack('<I',100); open(out,'wb').write(b)"),
			"system.img"},
		"zip, other CRC": {script(
			"z=zipfile.ZipFile(out,'w'); z.writestr('system.img',b'image'*9999); z.close()\n" +
				"b=bytearray(open(out,'rb').read()); b[5000]^=1; open(out,'wb').write(b)"), "checksum"},
		"zip, empty":         {script("zipfile.ZipFile(out,'w').close()"), "without files"},
		"zip, an empty file": {script("z=zipfile.ZipFile(out,'w'); z.writestr('system.img',''); z.close()"), "empty"},
		"gzip of nothing":    {script("import gzip; open(out,'wb').write(gzip.compress(b''))"), "empty"},
		"gzip of gzip of …": {script("import gzip\nb=b'image'*99\nfor _ in range(6): b=gzip.compress(b)\nopen(out,'wb').write(b)"),
			"more than four times"},
		"a bomb": {script("import gzip; open(out,'wb').write(gzip.compress(bytes(80<<20)))"), "unpacks to more than 67108864 bytes"},
		"broken sparse": {script(
			"import gzip; open(out,'wb').write(gzip.compress(struct.pack('<IHHHHIIII',0xed26ff3a,1,0,28,12,4096,1<<30,1,0)+b'x'*100))"),
			"unknown sparse image"},
		"xz that needs 1.5G": {script(
			"open(out,'wb').write(bytes.fromhex('fd377a585a000004e6d6b446020021011c000000')[:16]+bytes([0x27])+bytes(600))"), "memory to unpack"},
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
