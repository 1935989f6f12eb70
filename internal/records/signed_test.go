package records

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// signer makes a station's key, and a file that lets it sign for that station.
func signer(t *testing.T, station string) (key *evidence.Key, file string) {
	t.Helper()
	dir := t.TempDir()
	key = must(evidence.OpenKey(filepath.Join(dir, "key"), "test"))
	file = filepath.Join(dir, "signers")
	if err := os.WriteFile(file, []byte(key.AllowedLine(station)), 0o600); err != nil {
		t.Fatal(err)
	}
	return key, file
}

// Receipts are of jobs that have ended, by any of their names, and are signed.
func TestReceipts(t *testing.T) {
	key, file := signer(t, "bench")
	folder := filepath.Join(t.TempDir(), "receipts")
	reading(t, filled(t), func(l *ledger.Ledger) {
		paths, err := Receipts(t.Context(), l, key, []string{"run-1", "S2"}, folder)
		if err != nil || len(paths) != 2 {
			t.Fatalf("%v, %v", paths, err)
		}
		allowed := must(evidence.LoadSigners(file))
		for i, want := range []string{"S1 pass", "S2 fail"} {
			r, err := allowed.CheckReceipt(paths[i])
			if err != nil || r.Serial+" "+r.Result != want {
				t.Errorf("%s: %+v, %v", paths[i], r, err)
			}
		}
		for name, want := range map[string]string{"run-3": "that has ended", "S9": "that has ended"} {
			paths, err := Receipts(t.Context(), l, key, []string{name}, filepath.Join(folder, name))
			if !is(err, problem.Usage) || !strings.Contains(err.Error(), want) || len(paths) != 0 {
				t.Errorf("%s: %v, %v", name, paths, err)
			}
		}
		taken := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(taken, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var told *problem.Error
		if _, err := Receipts(t.Context(), l, key, []string{"run-1"}, taken); !errors.As(err, &told) || !strings.Contains(told.Hint, "--out") {
			t.Errorf("into a file: %v", err)
		}
	})
}

// A head counts if a key that may sign for its station has signed what it says.
func TestHeadsAreHeldToTheirSignatures(t *testing.T) {
	key, file := signer(t, "bench")
	_, others := signer(t, "bench")
	_, elsewhere := signer(t, "line.2")
	head := must(key.SignHead(ledger.Head{Station: "bench", Seq: 3, Hash: strings.Repeat("0a", 32)}, time.Unix(1e9, 0)))
	edited, unsigned := head, head
	edited.Seq, unsigned.Signature = 2, ""
	line := func(file string) []string { return []string{strings.TrimSpace(string(must(os.ReadFile(file))))} }
	for _, c := range []struct {
		name    string
		head    ledger.Head
		signers string
		good    bool
	}{
		{"signed", head, file, true},
		{"signed by another key of that station", head, others, false},
		{"signed by a key of another station", head, elsewhere, false},
		{"edited", edited, file, false},
		{"not signed", unsigned, file, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := filepath.Join(t.TempDir(), "heads")
			document := must(json.Marshal(map[string]any{"v": 1, "kind": "heads", "items": []ledger.Head{c.head}}))
			if err := os.WriteFile(kept, document, 0o600); err != nil {
				t.Fatal(err)
			}
			heads, err := ReadHeads(t.Context(), kept, c.signers)
			byFile, byLine := CheckKept([]ledger.Head{c.head}, c.signers, nil), CheckKept([]ledger.Head{c.head}, "", line(c.signers))
			for way, err := range map[string]error{"read": err, "by a file": byFile, "by a line": byLine} {
				if (err == nil) != c.good || err != nil && !invalid(err) {
					t.Errorf("%s: %v", way, err)
				}
			}
			if c.good && (len(heads) != 1 || heads[0] != c.head) {
				t.Errorf("read %+v", heads)
			}
		})
	}
	if err := CheckKept([]ledger.Head{head}, "", nil); err == nil {
		t.Error("a head is right, and there is no key that may sign for its station")
	}
	if err := CheckKept(nil, "", []string{"bench no-key"}); !invalid(err) {
		t.Errorf("a key that is none: %v", err)
	}
	for _, signers := range []string{file, file + "-not"} {
		if _, err := ReadHeads(t.Context(), "", signers); !is(err, problem.Usage) {
			t.Errorf("signers of no heads: %v", err)
		}
	}
	if _, err := ReadHeads(t.Context(), "heads", file+"-not"); err == nil {
		t.Error("signers that are not there are right")
	}
	if err := CheckKept(nil, file+"-not", nil); err == nil {
		t.Error("signers that are not there are right")
	}
}

func TestAHeadThatTheChainHasNotIsARollback(t *testing.T) {
	if err := Rolled(nil); err != nil {
		t.Error(err)
	}
	for hint, err := range map[string]error{
		HintRolledBack:  &ledger.RolledBackError{Path: "l.db", Head: ledger.Head{Station: "bench", Seq: 3}},
		"--accept-head": errors.New("it cannot be read"),
	} {
		var told *problem.Error
		if !errors.As(Rolled(err), &told) || told.Kind != problem.Invalid || !strings.Contains(told.Hint, hint) {
			t.Errorf("%v: %+v", err, told)
		}
	}
}

// All that is recorded of a job can be read, and what was not recorded takes no line.
func TestATextHasAllThatIsRecorded(t *testing.T) {
	full := &ledger.JobRecord{Record: "bench-7", Station: "bench", Job: "run-1", Scope: flash.ScopeRun, Tablet: "A1", Serial: "S1", Model: "M",
		OtherSerial: "S9", Attempt: 2, Golden: true, Profile: "school", Bundle: "census 5.1", Lock: "locked", Result: "fail",
		Source: &flash.Source{Profile: "sha256:aa", Bundle: "sha256:bb", Signer: "SHA256:cc"}, Started: "not a time",
		Images:       []flash.ImageInfo{{Partition: "boot", File: "boot.img", Size: 4096, Digest: "sha256:dd"}},
		Measurements: []flash.Measurement{{Name: flash.MeasureBattery, Unit: "%", Value: 80}},
		Answer:       &flash.Answer{Say: flash.SaySkip, Reason: "it is sold"}, Disposition: ledger.Scrap, DisposedBy: "17"}
	var out strings.Builder
	Text(&out, nil, []*ledger.JobRecord{full, {Record: "bench-8", Job: "run-2", Scope: flash.ScopeRun, Result: "running"}})
	first, second, _ := strings.Cut(out.String(), "\n\n")
	for _, want := range []string{"the serial S9 was found", "2 of this tablet at bench", "no statistic counts it", "school, sha256:aa\n",
		"census 5.1, sha256:bb, signed by SHA256:cc", "locked", "boot: boot.img, 4 kB, sha256:dd", "battery: 80 %",
		"skip: it is sold", "scrap, by 17", "not a time"} {
		if !strings.Contains(first, want) {
			t.Errorf("there is no %q:\n%s", want, first)
		}
	}
	if n := strings.Count(second, "\n"); n != 4 || !strings.Contains(second, "RUNNING") { // record, job, tablet, result
		t.Errorf("%d lines of a job that has just begun:\n%s", n, second)
	}
	var csv strings.Builder
	if err := CSV(&csv, []*ledger.JobRecord{full}, false); err != nil || !strings.Contains(csv.String(), ",2,true,,scrap,80,,") {
		t.Errorf("%v:\n%s", err, csv.String())
	}
}
