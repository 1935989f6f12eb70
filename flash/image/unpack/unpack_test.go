package unpack

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/image/imagetest"
	"github.com/zarya-station/zarya/flash/image/xzinfo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// images takes everything out of a file; path may name a member behind a "|".
func images(t testing.TB, path string, f File) (pieces []string, digest []byte, err error) {
	t.Helper()
	name, member, _ := strings.Cut(path, "|")
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f.File, f.Size, f.Name, f.Member, f.Temp = file, info.Size(), filepath.Base(name), member, t.TempDir()
	if f.Limit == 0 {
		f.Limit = 1 << 26
	}
	digest, err = f.Images(t.Context(), func(r io.Reader) error {
		b, err := io.ReadAll(r)
		pieces = append(pieces, string(b))
		return err
	})
	if left, _ := os.ReadDir(f.Temp); len(left) > 0 {
		t.Error("left behind:", left)
	}
	return pieces, digest, err
}

// folder is a folder with files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t testing.TB, dir, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// Archives are read as people have them: with what their systems add, with names of other
// systems, in one another, and small ones, too.
func TestArchives(t *testing.T) {
	image, boot := string(noise(9000)), string(noise(500))
	mac := "\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "
	cp866 := "\x8e\xa1\xe0\xa0\xa7/system.img" // Образ, without the flag for UTF-8
	inner := imagetest.Zip(t, "system.img", image, "boot.img", boot)
	dir := folder(t, map[string]string{
		"mac.zip":      imagetest.Zip(t, "system.img", image, "__MACOSX/._system.img", mac, ".DS_Store", "x"),
		"mac.tar":      imagetest.Tar(t, "./._system.img", mac, "./system.img", image),
		"windows.zip":  imagetest.Zip(t, "images\\boot.img", boot, "images\\system.img", image, "images\\Thumbs.db", "x"),
		"cp866.zip":    imagetest.Zip(t, cp866, image, "boot.img", boot),
		"tiny.zip":     imagetest.Zip(t, "vbmeta.img", "AVB0\x00\x01"),
		"zip.zip":      imagetest.Zip(t, "a/inner.zip", inner, "readme.txt", "hello"),
		"stored.zip":   imagetest.Zip(t, "stored:a/inner.zip", inner, "readme.txt", "hello"),
		"zip.tar":      imagetest.Tar(t, "inner.zip", inner, "x", "y"),
		"tar.zip":      imagetest.Zip(t, "inner.tar", imagetest.Tar(t, "system.img", image, "boot.img", boot)),
		"gz.zip":       imagetest.Zip(t, "system.img.gz", imagetest.Gzip(image)),
		"deep.tar.gz":  imagetest.Gzip(imagetest.Tar(t, "inner.zip", imagetest.Zip(t, "x/system.img.gz", imagetest.Gzip(image)))),
		"kernel.zip":   imagetest.Zip(t, "kernel.img", imagetest.Gzip(boot)),
		"SYS":          image,
		"KERN":         boot,
		"P1":           image[:4096],
		"P2":           image[4096:],
		"odin.tar.md5": imagetest.Tar(t, "system.img", image) + "d41d8cd98f00b204e9800998ecf8427e  odin.tar\n",
		"page.img":     "<html>",
		"page.gz":      imagetest.Gzip("<!doctype html><title>403</title>"),
		"text.zip":     imagetest.Zip(t, "system.img", "Not found\n"),
		"brotli.zip":   imagetest.Zip(t, "system.new.dat.br", image),
		"onlyjunk.zip": imagetest.Zip(t, "__MACOSX/._system.img", mac),
		"evil.zip":     imagetest.Zip(t, "..\\..\\system.img", image),
		"drive.zip":    imagetest.Zip(t, "C:\\system.img", image),
		"nothing.zip":  imagetest.Zip(t),
		"twice.zip":    imagetest.Zip(t, "a\\system.img", image, "a/system.img", image),
		"cut.zip":      inner[:len(inner)-60],
		"lastdisk.zip": strings.Replace(inner, "PK\x05\x06\x00\x00", "PK\x05\x06\x02\x00", 1),
		"firmware.z01": "PK\x07\x08" + inner,
		"v.zip.001":    inner[:4000],
	})
	maker, err := filepath.Abs("../updateapp/testdata/make.py")
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "python3", maker, "UPDATE.APP", "KERNEL=KERN", "SUPER=P1", "SUPER=P2", "SYSTEM=SYS")
	run(t, dir, "python3", maker, "tiny.APP", "DTS=KERN")
	run(t, dir, "python3", maker, "pieces.APP", "SUPER=P1", "SUPER=P2")
	run(t, dir, "python3", "-c", "import zipfile; z=zipfile.ZipFile('update.zip','w',8); z.write('UPDATE.APP'); "+
		"z.writestr('SOFTWARE_VER_LIST.mbn','x'); z.close()\nz=zipfile.ZipFile('bz.zip','w',12); z.write('SYS','system.img'); z.close()\n"+
		"z=zipfile.ZipFile('lzma.zip','w',14); z.write('SYS','system.img'); z.close()")
	for path, want := range map[string]string{
		"mac.zip":                               image,
		"mac.tar":                               image,
		"mac.zip|system.img":                    image,
		"windows.zip|images/system.img":         image,
		"cp866.zip|Образ/system.img":            image,
		"tiny.zip":                              "AVB0\x00\x01",
		"tiny.zip|vbmeta.img":                   "AVB0\x00\x01",
		"tiny.APP|DTS":                          boot,
		"tiny.APP":                              boot,
		"zip.zip|a/inner.zip/system.img":        image,
		"stored.zip|a/inner.zip/boot.img":       boot,
		"zip.tar|inner.zip/boot.img":            boot,
		"tar.zip|inner.tar/system.img":          image,
		"gz.zip":                                image,
		"deep.tar.gz|inner.zip/x/system.img.gz": image,
		"deep.tar.gz":                           image,
		"odin.tar.md5":                          image,
		"bz.zip":                                image,
		"UPDATE.APP|KERNEL":                     boot,
		"UPDATE.APP|system":                     image,
		"UPDATE.APP|super":                      image[:4096] + "|" + image[4096:],
		"pieces.APP":                            image[:4096] + "|" + image[4096:],
		"update.zip|UPDATE.APP/SYSTEM":          image,
		"update.zip|UPDATE.APP/KERNEL":          boot,
	} {
		pieces, digest, err := images(t, filepath.Join(dir, path), File{})
		if err != nil || strings.Join(pieces, "|") != want {
			t.Errorf("%s: %d pieces, %v", path, len(pieces), err)
			continue
		}
		of := strings.Join(pieces, "")
		switch file, member, _ := strings.Cut(path, "|"); {
		case strings.HasSuffix(member, ".gz"):
			of = imagetest.Gzip(want)
		case member == "":
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			of = string(b)
		}
		if sum := sha256.Sum256([]byte(of)); !bytes.Equal(digest, sum[:]) {
			t.Errorf("%s: another digest", path)
		}
	}
	for path, says := range map[string]string{
		"page.img":            "web page",
		"page.gz":             "gzip: is a web page",
		"text.zip":            "is a text",
		"brotli.zip":          "transfer.list",
		"onlyjunk.zip":        "without files",
		"evil.zip":            "leads out of it",
		"drive.zip":           "leads out of it",
		"nothing.zip":         "without files",
		"twice.zip":           `two members "a/system.img"`,
		"cut.zip":             "not a whole zip file",
		"lastdisk.zip":        "last of 3 volumes",
		"firmware.z01":        "volume",
		"v.zip.001":           "cat FILE.001",
		"lzma.zip":            "packed by LZMA (method 14 of zip)",
		"UPDATE.APP":          "has 3 members",
		"update.zip":          "has 2 members",
		"zip.zip|a/inner.zip": "has 2 members",
		"SYS|x":               "not an archive",
		"mac.zip|boot.img":    `has no member "boot.img"`,
		"UPDATE.APP|VENDOR":   "no member",
		"windows.zip":         "images/boot.img",
	} {
		pieces, _, err := images(t, filepath.Join(dir, path), File{})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %d pieces, %v\nwant %q in it", path, len(pieces), err, says)
		}
	}
	// Raw is raw when the user says so, and a kernel is flashed as it is packed.
	for path, f := range map[string]File{"page.img": {Raw: true}, "text.zip|system.img": {Raw: true}, "gz.zip|system.img.gz": {Raw: true},
		"kernel.zip": {AsIs: true}, "cut.zip": {Raw: true}} {
		pieces, _, err := images(t, filepath.Join(dir, path), f)
		want := map[string]string{"page.img": "<html>", "text.zip|system.img": "Not found\n", "gz.zip|system.img.gz": imagetest.Gzip(image),
			"kernel.zip": imagetest.Gzip(boot), "cut.zip": inner[:len(inner)-60]}[path]
		if err != nil || len(pieces) != 1 || pieces[0] != want {
			t.Errorf("%s: %d pieces, %v", path, len(pieces), err)
		}
	}
}

