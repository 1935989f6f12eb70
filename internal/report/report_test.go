package report

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

func TestMoments(t *testing.T) {
	now := time.Date(2026, 11, 26, 14, 30, 0, 0, time.Local)
	day := func(d, hour int) time.Time { return time.Date(2026, 11, d, hour, 0, 0, 0, time.Local) }
	for _, c := range []struct {
		text  string
		whole bool
		want  time.Time
	}{
		{"", true, time.Time{}}, {"today", false, day(26, 0)}, {"today", true, day(27, 0)}, {"2026-11-30", true, day(31, 0)},
		{"2026-11-20", false, day(20, 0)}, {"2026-11-20T09:00", true, day(20, 9)}, {"7d", false, day(19, 0)},
		{"8h", false, now.Add(-8 * time.Hour)},
	} {
		if got, err := ParseMoment(c.text, now, c.whole); err != nil || !got.Equal(c.want) {
			t.Errorf("%q, %v: %v, %v", c.text, c.whole, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-8h", "2026-11-31", "-3d", "100000d"} {
		_, err := ParseMoment(text, now, false)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestQuestionsThatHaveNoAnswer(t *testing.T) {
	for _, q := range []Question{{By: "colour"}, {Since: "soon"}, {Until: "soon"}, {Since: "2026-11-26", Until: "2026-11-25"}} {
		_, err := q.Ask(time.Now())
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%+v: %v", q, err)
		}
	}
}

// tablet is a target that only has a name.
type tablet string

func (t tablet) Where() flash.Where { return flash.Where{Address: string(t), Serial: "S" + string(t)} }

func (tablet) Fastboot(context.Context) (fastboot.Transport, error) { return nil, io.EOF }

func (tablet) Dial(context.Context, int) (net.Conn, error) { return nil, io.EOF }

func TestReportOfALedger(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, d := range map[tablet]flash.JobDone{
		"1": {Result: flash.Pass, Seconds: 90, Measurements: []flash.Measurement{{Name: "boot", Unit: "ms", Value: 61_000, High: 60_000},
			{Name: "wire", Unit: "B/s", Value: 40_000_000}}}, "2": {Result: flash.Fail, Class: flash.ClassCable, Step: "flash:boot", Error: "gone"},
	} {
		job := flash.Job{ID: "r-" + string(name), Target: name, Scope: flash.ScopeFlash, Circumstances: flash.Circumstances{Lot: "=1+1"}}
		if err := l.Intent(job, name.Where()); err != nil {
			t.Fatal(err)
		}
		if err := l.Step(job, flash.StepDone{Step: "flash:boot", Result: flash.StepOK, Seconds: 2}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(job, name.Where(), d); err != nil {
			t.Fatal(err)
		}
	}
	for by, want := range map[string][3][]string{
		"":    {{"all  2        1       50.0 %", "boot      1     1"}, {"all,,2,2,0,1,0.5000"}, {"all"}},
		"lot": {{"LOT", "=1+1  2", "1       50.0 %   cable  flash:boot", "flash:boot  "}, {"lot,'=1+1,2,2,0,1,"}, {"all", "lot"}},
	} {
		r, err := Question{Since: "today", By: by}.Ask(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Count(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		var text, csv strings.Builder
		if err := r.Text(&text, nil); err != nil {
			t.Fatal(err)
		}
		if err := r.CSV(&csv, false); err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		if err := r.Text(&said, words.For("ru")); err != nil {
			t.Fatal(err)
		}
		for _, w := range []string{"ПЛАНШЕТОВ", "50,0 %", " до этой минуты\n", "НЕ ПРОШЛИ"} {
			if !strings.Contains(said.String(), w) {
				t.Errorf("by %q there is no %q in\n%s", by, w, said.String())
			}
		}
		for i, got := range []string{text.String(), csv.String()} {
			for _, w := range want[i] {
				if !strings.Contains(got, w) {
					t.Errorf("by %q there is no %q in\n%s", by, w, got)
				}
			}
		}
		var book, html, htf, wats bytes.Buffer
		for _, err := range []error{r.XLSX(&book), r.HTML(&html, words.For("en"), "dev", time.Now()),
			r.Export(t.Context(), &htf, l, OpenHTF), r.Export(t.Context(), &wats, l, WSJF)} {
			if err != nil {
				t.Error(err)
			}
		}
		f, err := excelize.OpenReader(&book)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows("report")
		if err != nil || len(rows) != 2 ||
			rows[0][6] != "first_pass" || rows[1][2] != "2" || rows[1][6] != "0.5" || by != "" && rows[1][1] != "=1+1" {
			t.Errorf("by %q: %q %v", by, rows, err)
		}
		if formula, err := f.GetCellFormula("report", "B2"); formula != "" || err != nil {
			t.Errorf("a text became the formula %q", formula)
		}
		for _, w := range []string{"50.0", "cable flash:boot", "Zarya dev"} {
			if !strings.Contains(html.String(), w) {
				t.Errorf("by %q there is no %q in\n%s", by, w, &html)
			}
		}
		for _, w := range []string{`"outcome":"ERROR","outcome_details":[{"code":"cable","description":"gone"}]`,
			`"boot":{"name":"boot","outcome":"FAIL","measured_value":61000,"units":"ms","validators":["x <= 60000"]}`,
			`"wire":{"name":"wire","outcome":"PASS","measured_value":40000000,"units":"B/s"}`} {
			if !strings.Contains(htf.String(), w) {
				t.Errorf("there is no %s in\n%s", w, &htf)
			}
		}
		for _, w := range []string{`"result":"E"`, `"result":"P"`, `"compOp":"LE","status":"F","unit":"ms","value":61000,"highLimit":60000`,
			`"compOp":"LOG","status":"P","unit":"B/s"`, `"stepType":"SequenceCall"`} {
			if !strings.Contains(wats.String(), w) {
				t.Errorf("there is no %s in\n%s", w, &wats)
			}
		}
		for i, it := range r.Items() {
			if it.By != want[2][i] || it.FirstPass == nil || *it.FirstPass != 0.5 || len(it.Limits) != 1 || it.Limits[0].Outside != 1 {
				t.Errorf("by %q: %+v", by, it)
			}
		}
	}
}

// Every form writes what it is for, and what cannot be written is refused before a job is read.
func TestForms(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	job := flash.Job{ID: "r-1", Target: tablet("1"), Scope: flash.ScopeFlash}
	if err := l.Intent(job, tablet("1").Where()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Result(job, tablet("1").Where(), flash.JobDone{Result: flash.Pass, Seconds: 1.5}); err != nil {
		t.Fatal(err)
	}
	begins := map[string]string{"text": "from the beginning", "json": "", "csv": "by,", "xlsx": "PK", "html": "<!doctype html>",
		"openhtf": `{"dut_id":"S1"`, "wsjf": "{"}
	for _, name := range Forms {
		r, err := Question{}.Ask(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		f := Form{Name: name}
		err = errors.Join(f.Check(), r.Read(t.Context(), l, f, &out), r.Write(&out, f, words.For("en"), "dev", time.Now()))
		if want, ok := begins[name]; err != nil || !ok || !strings.HasPrefix(out.String(), want) || (want == "") != (out.Len() == 0) {
			t.Errorf("%s, %v: %.40q does not begin with %q", name, err, &out, want)
		}
		if jobs := name == "openhtf" || name == "wsjf"; jobs == (r.All.Jobs == 1) {
			t.Errorf("%s counted %d jobs", name, r.All.Jobs)
		}
	}
	for _, bad := range []Form{{Name: "xml"}, {Name: "text", ExcelRu: true}} {
		err := bad.Check()
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if err := (Form{Name: "csv", ExcelRu: true}).Check(); err != nil {
		t.Error(err)
	}
}

func TestTheTemplateIsTheOneThatIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.html")
	if err := os.WriteFile(file, []byte("{{.Lot}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"": "", file: "{{.Lot}}"} {
		if text, err := ReadTemplate(name); text != want || err != nil {
			t.Errorf("%q: %q, %v", name, text, err)
		}
	}
	_, err := ReadTemplate(file + ".not")
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
		t.Error(err)
	}
}

// An empty ledger has a report too, and what cannot be told is not told.
func TestReportOfNothing(t *testing.T) {
	r, err := Question{}.Ask(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if it := r.Items()[0]; it.FirstPass != nil || it.Rate != nil || it.Failures == nil || it.Limits == nil {
		t.Errorf("%+v", it)
	}
	var text strings.Builder
	if err := r.Text(&text, nil); err != nil || !strings.Contains(text.String(), "from the beginning until now") {
		t.Errorf("%v: %s", err, text.String())
	}
}

// The last job of each tablet of the lot counts; the page says it in the language that is asked for.
func TestProtocol(t *testing.T) {
	l, err := ledger.OpenMemory("bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	end := func(serial tablet, lot string, golden bool, d flash.JobDone) {
		t.Helper()
		job := flash.Job{ID: t.Name() + string(serial) + string(d.Result) + lot, Target: serial, Scope: flash.ScopeRun,
			Profile: "kiosk", Bundle: "census 5.1", Source: flash.Source{Bundle: "sha256:bb", Signer: "SHA256:cc"},
			Circumstances: flash.Circumstances{Lot: lot, Operator: "Ann", Golden: golden}}
		if _, err := l.Result(job, serial.Where(), d); err != nil {
			t.Fatal(err)
		}
	}
	pass, fail := flash.JobDone{Result: flash.Pass, Inventory: "C-1"}, flash.JobDone{Result: flash.Fail, Class: flash.ClassBoot}
	end("1", "17", false, fail)
	end("1", "17", false, pass)
	end("2", "17", false, fail)
	end("3", "17", true, pass)
	end("4", "18", false, pass)
	end("5", "17", false, flash.JobDone{Result: flash.Interrupted})
	p, err := NewProtocol(t.Context(), l, "17", words.For("ru"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Total != 2 || p.Passed != 1 || p.Failed != 1 ||
		len(p.Sources) != 1 || p.Sources[0].N != 1 || len(p.Stations) != 1 || len(p.Operators) != 1 {
		t.Errorf("%+v", p)
	}
	var page bytes.Buffer
	if err := p.HTML(&page, "", words.For("ru")); err != nil {
		t.Fatal(err)
	}
	for _, w := range []string{"Акт приёмки", "C-1", "ГОТОВ", "БРАК", "sha256:bb", "SHA256:cc"} {
		if !strings.Contains(page.String(), w) {
			t.Errorf("there is no %q in\n%s", w, &page)
		}
	}
	if _, err := NewProtocol(t.Context(), l, "19", words.For("en")); err == nil {
		t.Error("a lot that is not there has a protocol")
	}
}
