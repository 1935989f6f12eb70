// This file runs jobs against bootloaders that are slow, narrow, silent or dishonest.

package flash_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// oddDevice is a bootloader in a few lines. What its fields do not say it answers as
// U-Boot does.
type oddDevice struct {
	vars  map[string]string
	takes int64  // bytes of one download; 0: any number
	words string // of a download that is refused
	erase time.Duration
	mute  bool // after erase it never answers again
	// instead gives the packets of an answer; nil, or no packets: as it would answer else.
	instead func(cmd string) []string
	// after gives packets that follow the answer to a command; nil: none
	after func(cmd string) []string

	mu      sync.Mutex
	asked   []string          // guarded by mu
	written map[string][]byte // guarded by mu; the last download of each partition
	data    []byte
	rotten  bool // a byte of what is fetched is another
}

func (d *oddDevice) commands(prefix string) (found []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.asked {
		if strings.HasPrefix(c, prefix) {
			found = append(found, c)
		}
	}
	return found
}

// transport is the device as the host's end of a connection without framing.
type oddTransport struct {
	d     *oddDevice
	queue []string
	want  int
	fetch []byte // that is still to be read
}

func (t *oddTransport) WritePacket(_ context.Context, p []byte) error {
	cmd := string(p)
	d := t.d
	d.mu.Lock()
	d.asked = append(d.asked, cmd)
	d.mu.Unlock()
	t.queue = append(t.queue, t.answer(cmd)...)
	if d.after != nil {
		t.queue = append(t.queue, d.after(cmd)...)
	}
	return nil
}

func (t *oddTransport) answer(cmd string) []string {
	d := t.d
	verb, arg, _ := strings.Cut(cmd, ":")
	if d.instead != nil {
		if packets := d.instead(cmd); packets != nil {
			return packets
		}
	}
	switch verb {
	case "getvar":
		if v, ok := d.vars[arg]; ok {
			return []string{"OKAY" + v}
		}
		return []string{"FAILVariable not implemented"}
	case "download":
		n, _ := strconv.ParseInt(arg, 16, 64)
		if d.takes > 0 && n > d.takes {
			return []string{"FAIL" + d.words}
		}
		t.want, d.data = int(n), nil
		return []string{"DATA" + arg}
	case "flash":
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.written == nil {
			d.written = map[string][]byte{}
		}
		d.written[arg] = d.data
		return []string{"OKAY"}
	case "fetch":
		var partition string
		var off, n int
		_, err := fmt.Sscanf(strings.ReplaceAll(arg, ":", " "), "%s 0x%x 0x%x", &partition, &off, &n)
		if err != nil || off+n > len(d.written[partition]) {
			return []string{"FAILno such range"}
		}
		t.fetch = slices.Clone(d.written[partition][off : off+n])
		if d.rotten && off+n == len(d.written[partition]) {
			t.fetch[n-1] ^= 1
		}
		return []string{fmt.Sprintf("DATA%08x", n)}
	case "erase":
		<-time.After(d.erase) // of the bubble
		if d.mute {
			return nil
		}
		return []string{"OKAY"}
	}
	return []string{"FAILunrecognized command"}
}

func (t *oddTransport) WriteData(_ context.Context, p []byte) error {
	t.d.data = append(t.d.data, p...)
	if t.want -= len(p); t.want == 0 {
		t.queue = append(t.queue, "OKAY")
	}
	return nil
}

func (t *oddTransport) ReadPacket(ctx context.Context, p []byte) (int, error) {
	if len(t.queue) == 0 {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	n := copy(p, t.queue[0])
	t.queue = t.queue[1:]
	return n, nil
}

func (t *oddTransport) ReadData(_ context.Context, p []byte) (int, error) {
	if len(t.fetch) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.fetch)
	if t.fetch = t.fetch[n:]; len(t.fetch) == 0 {
		t.queue = append(t.queue, "OKAY")
	}
	return n, nil
}

func (t *oddTransport) Close() error { return nil }

// oddTarget is an oddDevice in its place.
type oddTarget struct {
	d    *oddDevice
	name string
}