// Compressors make files of several frames, members and streams, with padding and frames
// to skip between them.
func TestFrames(t *testing.T) {
	one, two := string(noise(200000)), strings.Repeat("\x00", 100000)+string(noise(70000))
	dir := folder(t, map[string]string{"1": one, "2": two, "12": one + two})
	skip := `printf '\120\052\115\030\004\000\000\000skip'`
	for name, script := range map[string]string{
		"gzip":                     "gzip -c 1; gzip -c 2",
		"xz":                       "xz -c 1; xz -c 2",
		"xz with padding":          "xz -c 1; head -c 8 /dev/zero; xz -c 2",
		"xz of blocks":             "xz -c --block-size=50000 12",
		"zstd":                     "zstd -qc 1; zstd -qc 2",
		"zstd with frames to skip": skip + "; zstd -qc 1; " + skip + "; zstd -qc 2; " + skip,
		"lz4":                      "lz4 -qc 1; lz4 -qc 2",
		"lz4 with frames to skip":  skip + "; lz4 -qc 1; " + skip + "; lz4 -qc 2",
		"lz4 of dependent blocks":  "lz4 -qc -BD 12",
		"lz4 with the size":        "lz4 -qc --content-size 12",
		"lz4, legacy":              "lz4 -qlc 12",
		"lz4, legacy, two":         "lz4 -qlc 1; lz4 -qlc 2",
	} {
		run(t, dir, "sh", "-c", "("+script+") >packed")
		path := os.Getenv("PATH")
		for _, env := range []string{path, ""} { // the system's xz, and ours
			t.Setenv("PATH", env)
			pieces, _, err := images(t, filepath.Join(dir, "packed"), File{})
			if err != nil || len(pieces) != 1 || pieces[0] != one+two {
				t.Errorf("%s: %d bytes of %d, %v", name, len(strings.Join(pieces, "")), len(one+two), err)
			}
			t.Setenv("PATH", path)
		}
	}
}

