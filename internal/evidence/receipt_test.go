package evidence

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

type tablet struct{ flash.Target }

// recorded is a ledger with two jobs that ran at the same time; it returns their records.
func recorded(t *testing.T) (l *ledger.Ledger, records []string) {
	t.Helper()
	l, err := ledger.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"), "bench")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var jobs []flash.Job
	for _, serial := range []string{"A1", "B2"} {
		j := flash.Job{ID: "run-" + serial, Target: tablet{}, Scope: flash.ScopeRun, Profile: "kiosk", Bundle: "census 5.1",
			Source: flash.Source{Profile: "sha256:aa", Bundle: "sha256:bb", Signer: "SHA256:cc"},
			Images: []flash.ImageInfo{{Partition: "boot", File: "/secret/place/boot.img", Digest: "sha256:dd", Size: 4096}}}
		if err := l.Intent(j, flash.Where{Address: "tcp:x", Serial: serial}); err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	for i, j := range jobs {
		if err := l.Step(j, flash.StepDone{Step: "flash:boot", Result: flash.StepOK, Seconds: 0.25, Bytes: 4096}); err != nil {
			t.Fatal(err)
		}
		record, err := l.Result(j, flash.Where{Address: "tcp:x", Serial: []string{"A1", "B2"}[i]},
			flash.JobDone{Scope: flash.ScopeRun, Model: "AGS3-L09",
				Result: flash.Pass, Verified: "booted", Lock: "unlocked", Facts: map[string]string{"machine-id": "m" + j.ID, "battery": "80"}})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return l, records
}

func TestReceiptSaysWhatWasRecorded(t *testing.T) {
	l, names := recorded(t)
	k, signers := key(t, "bench")
	folder := filepath.Join(t.TempDir(), "receipts")
	s := Start(t.Context(), Options{Key: k, Receipts: folder, Record: l.Record, Warn: t.Errorf})
	for _, name := range names {
		s.Event(flash.Event{Body: flash.JobDone{Record: name}})
	}
	s.Event(flash.Event{Body: flash.JobDone{}}) // of one that was never begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for i, serial := range []string{"A1", "B2"} {
		path := filepath.Join(folder, names[i]+".json")
		r, err := signers.CheckReceipt(path)
		if err != nil {
			t.Fatal(err)
		}
		if r.Serial != serial || r.Result != "pass" || r.Lock != "unlocked" || r.Source.Signer != "SHA256:cc" || len(r.Steps) != 1 ||
			r.Steps[0].Millis != 250 ||
			len(r.Facts) != 2 || r.Facts[1].Value != "mrun-"+serial || len(r.Images) != 1 || len(r.Hash) != 64 || r.Started == "" || r.Ended == "" {
			t.Errorf("%+v", r)
		}
		text, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(text), "secret") {
			t.Errorf("%s %v", text, err)
		}
	}
	at, err := l.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := signers.CheckReceipt(filepath.Join(folder, names[1]+".json")); err != nil || r.Hash != at.Hash {
		t.Errorf("the receipt is not fixed to the chain: %+v %+v %v", r, at, err)
	}
}

func TestReceiptThatIsNone(t *testing.T) {
	l, names := recorded(t)
	k, signers := key(t, "bench")
	j, at, ok, err := l.Record(t.Context(), names[0])
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	signed, err := k.Sign(NewReceipt(j, at))
	if err != nil {
		t.Fatal(err)
	}
	write := func(change func(*Signed)) string {
		t.Helper()
		s := *signed
		change(&s)
		path, err := s.Write(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := signers.CheckReceipt(write(func(*Signed) {})); err != nil {
		t.Error(err)
	}
	stranger, _ := key(t, "bench")
	others, err := stranger.Sign(signed.Receipt)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := *signed.Receipt
	elsewhere.Station = "other"
	otherStation, err := k.Sign(&elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	head, err := k.Sign(&Receipt{V: 1, Kind: "head"})
	if err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"another text":        write(func(s *Signed) { s.Text = []byte(strings.Replace(string(s.Text), "A1", "A2", 1)) }),
		"a stranger's":        write(func(s *Signed) { s.Signature = others.Signature }),
		"no signature":        write(func(s *Signed) { s.Signature = []byte("x") }),
		"large":               write(func(s *Signed) { s.Text = make([]byte, maxReceipt+1) }),
		"of another station":  write(func(s *Signed) { *s = *otherStation }),
		"of something else":   write(func(s *Signed) { s.Text, s.Signature = head.Text, head.Signature }),
		"of a file elsewhere": filepath.Join(t.TempDir(), "none.json"),
	} {
		if r, err := signers.CheckReceipt(path); err == nil || r != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A receipt that cannot be written is told once, and all of them at the end.
func TestReceiptsThatCannotBeWritten(t *testing.T) {
	l, names := recorded(t)
	k, _ := key(t, "bench")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	warned := 0
	s := Start(context.WithoutCancel(t.Context()), Options{Key: k, Receipts: file, Record: l.Record, Warn: func(string, ...any) { warned++ }})
	for _, name := range append(names, "bench-99") {
		s.Event(flash.Event{Body: flash.JobDone{Record: name}})
	}
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "3 receipts could not be written") || warned != 1 {
		t.Error(err, warned)
	}
}
