package device

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newDevice(t *testing.T, c Config, faults ...string) *Device {
	t.Helper()
	if c.Family.Product == "" {
		f, err := FamilyByName("qualcomm")
		if err != nil {
			t.Fatal(err)
		}
		c.Family = f
	}
	if c.Serial == "" {
		c.Serial = "S1"
	}
	for _, spec := range faults {
		f, err := ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		c.Faults = append(c.Faults, f)
	}
	d, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNewRefuses(t *testing.T) {
	f, err := FamilyByName("qualcomm")
	if err != nil {
		t.Fatal(err)
	}
	for _, serial := range []string{"", ".", "..", "a/b", `a\b`, "a\x00"} {
		if _, err := New(Config{Serial: serial, Family: f}); err == nil {
			t.Errorf("%q was taken for a serial", serial)
		}
	}
	if _, err := New(Config{Serial: "S"}); err == nil {
		t.Error("a device of no family was made")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Serial: "S", Family: f, Dir: file}); err == nil {
		t.Error("a file was taken for a folder")
	}
	if _, err := FamilyByName("nokia"); err == nil || !strings.Contains(err.Error(), "kirin659-ags2") {
		t.Errorf("an unknown family: %v", err)
	}
}

// TestModes is how tablets begin.
func TestModes(t *testing.T) {
	for _, name := range Families() {
		f, err := FamilyByName(name)
		if err != nil {
			t.Fatal(err)
		}
		want := State{Mode: ModeFastboot}
		if name == "fastbootd" {
			want.Mode = ModeFastbootd
		}
		if f.Slots {
			want.Slot = "a"
		}
		if got := newDevice(t, Config{Family: f}).State(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s begins as %v, not %v", name, got, want)
		}
		if got := newDevice(t, Config{Family: f, Android: true}).State().Mode; got != ModeADB {
			t.Errorf("%s in Android begins as %s", name, got)
		}
	}
}

// TestPartitions makes, changes and deletes partitions, in memory and in files.
func TestPartitions(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		d := newDevice(t, Config{Dir: dir, Partitions: map[string]int64{"spare": 4096}})
		for name, want := range map[string]string{"system": "system_a", "system_b": "system_b", "cache": "cache", "none": "none"} {
			if got, _, ok := d.FullName(name); got != want || ok == (name == "none") {
				t.Errorf("the full name of %s is %s (%v)", name, got, ok)
			}
		}
		if _, _, err := d.Partition("none"); !errors.Is(err, ErrNoPartition) {
			t.Errorf("none: %v", err)
		}
		s, size, err := d.Partition("spare")
		if err != nil || size != 4096 {
			t.Fatal(size, err)
		}
		if _, err := s.WriteAt([]byte("text"), 0); err != nil {
			t.Fatal(err)
		}
		again, _, err := d.Partition("spare")
		if err != nil || again != s {
			t.Error("the second opening is another store")
		}
		if err := d.ResizePartition("spare", 8192); err != nil {
			t.Fatal(err)
		}
		for _, stage := range []string{"resized", "closed"} {
			s, size, err = d.Partition("spare")
			b := make([]byte, 4)
			if err == nil {
				_, err = s.ReadAt(b, 0)
			}
			if err != nil || size != 8192 || string(b) != "text" {
				t.Errorf("%s: %d bytes, %q, %v", stage, size, b, err)
			}
			d.Close()
		}
		for what, err := range map[string]error{
			"create what is there": d.CreatePartition("spare", 1), "delete none": d.DeletePartition("none"),
			"resize none": d.ResizePartition("none", 1),
		} {
			if want := map[bool]error{true: ErrPartitionExists, false: ErrNoPartition}[strings.HasPrefix(what, "create")]; !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, _, err = d.Partition("spare"); err != nil { // open it, to delete it
			t.Fatal(err)
		}
		if err := errors.Join(d.DeletePartition("spare"), d.CreatePartition("new", 512)); err != nil {
			t.Fatal(err)
		}
		sizes := d.PartitionSizes()
		if _, ok := sizes["spare"]; ok || sizes["new"] != 512 {
			t.Errorf("partitions: %v", sizes)
		}
		b, err := d.OpenBuffer()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		d.Close()
	}
}

