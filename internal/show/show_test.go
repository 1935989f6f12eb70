package show

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/doctor"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/internal/target/targettest"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// holds compares a text with what must be in it, line by line.
func holds(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+got, "\n"+line+"\n") {
			t.Errorf("there is no line %q in\n%s", line, got)
		}
	}
}

// boot makes a file with an image.
func boot(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "boot.img")
	text := strings.Repeat("\x7fa\x00bootloader\xfe", 1024)[:8192] + strings.Repeat("\x00", 8192)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBundle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.bundle")
	about := bundle.Manifest{Name: "census", Version: "5.1", Models: []string{"AGS3-L09", "AGS3-W09"}, Products: []string{"AGS3"},
		Access: "none"}
	sources := []bundle.Source{{Partition: "boot", Slot: "all", Mode: "fastbootd", Path: boot(t)}}
	if err := bundle.Build(t.Context(), path, about, sources, bundle.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := bundle.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	it := OfBundle(b, "")
	var out strings.Builder
	it.Text(&out, nil)
	holds(t, out.String(), path, "  name       census 5.1", "  models     AGS3-L09, AGS3-W09", "  products   AGS3", "  access     none",
		"  signature  not signed", "  image      boot:all@fastbootd      16 kB  "+it.Images[0].Root)
	if s := Signature(b, "release@factory"); s != "signed by release@factory" {
		t.Error(s)
	}
	out.Reset()
	if err := Document(&out, "bundle", []Bundle{it}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), `{"v":1,"kind":"bundle","items":[{"file":`) || strings.Contains(out.String(), "signature") {
		t.Error(out.String())
	}
}

func TestImages(t *testing.T) {
	file := boot(t)
	im := flashtest.Open(t, file)
	it, err := OfImage(file, im, 6000)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	it.Text(&out, nil)
	holds(t, out.String(), "  format     raw", "  expanded   16384 bytes", "  extents    2: data 8192, fill 8192, don't-care 0 bytes")
	if it.Pieces < 2 || it.Wire <= it.Data || !strings.Contains(out.String(), "  sparse     ") {
		t.Errorf("%+v", it)
	}
	if _, err := OfImage(file, im, 10); err == nil {
		t.Error("a piece of ten bytes holds nothing")
	}
	used := time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)
	kept, disk := OfCache([]image.Entry{{Digest: "sha256:a", Size: 2e6, Disk: 1e6, Used: used}, {Disk: 3}}, "kept")
	out.Reset()
	kept[0].Text(&out, nil)
	holds(t, out.String(), "2026-11-26 12:00:00  sha256:a  image 2 MB, on the disk 1 MB")
	if disk != 1e6+3 || kept[0].State != "kept" {
		t.Errorf("%d, %+v", disk, kept[0])
	}
}

func TestPlans(t *testing.T) {
	var out strings.Builder
	err := Plans(&out, nil, []recipe.PlanItem{{Profile: "census", PlanFor: recipe.PlanFor{Serial: "S1"}, Models: []string{"A", "B"},
		Bytes: 2e6, Wire: 1e6, Estimate: 61,
		Steps: []recipe.PlanStep{{Step: "flash:boot", Bytes: 2e6, Wire: 1e6}, {Step: "hostname", Value: "t-1", When: "x"}}}})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "profile census, S1 (for A, B)", "  1  flash:boot  2 MB (1 MB on the wire)",
		"  2  hostname    t-1 when x", "writes 2 MB, 1 MB on the wire; about 61 s; nothing was written")
	out.Reset()
	if err := Plans(&out, words.For("ru"), []recipe.PlanItem{{Profile: "census", PlanFor: recipe.PlanFor{Serial: "S1"},
		Models: []string{"A"}, Bytes: 2.5e6, Wire: 1e6, Estimate: 61}}); err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "профиль census, S1 (для A)", "запишет 2 МБ, по кабелю 1 МБ; около 61 с; пока ничего не записано")
	d := OfDirect("tcp:h", &recipe.Direct{Steps: []flash.Step{flash.Erase{Partition: "cache"}.Step()}})
	d.Images = []flash.ImageInfo{{Partition: "boot", File: "boot.img", Size: 4096, Digest: "sha256:b"}}
	out.Reset()
	d.Text(&out, nil)
	holds(t, out.String(), "erase:cache", "boot: boot.img, 4096 bytes, sha256:b")
}

