package records

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// tablet is a target that only has a name.
type tablet string

func (t tablet) Where() flash.Where { return flash.Where{Address: string(t), Serial: "S" + string(t)} }

func (tablet) Fastboot(context.Context) (fastboot.Transport, error) { return nil, io.EOF }

func (tablet) Dial(context.Context, int) (net.Conn, error) { return nil, io.EOF }

// filled makes a ledger: tablet 1 passed with a bundle, tablet 2 failed, tablet 3 was cut off.
func filled(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ledger.db")
	l, err := Open(t.Context(), path, "bench")
	if err != nil {
		t.Fatal(err)
	}
	defer Close(l, &err)
	for i, name := range []tablet{"1", "2", "3"} {
		job := flash.Job{ID: "run-" + string(name), Target: name, Scope: flash.ScopeFlash, Bundle: "=census 5.1",
			Steps:         []flash.Step{flash.Erase{Partition: "a"}.Step()},
			Circumstances: flash.Circumstances{Operator: "Ann", Lot: "0017", Program: "dev"}}
		d := flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Pass, Verified: "sent", Bytes: 7 << 20, Seconds: 1.5}
		if i == 1 {
			d = flash.JobDone{Scope: flash.ScopeFlash, Result: flash.Fail, Class: flash.ClassDevice, Step: "erase:a", Error: "it says no"}
		}
		if err := l.Intent(job, name.Where()); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			break
		}
		if err := l.Step(job, flash.StepDone{Step: "erase:a", Result: flash.StepOK, Seconds: 0.25, Bytes: 4096}); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(job, name.Where(), d); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// reading reads a ledger.
func reading(t *testing.T, path string, do func(l *ledger.Ledger)) {
	t.Helper()
	if err := Read(t.Context(), path, func(_ context.Context, l *ledger.Ledger) error { do(l); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestSelectionChooses(t *testing.T) {
	reading(t, filled(t), func(l *ledger.Ledger) {
		for want, s := range map[string]Selection{
			"run-1 run-2 run-3": {Since: time.Hour}, "run-2": {Result: "fail"}, "run-1": {Serial: "S1"}, "": {Result: "pass", Serial: "S2"},
		} {
			jobs, err := s.Jobs(t.Context(), l)
			var got []string
			for _, j := range jobs {
				got = append(got, j.Job)
			}
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("%+v: %v, %v", s, got, err)
			}
		}
		for _, name := range []string{"run-2", "S2"} {
			if jobs, err := Named(t.Context(), l, name); err != nil || len(jobs) != 1 || jobs[0].Job != "run-2" {
				t.Errorf("%s: %v, %v", name, jobs, err)
			}
		}
	})
	if (Selection{Result: "good"}).Check() == nil || (Selection{Since: -1}).Check() == nil || (Selection{Result: "running"}).Check() != nil {
		t.Error("a selection that cannot be is taken, or one that can be is not")
	}
}

func TestTexts(t *testing.T) {
	reading(t, filled(t), func(l *ledger.Ledger) {
		jobs, err := Selection{}.Jobs(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]func(io.Writer) error{
			"table":   func(w io.Writer) error { return Table(w, nil, jobs) },
			"text":    func(w io.Writer) error { Text(w, nil, jobs); return nil },
			"таблица": func(w io.Writer) error { return Table(w, words.For("ru"), jobs) },
			"текст":   func(w io.Writer) error { Text(w, words.For("ru"), jobs); return nil },
			"csv":     func(w io.Writer) error { return CSV(w, jobs, false) },
			"chain":   func(w io.Writer) error { return Export{Format: "jsonl"}.Write(t.Context(), w, l) },
			"none": func(w io.Writer) error {
				return Export{Format: "csv", Selection: Selection{Serial: "nobody"}}.Write(t.Context(), w, l)
			},
			"heads": func(w io.Writer) error { return Heads(w, nil, []ledger.Head{{Station: "bench", Seq: 3, Hash: "0a"}}) },
		}
		for name, want := range map[string][]string{
			"table":   {"FLASHED", "FAIL device", "7 MB", "INTERRUPTED"},
			"text":    {"erase:a: ok, 0.25s, 4 kB", "operator  Ann", "error     erase:a: it says no", "verified  sent"},
			"таблица": {"ЗАПИСАН", "БРАК отказ", "7 МБ", "ПРЕРВАН"},
			"текст":   {"erase:a: норма, 0,25 с, 4 кБ", "оператор   Ann"},
			"csv":     {"bench,run-1,", ",pass,sent,,,,7340032,1.500,'=census 5.1,Ann,0017,1,false,dev,"},
			"chain":   {`{"station":"bench","seq":1,`, `"kind":"intent"`, `"prev":"00000000`},
			"none":    {"record,station,job,"},
			"heads":   {"bench: 3 entries, unbroken, the last is 0a\n"},
		} {
			var out strings.Builder
			if err := texts[name](&out); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, w := range want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%s has no %q:\n%s", name, w, out.String())
				}
			}
		}
	})
}

