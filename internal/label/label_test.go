package label

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/oned"
	"github.com/makiuchi-d/gozxing/qrcode"
	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// passed is the record of a tablet that passed.
func passed() *ledger.JobRecord {
	return &ledger.JobRecord{Record: "bench-3-1042", Station: "bench-3", Job: "j", Scope: flash.ScopeRun, Serial: "EPHUT20A05001234",
		Model: "AGS3-L09", Inventory: "INV-004821", Result: "pass", Ended: "2026-11-26T12:02:00.000000Z"}
}

func must(t *testing.T, j *ledger.JobRecord) Label {
	t.Helper()
	l, err := Of(j, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Ended = "2026-11-26 14:02" // whatever the zone
	return l
}

// decoded reads what is in a picture: its QR code, and the barcodes below it.
func decoded(t *testing.T, l Label, s Size) (square string, linear []string) {
	t.Helper()
	b, err := l.Write("png", s)
	if err != nil {
		t.Fatal(err)
	}
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if im.Bounds() != image.Rect(0, 0, s.Width*s.Dots, s.Height*s.Dots) {
		t.Errorf("the picture is %v", im.Bounds())
	}
	bitmap := func(r image.Rectangle) *gozxing.BinaryBitmap {
		part := image.NewGray(image.Rect(0, 0, r.Dx(), r.Dy()))
		draw.Draw(part, part.Bounds(), im, r.Min, draw.Src)
		m, err := gozxing.NewBinaryBitmapFromImage(part)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	d, err := l.layout(s)
	if err != nil {
		t.Fatal(err)
	}
	q := d.codes[0]
	got, err := qrcode.NewQRCodeReader().Decode(bitmap(image.Rect(0, 0, q.x+q.h+s.Dots, q.y+q.h+s.Dots)),
		map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatalf("the QR code: %v", err)
	}
	for _, c := range d.codes[1:] {
		got, err := oned.NewCode128Reader().Decode(bitmap(image.Rect(0, c.y, d.w, c.y+c.h)), nil)
		if err != nil {
			t.Fatalf("the barcode of %s: %v", c.data, err)
		}
		linear = append(linear, got.GetText())
	}
	return got.GetText(), linear
}

// What a reader reads is what the record says.
func TestReadBack(t *testing.T) {
	failed := passed()
	failed.Result, failed.Class, failed.Inventory = "fail", flash.ClassLocked, "ИНВ-00042"
	hostile := passed()
	hostile.Serial, hostile.Inventory, hostile.Model = "^XA~JA_5E&result=PASS", "a>b", "\"'<x>"
	for name, c := range map[string]struct {
		job    *ledger.JobRecord
		linear string
	}{
		"passed": {passed(), "INV-004821 EPHUT20A05001234"}, "failed": {failed, "EPHUT20A05001234"},
		"hostile": {hostile, "^XA~JA_5E&result=PASS"},
	} {
		for _, s := range []Size{Usual, {58, 40, 12}, {100, 60, 8}} {
			l := must(t, c.job)
			square, linear := decoded(t, l, s)
			if strings.Join(linear, " ") != c.linear {
				t.Errorf("%s at %v: barcodes %q, not %q", name, s, linear, c.linear)
			}
			values, err := url.ParseQuery(strings.TrimPrefix(square, "zarya:?"))
			want := url.Values{"serial": {c.job.Serial}, "inventory": {c.job.Inventory}, "model": {c.job.Model},
				"result": {l.Result}, "record": {"bench-3-1042"}}
			if err != nil || values.Encode() != want.Encode() {
				t.Errorf("%s at %v: the QR code has %q", name, s, square)
			}
		}
	}
	if _, linear := decoded(t, must(t, passed()), Size{40, 25, 12}); strings.Join(linear, " ") != "EPHUT20A05001234" {
		t.Errorf("a small label has the barcodes %q", linear)
	}
}

func TestGolden(t *testing.T) {
	failed := passed()
	failed.Result, failed.Class, failed.Serial, failed.Inventory, failed.Golden = "fail", flash.ClassLocked, "a^b~c_d", "ИНВ-00042", true
	again := must(t, failed)
	again.Copy = 2
	for name, l := range map[string]Label{"passed": must(t, passed()), "failed": again} {
		got, err := l.Write("zpl", Usual)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".zpl")
		if os.Getenv("ZARYA_UPDATE") != "" {
			if err := errors.Join(os.MkdirAll("testdata", 0o750), os.WriteFile(file, got, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s (ZARYA_UPDATE=1 writes it anew), %v:\n%s", file, err, got)
		}
	}
}

// The pictures of the documentation are labels as they are printed (ZARYA_UPDATE=1).
func TestPicturesOfTheDocumentation(t *testing.T) {
	failed := passed()
	failed.Result, failed.Class = "fail", flash.ClassLocked
	again := must(t, failed)
	again.Copy = 2
	for name, l := range map[string]Label{"label.png": must(t, passed()), "label-failed.png": again} {
		got, err := l.Write("png", Usual)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("..", "..", "docs", "pictures", name)
		if os.Getenv("ZARYA_UPDATE") != "" {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		old, err := png.Decode(bytes.NewReader(kept))
		if err != nil {
			t.Fatal(err)
		}
		printed, err := png.Decode(bytes.NewReader(got))
		if err != nil || !reflect.DeepEqual(old, printed) {
			t.Errorf("%s is not the label of today: run make pictures (%v)", file, err)
		}
	}
}

var (
	zplLine  = regexp.MustCompile(`^(\^(XA|XZ|CI28|PW\d+|LL\d+|LH0,0)|\^FO\d+,\d+(\^GB\d+,\d+,\d+|[^~]*?\^FH\^FD[^~^]*)\^FS)$`)
	zplStyle = regexp.MustCompile(`^\^FO\d+,\d+(\^BQN,2,\d+|\^BY\d\^BCN,\d+,N,N,N,A|` +
		`(\^FR)?\^A0N,\d+,\d+|(\^FR)?\^A@N,\d+,\d+,E:TT0003M_\.FNT)\^FH\^FD`)
)

// Nothing on a label is a command of the printer.
func TestNoCommands(t *testing.T) {
	for _, evil := range []string{"^XZ^XA^FDPASS^FS", "~JA", "^CC*", "_5EXZ", "x\n^XZ", "a\\&b", "ж^~", "\x1b~", strings.Repeat("^", 64)} {
		j := passed()
		j.Serial, j.Inventory, j.Model, j.Record = evil, evil, evil, evil
		b, err := must(t, j).Write("zpl", Usual)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSuffix(line, "\n")
			if !zplLine.MatchString(line) || strings.Contains(line, "^FD") && !zplStyle.MatchString(line) {
				t.Errorf("%q makes the line %q", evil, line)
			}
		}
	}
}

func TestOf(t *testing.T) {
	for word, j := range map[string]*ledger.JobRecord{
		"PASS": {Scope: flash.ScopeRun, Result: "pass"}, "COMPLIANT": {Scope: flash.ScopeRun, Result: "compliant"},
		"FLASHED": {Scope: flash.ScopeFlash, Result: "pass"}, "PROVISIONED": {Scope: flash.ScopeProvision, Result: "pass"},
		"FAIL cable": {Scope: flash.ScopeRun, Result: "fail", Class: "cable"}, "INTERRUPTED": {Scope: flash.ScopeRun, Result: "interrupted"},
		"SKIPPED": {Scope: flash.ScopeRun, Result: "skipped"}, "FAIL": {Scope: flash.ScopeRun, Result: "anything"},
	} {
		j.Ended = passed().Ended
		if l := must(t, j); l.Result != word || l.Good != (j.Result == "pass" || j.Result == "compliant") {
			t.Errorf("%s %s: %q, good: %t", j.Scope, j.Result, l.Result, l.Good)
		}
	}
	running, long, bad := passed(), passed(), passed()
	running.Ended, long.Serial, bad.Ended = "", strings.Repeat("1", 65), "yesterday"
	for name, j := range map[string]*ledger.JobRecord{"running": running, "long": long, "bad time": bad} {
		if l, err := Of(j, nil); err == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, good := range [][2]string{{"", ""}, {"58x40", "203"}, {"100x150", "300"}, {"40x25", "600"}} {
		if _, err := ParseSize(good[0], good[1]); err != nil {
			t.Error(good, err)
		}
	}
	for _, bad := range [][2]string{{"58", ""}, {"58x40mm", ""}, {"39x40", ""}, {"58x999", ""}, {"x", ""}, {"", "72"}, {"-58x40", ""}} {
		if s, err := ParseSize(bad[0], bad[1]); err == nil {
			t.Errorf("%q is %v", bad, s)
		}
	}
}

func TestPaper(t *testing.T) {
	l := must(t, passed())
	one, err := l.Write("pdf", Usual)
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.Write("pdf", Usual)
	if err != nil || !bytes.Equal(one, two) || !bytes.HasPrefix(one, []byte("%PDF-")) ||
		!bytes.Contains(one, []byte("/MediaBox [0 0 164.41 113.39]")) {
		t.Errorf("two pages of one label differ, or have another size: %v", err)
	}
	if _, err := l.Write("gif", Usual); err == nil {
		t.Error("there is a gif")
	}
}

// records is a ledger of jobs that ended as told, in this order.
func records(t *testing.T, ends ...flash.JobDone) *ledger.Ledger {
	t.Helper()
	l, err := ledger.OpenMemory("st")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for i, d := range ends {
		where := flash.Where{Port: "1-1", Serial: "S1"}
		job := flash.Job{ID: fmt.Sprintf("j%d", i), Scope: flash.ScopeRun}
		d.Scope = flash.ScopeRun
		if err := l.Intent(job, where); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(job, where, d); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// No label says PASS of a tablet that failed since.
func TestFind(t *testing.T) {
	l := records(t, flash.JobDone{Result: flash.Fail, Class: flash.ClassBoot}, flash.JobDone{Result: flash.Pass})
	for name, want := range map[string]string{"S1": "pass", "j0": "fail", "st-2": "fail", "j1": "pass", "st-4": "pass"} {
		if j, err := Find(t.Context(), l, name); err != nil || j.Result != want {
			t.Errorf("%s: %+v, %v", name, j, err)
		}
	}
	l = records(t, flash.JobDone{Result: flash.Pass}, flash.JobDone{Result: flash.Fail, Class: flash.ClassBoot},
		flash.JobDone{Result: flash.Skipped})
	if j, err := Find(t.Context(), l, "S1"); err != nil || j.Result != "fail" {
		t.Errorf("%+v, %v", j, err)
	}
	for _, name := range []string{"st-2", "j0", "nobody", "st-1", "st-99"} {
		if j, err := Find(t.Context(), l, name); err == nil {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

// An order that leaves everything out is the usual label, at the printer that there is.
func TestOrder(t *testing.T) {
	l := records(t, flash.JobDone{Result: flash.Pass})
	for _, c := range []struct {
		o          Order
		printer    string
		to, format string
	}{
		{Order{}, "", "-", "zpl"},
		{Order{}, "tcp:printer", "tcp:printer", "zpl"},
		{Order{To: "a.png"}, "tcp:printer", "a.png", "png"},
		{Order{To: "a.png", Format: "pdf"}, "", "a.png", "pdf"},
	} {
		c.o.Name = "S1"
		if err := c.o.Ready(c.printer, true); err != nil || c.o.To != c.to || c.o.Format != c.format {
			t.Errorf("%+v, %v; want %s at %s", c.o, err, c.format, c.to)
		}
		if b, err := c.o.Issue(t.Context(), l); err != nil || len(b) == 0 {
			t.Errorf("%+v: %d bytes, %v", c.o, len(b), err)
		}
	}
	for _, bad := range []Order{{Format: "pdf"}, {Size: "1x1"}, {DPI: "72"}} {
		if err := bad.Ready("", true); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	pdf := Order{Format: "pdf", Name: "nobody"}
	if err := pdf.Ready("", false); err != nil {
		t.Errorf("no terminal: %v", err)
	}
	if _, err := pdf.Issue(t.Context(), l); err == nil {
		t.Error("nobody has a label")
	}
}

// listen is a printer on the network, and what it got.
func listen(t *testing.T) (Printer, <-chan string) {
	t.Helper()
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = at.Close() })
	got := make(chan string, 9)
	go func() {
		defer close(got)
		for {
			conn, err := at.Accept()
			if err != nil {
				return
			}
			b, _ := io.ReadAll(conn)
			_ = conn.Close()
			got <- string(b)
		}
	}()
	return Printer("tcp:" + at.Addr().String()), got
}

// Labels are printed as jobs end, each is recorded, and Close waits for them.
func TestService(t *testing.T) {
	l := records(t, flash.JobDone{Result: flash.Pass}, flash.JobDone{Result: flash.Fail, Class: flash.ClassBoot})
	for _, all := range []bool{false, true} {
		printer, got := listen(t)
		s := Start(t.Context(), Options{Printer: printer, Size: Usual, All: all, Record: l.Record, Note: l.Label, Warn: t.Errorf})
		s.Event(flash.Event{Body: flash.Warning{}})
		s.Event(flash.Event{Body: flash.JobDone{Result: flash.Pass, Record: "st-2"}})
		s.Event(flash.Event{Body: flash.JobDone{Result: flash.Fail, Record: "st-4"}})
		s.Event(flash.Event{Body: flash.JobDone{Result: flash.Skipped, Record: "st-4"}})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if first := <-got; !strings.Contains(first, "^FDPASS^FS") || strings.Contains(first, "copy 2") != all {
			t.Errorf("the printer got %q", first)
		}
		if all {
			if second := <-got; !strings.Contains(second, "^FDFAIL boot^FS") {
				t.Errorf("the printer got %q", second)
			}
		}
	}
	copies := 0
	for e, err := range l.Entries(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == ledger.KindLabel {
			copies++
		}
	}
	if copies != 3 {
		t.Errorf("%d labels are recorded", copies)
	}
}

// A printer that fails is told once, and holds up the end only once.
func TestServiceFails(t *testing.T) {
	l := records(t, flash.JobDone{Result: flash.Pass})
	warned := make(chan struct{}, 9)
	o := Options{Printer: Printer(filepath.Join(t.TempDir(), "no", "folder")), Size: Usual, Record: l.Record, Note: l.Label,
		Warn: func(string, ...any) { warned <- struct{}{} }}
	s := Start(t.Context(), o)
	for range 3 {
		s.Event(flash.Event{Body: flash.JobDone{Result: flash.Pass, Record: "st-2"}})
	}
	<-warned
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "3 labels could not be printed") || len(warned) > 0 {
		t.Errorf("%v, told %d times more", err, len(warned))
	}
	o.Record = func(context.Context, string) (*ledger.JobRecord, ledger.Head, bool, error) {
		return nil, ledger.Head{}, false, nil
	}
	s = Start(t.Context(), o)
	s.Event(flash.Event{Body: flash.JobDone{Result: flash.Pass, Record: "st-2"}})
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "no such record") {
		t.Error(err)
	}
}