func (t oddTarget) Where() flash.Where { return flash.Where{Address: "mem:" + t.name} }
func (t oddTarget) Fastboot(context.Context) (fastboot.Transport, error) {
	return &oddTransport{d: t.d}, nil
}
func (t oddTarget) Dial(context.Context, int) (net.Conn, error) { return nil, net.ErrClosed }

// runOdd runs one job on each of some devices with one runner, one after the other.
func runOdd(t *testing.T, steps []flash.Step, devices ...*oddDevice) (results []flash.JobDone, events []flash.Event) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := flash.NewEvents("odd", func(e flash.Event) { events = append(events, e) })
		r := flash.NewEngine(flash.EngineOptions{Events: e, Admission: admission.New(admission.Options{Concurrency: 1})})
		var jobs []flash.Job
		for i, d := range devices {
			jobs = append(jobs, flash.Job{ID: strconv.Itoa(i), Scope: flash.ScopeFlash, Target: oddTarget{d, strconv.Itoa(i)}, Steps: steps})
		}
		results = r.Run(t.Context(), jobs)
		e.Close()
	})
	return results, events
}

// TestSlowErase: a silent erase is waited for, with a word about it; one that never ends
// fails and is not begun again.
func TestSlowErase(t *testing.T) {
	im, _, _ := noiseImage(t, 100<<10)
	steps := []flash.Step{flash.Erase{Partition: "userdata"}.Step(), flash.WriteImage{Partition: "cache", Image: im}.Step()}
	vars := map[string]string{"product": "X", "serialno": "S1"}
	waits := func(events []flash.Event) (hints []string) {
		for _, e := range events {
			if w, ok := e.Body.(flash.Waiting); ok && w.For == "device" {
				hints = append(hints, w.Hint)
			}
		}
		return hints
	}

	slow := &oddDevice{vars: vars, erase: 75 * time.Second}
	results, _ := runOdd(t, steps, slow)
	if results[0].Result != flash.Pass || results[0].Seconds < 75 || len(slow.commands("erase:")) != 1 {
		t.Errorf("75 s: %+v after %q", results[0], slow.commands("erase:"))
	}

	never := &oddDevice{vars: vars, mute: true}
	results, events := runOdd(t, steps, never)
	if r := results[0]; r.Class != flash.ClassTimeout || r.Step != "erase:userdata" || !strings.Contains(r.Error, "still be erasing") ||
		len(never.commands("erase:")) != 1 {
		t.Errorf("never: %+v after %q", r, never.commands("erase:"))
	}
	want := []string{"erase:userdata: no answer for 10 s, up to 5 min", "erase:userdata: no answer for 20 s, up to 5 min",
		"erase:userdata: no answer for 40 s, up to 5 min",
		"erase:userdata: no answer for 80 s, up to 5 min", "erase:userdata: no answer for 3 min, up to 5 min"}
	if got := waits(events); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}

	// A family that is known to take longer.
	known := &oddDevice{vars: map[string]string{"product": "AGS2-L09", "serialno": "S1"}, mute: true}
	results, _ = runOdd(t, steps, known)
	if r := results[0]; r.Class != flash.ClassTimeout || r.Seconds < 600 {
		t.Errorf("AGS2: %+v", r)
	}
}