// Zips by other programs.
func TestZipsOfOthers(t *testing.T) {
	dir := folder(t, map[string]string{"system.img": string(noise(90000)) + strings.Repeat("\x00", 1<<20)})
	want, err := os.ReadFile(filepath.Join(dir, "system.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("7z"); err != nil {
		t.Skip("no 7z here")
	}
	for method, says := range map[string]string{"Deflate64": "deflate64", "PPMd": "PPMd", "LZMA": "LZMA", "BZip2": "", "Deflate": "",
		"Copy": ""} {
		run(t, dir, "7z", "a", "-bd", "-mm="+method, method+".zip", "system.img")
		pieces, _, err := images(t, filepath.Join(dir, method+".zip"), File{})
		if says == "" && (err != nil || len(pieces) != 1 || pieces[0] != string(want)) {
			t.Errorf("%s: %v", method, err)
		}
		if says != "" && (err == nil || !strings.Contains(err.Error(), "is packed by "+says) || !strings.Contains(err.Error(), "7z x")) {
			t.Errorf("%s: %v", method, err)
		}
	}
	run(t, dir, "7z", "a", "-bd", "-psecret", "secret.zip", "system.img")
	if _, _, err := images(t, filepath.Join(dir, "secret.zip"), File{}); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Error(err)
	}
}

func FuzzUnpack(f *testing.F) {
	image := strings.Repeat("zarya567", 512) + "\x01\x02"
	dir := folder(f, map[string]string{"i": image})
	for _, script := range []string{"zstd -qc i", "xz -c i", "lz4 -qc i", "lz4 -qlc i"} {
		run(f, dir, "sh", "-c", script+" >packed")
		b, err := os.ReadFile(filepath.Join(dir, "packed"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, "")
	}
	f.Add([]byte(imagetest.Gzip(image)), "")
	f.Add([]byte(imagetest.Zip(f, "a.zip", imagetest.Zip(f, "x\\y", image))), "a.zip/x/y")
	f.Add([]byte(imagetest.Tar(f, "a", image, "b", imagetest.Gzip(image))), "b")
	f.Fuzz(func(t *testing.T, b []byte, member string) {
		if len(b) == 0 || xzinfo.Dictionary(b[:min(len(b), HeadSize)]) > 1<<20 {
			return // allowed, but not a gigabyte for each worker
		}
		name := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		took := int64(0)
		_, err = File{File: file, Size: int64(len(b)), Name: "x", Member: member, Limit: 1 << 20, Temp: t.TempDir()}.Images(t.Context(),
			func(r io.Reader) error {
				n, err := io.Copy(io.Discard, r)
				took += n
				return err
			})
		if err == nil && Of(b) == Plain && took != int64(len(b)) {
			t.Fatalf("%d bytes of %d", took, len(b))
		}
	})
}
