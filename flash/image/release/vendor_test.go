package release

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/image/imagetest"
)

// Packages as vendors and their users publish them are taken apart, or named with what to
// take out of them.
func TestVendorPackages(t *testing.T) {
	w := newWorkshop(t)
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	boot, system := read("boot.img"), read("system.img")
	maker, err := filepath.Abs("../updateapp/testdata/make.py")
	if err != nil {
		t.Fatal(err)
	}
	w.run(t, "simg2simg", "system.simg", "chunk", "900000")
	chunks, err := filepath.Glob(filepath.Join(w.dir, "chunk.*"))
	if err != nil || len(chunks) < 2 {
		t.Fatal(chunks, err)
	}
	app := []string{maker, "UPDATE.APP", "SHA256RSA=boot.img", "KERNEL=boot.img"}
	pieces := []string{}
	for i, c := range chunks {
		app = append(app, "SUPER="+c)
		pieces = append(pieces, fmt.Sprintf("firmware/super.img_sparsechunk.%d", i), read(filepath.Base(c)))
	}
	w.run(t, "python3", app...)
	images := imagetest.Zip(t, "system.img", system, "boot.img", boot, "android-info.txt",
		"require board=ags3|ags3l\nrequire version-bootloader=b1-0.5\n", "fastboot-info.txt", "version 1\nflash boot\n")
	for name, text := range map[string]string{
		"update.zip": imagetest.Zip(t, "UPDATE.APP", read("UPDATE.APP"), "META-INF/com/google/android/updater-script", "x",
			"SOFTWARE_VER_LIST.mbn", "AGS2-W09"),
		"image-ags3.zip": images,
		"factory.zip":    imagetest.Zip(t, "stored:ags3/image-ags3.zip", images, "ags3/bootloader-ags3.img", boot, "ags3/flash-all.sh", "x"),
		"deflated.zip":   imagetest.Zip(t, "ags3/image-ags3.zip", images, "ags3/flash-all.sh", "x"),
		"ota.zip": imagetest.Zip(t, "stored:payload.bin", "CrAU\x00\x00\x00\x00\x00\x00\x00\x02"+boot, "payload_properties.txt",
			"FILE_SIZE=1"),
		"twrp.zip": imagetest.Zip(t, "META-INF/com/google/android/update-binary", "x", "boot.img", boot, "system.new.dat.br", "x",
			"system.transfer.list", "4"),
		"script.zip":  imagetest.Zip(t, "META-INF/com/google/android/updater-script", "x", "addon.d/50-x.sh", "x"),
		"three.zip":   imagetest.Zip(t, "base/UPDATE.APP", "x", "cust/UPDATE.APP", "x"),
		"wrapped.zip": imagetest.Zip(t, "release/readme.txt", "x", "release/images.zip", images),
		"mac.zip": imagetest.Zip(t, "AGS3/boot.img", boot, "AGS3/system.img", system, "__MACOSX/AGS3/._boot.img", "\x00\x05\x16\x07",
			"AGS3/.DS_Store", "x"),
		"windows.zip":      imagetest.Zip(t, "AGS3\\boot.img", boot, "AGS3\\system.img", system, "AGS3\\Thumbs.db", "x"),
		"folders.zip":      imagetest.Zip(t, "a/boot.img", boot, "b/boot.img", boot),
		"sparsechunks.zip": imagetest.Zip(t, append([]string{"firmware/boot.img", boot}, pieces...)...),
		"missing.zip":      imagetest.Zip(t, append([]string{"firmware/boot.img", boot}, pieces[2:]...)...),
		"gap.zip":          imagetest.Zip(t, "super.img.001", system[:4096], "super.img.003", system[4096:8192]),
		"split.zip": imagetest.Zip(t, "super.img.001", system[:1<<20], "super.img.002", system[1<<20:2<<20], "super.img.003",
			system[2<<20:]),
		"both.zip":          imagetest.Zip(t, "super.img", system, "super.img.001", system),
		"bomb.txt":          "just a text\n",
		"firmware.7z":       "7z\xbc\xaf\x27\x1c\x00\x04" + boot,
		"volume.zip.001":    images[:5000],
		"evil.zip":          imagetest.Zip(t, "../boot.img", boot),
		"unnamed.zip":       imagetest.Zip(t, "Readme first.txt", "x"),
		"payload.bin":       "CrAU\x00\x00\x00\x00\x00\x00\x00\x01" + boot,
		"packed.tar.gz":     "\x1f\x8b\x08" + boot,
		"nested-config.zip": imagetest.Zip(t, "a/flash-config.sh", "x", "b/flash-config.sh", "y"),
	} {
		write(name, text)
	}
	for name, c := range map[string]struct {
		want     string
		products []string
	}{
		"update.zip":                       {want: "kernel super"},
		"UPDATE.APP":                       {want: "kernel super"},
		"image-ags3.zip":                   {want: "boot system", products: []string{"ags3", "ags3l"}},
		"factory.zip/ags3/image-ags3.zip":  {want: "boot system", products: []string{"ags3", "ags3l"}},
		"deflated.zip/ags3/image-ags3.zip": {want: "boot system", products: []string{"ags3", "ags3l"}},
		"mac.zip":                          {want: "boot system"},
		"windows.zip":                      {want: "boot system"},
		"sparsechunks.zip":                 {want: "boot super"},
		"split.zip":                        {want: "super"},
	} {
		t.Run(name, func(t *testing.T) {
			im, err := Read(t.Context(), []string{filepath.Join(w.dir, name)}, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range im.Sources {
				got = append(got, s.Partition)
			}
			if strings.Join(got, " ") != c.want || !slices.Equal(im.Products, c.products) {
				t.Errorf("%v for %v; left %v", got, im.Products, im.Left)
			}
			b := w.bundle(t, im.Sources)
			for _, m := range b.Manifest.Images {
				if m.Size != int64(len(system)) && m.Partition != "boot" && m.Partition != "kernel" {
					t.Errorf("%s has %d bytes, not %d", m.Partition, m.Size, len(system))
				}
			}
		})
	}
	for name, says := range map[string]string{
		"factory.zip":             "ags3/image-ags3.zip, beside a bootloader",
		"ota.zip":                 "payload.bin: ",
		"twrp.zip":                "installer for a recovery",
		"script.zip":              "take the full firmware",
		"three.zip":               "base/UPDATE.APP, cust/UPDATE.APP",
		"wrapped.zip":             "import " + filepath.Join(w.dir, "wrapped.zip/release/images.zip"),
		"folders.zip":             "several folders (a/, b/)",
		"missing.zip":             "those before number 1 are missing",
		"gap.zip":                 "number 2 is not there",
		"both.zip":                "two images for super",
		"bomb.txt":                "is a text",
		"firmware.7z":             "7z x",
		"volume.zip.001":          "several volumes",
		"evil.zip":                "leads out of it",
		"unnamed.zip":             "no images in it",
		"payload.bin":             "version 1",
		"packed.tar.gz":           "packed (gzip): unpack it",
		"nested-config.zip":       "2 releases",
		"factory.zip/nothing.zip": "has no nothing.zip",
	} {
		if _, err := Read(t.Context(), []string{filepath.Join(w.dir, name)}, nil, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v\nwant %q in it", name, err, says)
		}
	}
}