// TestDownloadTooLarge: smaller pieces are sent after a refusal, at once to the next
// tablet of the family, and not to those of others.
func TestDownloadTooLarge(t *testing.T) {
	im, _, content := noiseImage(t, 900<<10)
	steps := []flash.Step{flash.WriteImage{Partition: "userdata", Image: im}.Step()}
	device := func(product string, vars map[string]string) *oddDevice {
		d := &oddDevice{vars: map[string]string{"product": product, "serialno": "S-" + product}, takes: 400 << 10, words: "data too large"}
		for k, v := range vars {
			d.vars[k] = v
		}
		return d
	}
	for _, vars := range []map[string]string{nil, {"max-download-size": "0x20000000"}, {"max-download-size": "0"}} {
		first, second, other := device("X", vars), device("X", vars), device("Y", vars)
		other.words = "Requested download size is more than max allowed"
		results, events := runOdd(t, steps, first, second, other)
		for i, r := range results {
			if r.Result != flash.Pass || r.Retries != 0 {
				t.Errorf("%v: tablet %d: %+v", vars, i, r)
			}
		}
		refused := func(d *oddDevice) int { return len(d.commands("download:")) - len(d.commands("flash:")) }
		if refused(first) == 0 || refused(second) != 0 || refused(other) == 0 {
			t.Errorf("%v: refused %d, %d and %d times", vars, refused(first), refused(second), refused(other))
		}
		warned := slices.ContainsFunc(events, func(e flash.Event) bool {
			w, ok := e.Body.(flash.Warning)
			return ok && strings.Contains(w.Message, "data too large") && strings.Contains(w.Message, "pieces of at most")
		})
		if !warned {
			t.Errorf("%v: nobody was told", vars)
		}
		if !bytes.Contains(first.data, content[len(content)-4096:]) {
			t.Errorf("%v: the end of the image did not arrive", vars)
		}
	}

	// It never takes any: the failure has the device's words and a hint.
	none := device("Z", nil)
	none.takes = 1000
	results, _ := runOdd(t, steps, none)
	if r := results[0]; r.Class != flash.ClassDevice || !strings.Contains(r.Error, "data too large") ||
		!strings.Contains(r.Hint, "max-download-size") {
		t.Errorf("%+v", r)
	}
	if n := len(none.commands("download:")); n > 12 {
		t.Errorf("tried %d times", n)
	}
}

// TestLateAnswers: what a device says after its OKAY fails the step that it is about.
func TestLateAnswers(t *testing.T) {
	im, _, _ := noiseImage(t, 100<<10)
	vars := map[string]string{"product": "X", "serialno": "S1"}
	follow := func(cmd string, packets ...string) func(string) []string {
		return func(c string) []string {
			if c == cmd {
				return packets
			}
			return nil
		}
	}
	image := flash.WriteImage{Partition: "boot", Image: im}.Step()
	erase := flash.Erase{Partition: "cache"}.Step()
	for _, c := range []struct {
		name  string
		steps []flash.Step
		after func(string) []string
		class flash.Class // "": passes
		step  string
		says  string
	}{
		{"nothing", []flash.Step{image}, nil, "", "", ""},
		{"a FAIL after the OKAY of the last image", []flash.Step{image}, follow("flash:boot", "FAILwrite failure"),
			flash.ClassDevice, "flash:boot", "write failure"},
		{"a FAIL that says that it is locked", []flash.Step{erase, image}, follow("flash:boot", "FAILdevice is locked"),
			flash.ClassLocked, "flash:boot", "locked"},
		{"a FAIL after the OKAY of an erase", []flash.Step{image, erase}, follow("erase:cache", "FAILfailed to erase"),
			flash.ClassDevice, "erase:cache", "failed to erase"},
		{"a second OKAY", []flash.Step{image}, follow("flash:boot", "OKAY"), flash.ClassDevice, "flash:boot", "left over"},
		{"an INFO is no answer", []flash.Step{image}, follow("flash:boot", "INFOlate"), "", "", ""},
	} {
		results, _ := runOdd(t, c.steps, &oddDevice{vars: vars, after: c.after})
		r := results[0]
		failed := r.Result == flash.Fail && r.Class == c.class && r.Step == c.step && strings.Contains(r.Error, c.says)
		if c.class == "" && r.Result != flash.Pass || c.class != "" && !failed {
			t.Errorf("%s: %+v", c.name, r)
		}
	}

	// One round trip an image, and one a connection.
	quiet := &oddDevice{vars: vars}
	second := flash.WriteImage{Partition: "recovery", Image: im}.Step()
	if results, _ := runOdd(t, []flash.Step{image, second}, quiet); results[0].Result != flash.Pass {
		t.Fatal(results[0])
	}
	at := slices.Index(quiet.asked, "flash:boot")
	if n := len(quiet.commands("getvar:product")); n != 3 {
		t.Errorf("the product was asked %d times, want once and after each image: %q", n, quiet.asked[at:])
	}
}