func TestFindingsAndOtherAnswers(t *testing.T) {
	var out strings.Builder
	Findings(&out, nil, []doctor.Finding{{Level: doctor.Error, About: "rules", Says: "no rule", Remedy: "sudo zarya doctor --fix"},
		{Level: doctor.OK, About: "clock", Says: "right"}})
	Explanation(&out, nil, explain.Explanation{Subject: "class cable", Happened: "It broke.", Tablet: "Half.", Next: []string{"Change it."}})
	err := Identities(&out, nil, []pool.Identity{{Pool: "census", ID: 7, State: "free", Columns: map[string]string{"b": "2", "a": "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "error    rules        no rule", "  → sudo zarya doctor --fix", "ok       clock        right",
		"class cable", "It broke.", "On the tablet now: Half.", "  → Change it.", "census  7   free   -       a=1 b=2")
}

func TestWhatIsPluggedIn(t *testing.T) {
	s := targettest.NewSysfs(t)
	s.Tablet("1", "SN1", targettest.Fastboot)
	s.Tablet("2", "SN2", targettest.ADB)
	b := target.NewBench(target.Options{Sysfs: s.Root, Names: filepath.Join(t.TempDir(), "ports"), LockDir: t.TempDir()})
	defer b.Close()
	bus, names, err := b.Plugged()
	if err != nil {
		t.Fatal(err)
	}
	port := bus.Tablets()[1].Port
	items := OfBus(b, bus, names, map[usb.Port]target.InAndroid{port: {Facts: adb.Facts{Model: "AGS3-L09", Build: "AGS3 10.1", Battery: 71}}})
	if len(items) != 2 || items[0].Target != "usb:1-1" || items[0].Serial != "SN1" || items[1].Model != "AGS3-L09" || items[1].Battery != 71 {
		t.Errorf("%+v", items)
	}
	var out strings.Builder
	Greeting(&out, nil, bus, names, nil)
	holds(t, out.String(), "Next:", "  zarya run --profile census.yaml -s usb:1-1   do it")
	out.Reset()
	Greeting(&out, nil, &usb.Bus{}, nil, nil)
	Greeting(&out, nil, nil, nil, errors.New("no USB"))
	holds(t, out.String(), "No tablet is plugged in.", "  zarya doctor                                 check this machine")
	if !strings.Contains(out.String(), "This machine has no USB") {
		t.Error(out.String())
	}
	Devices(&out, nil, []ask.Answer[ask.Device]{
		{Target: "tcp:h:1", Value: &ask.Device{Mode: usb.Fastboot, Model: "AGS3-L09", Serial: "VT0001", Lock: "unlocked"}},
		{Target: "tcp:h:2", Error: "nobody answers"},
	})
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)
	Change(&out, nil, at, target.Change{Target: b.At(port, usb.Names{port.Path(): "A2"}), Device: bus.Tablets()[1], What: usb.Arrived})
	Change(&out, nil, at, target.Change{Target: b.At(port, nil), Device: bus.Tablets()[1], What: usb.Left})
	holds(t, out.String(), "tcp:h:1                    fastboot   AGS3-L09   VT0001             unlocked",
		"tcp:h:2                    -          nobody answers -                  -")
	if !strings.Contains(out.String(), "12:00:00 arrived  usb:1-2          A2       adb") || strings.Count(out.String(), "  → ") != 1 {
		t.Errorf("of a tablet that came, and one that left:\n%s", out.String())
	}
}

func TestWatching(t *testing.T) {
	s := targettest.NewSysfs(t)
	s.Tablet("1", "SN1", targettest.Fastboot)
	b := target.NewBench(target.Options{Sysfs: s.Root, LockDir: t.TempDir()})
	defer b.Close()
	bus, err := b.Bus()
	if err != nil {
		t.Fatal(err)
	}
	changes := []target.Change{{Target: b.At(bus.Tablets()[0].Port, nil), Device: bus.Tablets()[0], What: usb.Arrived}}
	var told []flash.Event
	events := flash.NewEvents("w", func(e flash.Event) { told = append(told, e) })
	var lines, tree strings.Builder
	for _, w := range []Watching{{Bench: b, Out: &lines}, {Bench: b, Out: &tree, Redraw: true}, {Bench: b, Events: events}} {
		if err := w.Report(t.Context())(changes); err != nil {
			t.Error(err)
		}
	}
	events.Close()
	if !strings.Contains(lines.String(), "arrived  usb:1-1") ||
		!strings.Contains(tree.String(), "SN1") || !strings.HasPrefix(tree.String(), "\x1b[H") {
		t.Errorf("%q, %q", lines.String(), tree.String())
	}
	if len(told) != 1 || told[0].Serial != "SN1" {
		t.Errorf("told %+v", told)
	}
}