func TestFaultsChangeTheDevice(t *testing.T) {
	var logged []string
	d := newDevice(t, Config{Log: func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) }},
		"locked", "refuse-getvar", "no-sparse", "no-fill", "low-battery", "serial=X", "serial=Y@reboot", "slow=1000@flash:boot",
		"corrupt@flash:boot", "fail@flash:boot")
	if !d.State().Locked || d.Serial() != "X" || d.Flaws() != (Flaws{true, true, true, true}) {
		t.Errorf("%+v %s %+v", d.State(), d.Serial(), d.Flaws())
	}
	if len(logged) != 6 || logged[0] != "fault locked strikes at start " {
		t.Errorf("%q", logged)
	}
	// The first that must be acted out, and only then the next.
	for _, want := range []string{"corrupt", "fail", ""} {
		got := ""
		if f := d.Strike(Moment{Event: "flash", Partition: "boot_a"}); f != nil {
			got = f.Kind
		}
		if got != want {
			t.Errorf("%q strikes, not %q", got, want)
		}
	}
	if d.wire.rate != 1000 {
		t.Errorf("the wire has %d bytes a second", d.wire.rate)
	}
	gone := d.Reboot(ModeFastboot)
	if gone.Mode != ModeFastboot || !gone.Back || d.Serial() != "Y" {
		t.Errorf("%+v, %s", gone, d.Serial())
	}
	d = newDevice(t, Config{}, "no-boot", "slow-boot=3")
	kinds := []string{}
	for _, f := range d.StrikeAll(Moment{Event: "boot"}) {
		kinds = append(kinds, f.Kind)
	}
	if !slices.Equal(kinds, []string{"no-boot", "slow-boot"}) {
		t.Errorf("at boot strike %v", kinds)
	}
}

func TestLeaves(t *testing.T) {
	for _, test := range []struct {
		mode, fault, after string
		want               Departure
	}{
		{ModeSystem, "", ModeBooting, Departure{Mode: ModeSystem, After: time.Second, Back: true}},
		{ModeOff, "", ModeOff, Departure{Mode: ModeOff, After: time.Second, Back: true}},
		{ModeFastboot, "unplug@reboot", ModeUnplugged, Departure{Mode: ModeUnplugged, After: -time.Second}},
		{ModeFastboot, "unplug=5@reboot", ModeUnplugged, Departure{Mode: ModeUnplugged, After: 5 * time.Second, Back: true}},
		{ModeFastboot, "unplug=port:7@reboot", ModeUnplugged, Departure{Mode: ModeUnplugged, After: 2 * time.Second, Back: true, Port: 7}},
	} {
		var faults []string
		if test.fault != "" {
			faults = append(faults, test.fault)
		}
		d := newDevice(t, Config{RebootTime: time.Second}, faults...)
		gone := d.Reboot(test.mode)
		d.Leave(gone)
		if *gone != test.want || d.State().Mode != test.after || gone.Error() != "the tablet leaves for "+test.want.Mode {
			t.Errorf("%s %s: %+v, then %s", test.mode, test.fault, gone, d.State().Mode)
		}
	}
}

// TestWaits holds a wire (a second), then the bus that it shares (ten more), and the storage to
// their rates.
func TestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice(t, Config{Rate: 1000, WriteRate: 500, Bus: NewBus(100)})
		for what, wait := range map[string]func(context.Context, int64) error{"wire 11s": d.WaitWire, "storage 2s": d.WaitStorage} {
			_, want, _ := strings.Cut(what, " ")
			start := time.Now()
			if err := wait(t.Context(), 1000); err != nil || time.Since(start).Round(100*time.Millisecond).String() != want { // of the bubble
				t.Errorf("%s: %v %v", what, time.Since(start), err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.WaitWire(ctx, 1<<20); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut short: %v", err)
		}
		if err := newDevice(t, Config{}).WaitWire(t.Context(), 1<<40); err != nil {
			t.Errorf("unlimited: %v", err)
		}
	})
}

func TestVBMeta(t *testing.T) {
	v := VBMeta{Version: "5", Partitions: []VBMetaDigests{{Name: "boot", Ranges: [][2]int64{{0, 4096}}, SHA256: "ab"}}}
	b, err := v.Bytes()
	if err != nil || len(b)%4096 != 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	got, err := ParseVBMeta(b)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
		t.Errorf("%+v %v", got, err)
	}
}

// FuzzParseVBMeta gives it what a host may have flashed.
func FuzzParseVBMeta(f *testing.F) {
	f.Add([]byte("AVB0\x02\x00\x00\x00{}"))
	f.Add([]byte(`AVB0` + "\x24\x00\x00\x00" + `{"partitions":[{"name":"boot"}]}    `))
	f.Add([]byte("AVB0\xff\xff\xff\xff{}"))
	f.Add([]byte("AVB"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := ParseVBMeta(b); err == nil && len(v.Partitions) == 0 {
			t.Error("it names no partition, and is valid")
		}
	})
}