// TestUnknownSlots: a tablet with slots that does not report which partitions have them gets
// no image in one slot for "all slots".
func TestUnknownSlots(t *testing.T) {
	im, _, _ := noiseImage(t, 20<<10)
	for _, c := range []struct {
		vars  map[string]string
		slot  string
		want  []string // written; nil: fails before anything is
		warns bool
	}{
		{map[string]string{"slot-count": "2", "current-slot": "a"}, "all", nil, false},
		{map[string]string{"slot-count": "2", "current-slot": "a"}, "b", nil, false},
		{map[string]string{"slot-count": "2", "current-slot": "a"}, "other", nil, false},
		{map[string]string{"slot-count": "2", "current-slot": "a"}, "", []string{"boot"}, true},
		{map[string]string{"slot-count": "2", "current-slot": "a"}, "current", []string{"boot"}, true},
		{map[string]string{"slot-count": "1"}, "all", []string{"boot"}, false},
		{nil, "", []string{"boot"}, false},
		{nil, "all", []string{"boot"}, true},
		{map[string]string{"slot-count": "2", "has-slot:boot": "Not found"}, "all", nil, false},
		{map[string]string{"slot-count": "2", "has-slot:boot": "no"}, "all", []string{"boot"}, false},
		{map[string]string{"slot-count": "2", "has-slot:boot": "0"}, "", []string{"boot"}, false},
		{map[string]string{"slot-count": "2", "has-slot:boot": "True"}, "all", []string{"boot_a", "boot_b"}, false},
		{map[string]string{"has-slot:boot": "1", "current-slot": "_b"}, "", []string{"boot_b"}, false},
		{map[string]string{"has-slot:boot": "yes"}, "", nil, false},
	} {
		d := &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1"}}
		for k, v := range c.vars {
			d.vars[k] = v
		}
		results, events := runOdd(t, []flash.Step{flash.WriteImage{Partition: "boot", Slot: c.slot, Image: im}.Step()}, d)
		name := fmt.Sprintf("%v, slot %q", c.vars, c.slot)
		var wrote []string
		for _, cmd := range d.commands("flash:") {
			wrote = append(wrote, strings.TrimPrefix(cmd, "flash:"))
		}
		if !slices.Equal(wrote, c.want) || (results[0].Result == flash.Pass) != (c.want != nil) {
			t.Errorf("%s: wrote %q, want %q: %+v", name, wrote, c.want, results[0])
		}
		warned := slices.ContainsFunc(events, func(e flash.Event) bool {
			w, ok := e.Body.(flash.Warning)
			return ok && strings.Contains(w.Message, "slots of boot")
		})
		if warned != c.warns {
			t.Errorf("%s: warned: %v", name, warned)
		}
	}
}

// TestReadBack: what a tablet gives out is compared with the image.
func TestReadBack(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for _, c := range []struct {
		name     string
		fetch    string // max-fetch-size; "" is not told
		rotten   bool
		verified string
		fetches  int
	}{
		{"not told", "", false, "sent", 0},
		{"nonsense", "lots", false, "sent", 0},
		{"in pieces", "0x10000", false, "fetched", 5},
		{"without a limit", "0xffffffffffffffff", false, "fetched", 1},
		{"not kept", "0x10000", true, "", 5},
	} {
		d := &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1", "max-download-size": "0x100000"}, rotten: c.rotten}
		if c.fetch != "" {
			d.vars["max-fetch-size"] = c.fetch
		}
		results, _ := runOdd(t, []flash.Step{flash.WriteImage{Partition: "boot", Image: im}.Step()}, d)
		r := results[0]
		if r.Verified != c.verified || len(d.commands("fetch:")) != c.fetches {
			t.Errorf("%s: %+v after %q", c.name, r, d.commands("fetch:"))
		}
		if c.verified == "" && (r.Class != flash.ClassDevice || !strings.Contains(r.Error, "byte 307199")) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}