// A chain is exported whole; what narrows CSV is refused for it.
func TestExportIsCheckedBeforeItIsWritten(t *testing.T) {
	for said, e := range map[string]Export{
		"--since":    {Format: "jsonl", Selection: Selection{Since: time.Hour}},
		"--result":   {Format: "jsonl", Selection: Selection{Result: "pass"}},
		"--serial":   {Format: "jsonl", Selection: Selection{Serial: "S1"}},
		"--excel-ru": {Format: "jsonl", ExcelRu: true},
		`"xml"`:      {Format: "xml"},
		"no result":  {Format: "csv", Selection: Selection{Result: "good"}},
	} {
		err := e.Check()
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage || !strings.Contains(err.Error(), said) {
			t.Errorf("%+v: %v does not say %s", e, err, said)
		}
	}
	for _, e := range []Export{{Format: "jsonl"}, {Format: "csv", ExcelRu: true, Selection: Selection{Since: time.Hour, Serial: "S1"}}} {
		if err := e.Check(); err != nil {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestFindWantsSomething(t *testing.T) {
	reading(t, filled(t), func(l *ledger.Ledger) {
		if jobs, err := Find(t.Context(), l, "run-1"); err != nil || len(jobs) != 1 {
			t.Errorf("%v, %v", jobs, err)
		}
		_, err := Find(t.Context(), l, "nobody")
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("nobody: %v", err)
		}
	})
}

func TestMeasurementsAsPeopleReadThem(t *testing.T) {
	for want, m := range map[string]flash.Measurement{
		"boot: 12.50s, at most 60.00s":              {Name: "boot", Unit: "ms", Value: 12_500, High: 60_000},
		"wire: 40 MB/s, at least 10 MB/s":           {Name: "wire", Unit: "B/s", Value: 40_000_000, Low: 10_000_000},
		"wire: 4 MB/s, at least 10 MB/s: beyond it": {Name: "wire", Unit: "B/s", Value: 4_000_000, Low: 10_000_000},
		"battery: 80 %":                             {Name: "battery", Unit: "%", Value: 80},
	} {
		if got := measurement(nil, m); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

func TestVerify(t *testing.T) {
	path := filled(t)
	var heads []ledger.Head
	reading(t, path, func(l *ledger.Ledger) {
		v, err := Verify(t.Context(), l, nil, "")
		if err != nil || len(v.Heads) != 1 || len(v.Clashes) != 0 {
			t.Errorf("%+v, %v", v, err)
		}
		heads = v.Heads
	})
	heads[0].Seq += 5 // what was kept elsewhere has more
	reading(t, path, func(l *ledger.Ledger) {
		if _, err := Verify(t.Context(), l, heads, "heads.jsonl"); !invalid(err) {
			t.Errorf("a shorter chain: %v", err)
		}
	})
	l, err := ledger.Open(t.Context(), path, "bench")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append("x", struct{}{}, func(tx *ledger.Tx) error {
		_, err := tx.Exec("UPDATE attempt SET n = n + 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	reading(t, path, func(l *ledger.Ledger) {
		var edited *EditedError
		if _, err := Verify(t.Context(), l, nil, ""); !errors.As(err, &edited) || len(edited.Differences) == 0 || !invalid(err) {
			t.Errorf("an edited table: %v", err)
		}
	})
}

func invalid(err error) bool {
	kind, ok := problem.KindOf(err)
	return ok && kind == problem.Invalid
}

func TestKeptHeadsAreRead(t *testing.T) {
	if heads, err := ReadHeads(t.Context(), "", ""); heads != nil || err != nil {
		t.Errorf("%v, %v", heads, err)
	}
	empty := filepath.Join(t.TempDir(), "heads")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHeads(t.Context(), empty, ""); !invalid(err) {
		t.Errorf("no head: %v", err)
	}
	if _, err := ReadHeads(t.Context(), empty+"-not", ""); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestDispose(t *testing.T) {
	path := filled(t)
	var failed, passed string
	reading(t, path, func(l *ledger.Ledger) {
		for _, j := range must(Selection{}.Jobs(t.Context(), l)) {
			switch j.Result {
			case "fail":
				failed = j.Record
			case "pass":
				passed = j.Record
			}
		}
	})
	l, err := Open(t.Context(), path, "bench")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Dispose(t.Context(), l, failed, "scrap", "17"); err != nil {
		t.Error(err)
	}
	err = Dispose(t.Context(), l, passed, "scrap", "17")
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
		t.Errorf("a tablet that passed: %v", err)
	}
	if CheckDisposition("scrap") != nil || CheckDisposition("sell") == nil {
		t.Error("scrap is a disposition, and sell is none")
	}
	if err := Beside(t.Context(), l, func(l *ledger.Ledger) error {
		jobs := must(Selection{Result: "fail"}.Jobs(t.Context(), l))
		if len(jobs) != 1 || jobs[0].Disposition != ledger.Scrap {
			t.Errorf("read beside the writer: %+v", jobs)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestNewestBundle(t *testing.T) {
	path := filled(t)
	for name, want := range map[string]string{"=census": "5.1", "other": ""} {
		if v, err := Newest(t.Context(), path, name); err != nil || v != want {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	if v, err := Newest(t.Context(), path+"-not", "=census"); v != "" || err != nil {
		t.Errorf("without a ledger: %q, %v", v, err)
	}
}

// What can be done is said for each way in which a ledger does not open.
func TestTroubleSaysWhatToDo(t *testing.T) {
	for want, err := range map[string]error{
		"use the newer zarya": &ledger.NewerError{}, "end the program": &ledger.HeldError{Err: io.EOF},
		"put the right file back": &ledger.RolledBackError{}, "nothing was recorded there": fs.ErrNotExist, "right owner and room": io.EOF,
	} {
		var p *problem.Error
		if !errors.As(Trouble("l.db", err), &p) || p.Kind != problem.Station || !strings.Contains(p.Hint, want) {
			t.Errorf("%v: %+v", err, p)
		}
	}
	if err := Read(t.Context(), "", nil); err == nil {
		t.Error("no ledger was read")
	}
	if err := Read(t.Context(), filepath.Join(t.TempDir(), "none.db"), nil); err == nil {
		t.Error("a ledger that is not there was read")
	}
	if l, err := Open(t.Context(), "", ""); l != nil || err != nil {
		t.Errorf("no path is %v, %v", l, err)
	}
	if _, err := Open(t.Context(), t.TempDir(), "bench"); err == nil {
		t.Error("a folder is a ledger")
	}
	if Begun(filepath.Join(t.TempDir(), "none.db")) || !Begun("") {
		t.Error("what is not there was begun, or reading does not say that there is none")
	}
}

// A ledger of which an older file was put back can be read, and goes on when that is accepted.
func TestAcceptALedgerThatLostEntries(t *testing.T) {
	path := filled(t)
	old := must(os.ReadFile(path))
	l := must(Open(t.Context(), path, "bench"))
	must(l.Append("x", struct{}{}, nil))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + of)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, "bench"); err == nil {
		t.Fatal("an older ledger was put back, and nobody saw it")
	}
	reading(t, path, func(l *ledger.Ledger) {
		if _, err := Verify(t.Context(), l, nil, ""); !invalid(err) {
			t.Errorf("a ledger that lost entries: %v", err)
		}
	})
	if lost, err := Accept(t.Context(), path, "bench"); err != nil || len(lost) != 1 {
		t.Errorf("lost %v, %v", lost, err)
	}
	if err := must(Open(t.Context(), path, "bench")).Close(); err != nil {
		t.Error(err)
	}
	if _, err := Accept(t.Context(), path+"-not", "bench"); err == nil {
		t.Error("a ledger that is not there was accepted")
	}
}

func TestCircumstancesCanBePrinted(t *testing.T) {
	if err := CheckCircumstances(flash.Circumstances{Operator: "Анна", Lot: "P-118"}); err != nil {
		t.Error(err)
	}
	for _, c := range []flash.Circumstances{{Operator: "a\nb"}, {Lot: strings.Repeat("x", maxCircumstance+1)}} {
		if CheckCircumstances(c) == nil {
			t.Errorf("%+v is good", c)
		}
	}
}

func TestALongListOfDifferencesIsCut(t *testing.T) {
	var out strings.Builder
	(&EditedError{make([]ledger.Difference, mostShown+3)}).Text(&out, nil)
	if n := strings.Count(out.String(), "\n"); n != mostShown+1 || !strings.HasSuffix(out.String(), "… and 3 more\n") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
}
