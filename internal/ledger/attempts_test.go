// The table of attempts: what it says, that it follows from the entries, and that an old
// ledger gets it.

package ledger

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zarya-station/zarya/flash"
)

// at is a tablet in port A1.
func at(serial string) flash.Where { return flash.Where{PortName: "A1", Serial: serial} }

func TestAttempts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	l := openLedger(t, path)
	attempts := func(serial string, want int) {
		t.Helper()
		if got, err := l.Attempts(t.Context(), serial); err != nil || got != want {
			t.Errorf("%s has %d attempts, not %d: %v", serial, got, want, err)
		}
	}
	failed := func(serial, job string, class flash.Class) (record string) {
		t.Helper()
		record, err := l.Result(flash.Job{ID: job}, at(serial),
			flash.JobDone{Result: flash.Fail, Class: class, Step: "flash:boot", Error: "says no"})
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	attempts("S1", 0)
	if err := l.Intent(flash.Job{ID: "j1"}, at("S1")); err != nil {
		t.Fatal(err)
	}
	attempts("S1", 1) // under way
	record := failed("S1", "j1", flash.ClassCable)
	attempts("S1", 1)
	f, ok, err := l.LastFailure(t.Context(), "S1")
	want := PastFailure{Record: record, Time: f.Time, Tablet: "A1", Class: flash.ClassCable, Step: "flash:boot", Error: "says no"}
	if err != nil || !ok || f != want || f.Time.IsZero() {
		t.Errorf("%+v %v %v", f, ok, err)
	}
	later := failed("S1", "j2", flash.ClassDevice) // before its first write
	attempts("S1", 2)
	if f, ok, _ := l.LastFailure(t.Context(), "S1"); !ok || f.Record != later {
		t.Errorf("the last failure is %s, not %s", f.Record, later)
	}

	// Its process ends in the middle: an attempt, and no result that hides the failure.
	if err := l.Intent(flash.Job{ID: "j3"}, at("S1")); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, path)
	attempts("S1", 3)
	if f, ok, _ := l.LastFailure(t.Context(), "S1"); !ok || f.Record != later {
		t.Errorf("the last failure is %s, not %s", f.Record, later)
	}
	if _, err := l.Result(flash.Job{ID: "j4"}, at("S1"), flash.JobDone{Result: flash.Pass}); err != nil {
		t.Fatal(err)
	}
	attempts("S1", 4)
	if f, ok, err := l.LastFailure(t.Context(), "S1"); ok || err != nil {
		t.Errorf("%+v %v, and it passed since", f, err)
	}

	// What is no tablet's own serial has no number.
	placeholder := "0123456789ABCDEF"
	if !flash.Placeholder(placeholder) {
		t.Fatal("not a placeholder")
	}
	failed(placeholder, "j5", flash.ClassDevice)
	attempts(placeholder, 0)
	if _, ok, _ := l.LastFailure(t.Context(), placeholder); ok {
		t.Error("another tablet's failure")
	}
	failed("", "j6", flash.ClassDevice)
	attempts("", 0)

	numbers := map[string]int64{"j1": 1, "j2": 2, "j3": 3, "j4": 4, "j5": 0, "j6": 0}
	jobs, err := l.Jobs(t.Context())
	if err != nil || len(jobs) != len(numbers) {
		t.Fatal(len(jobs), err)
	}
	for _, j := range jobs {
		if j.Attempt != numbers[j.Job] {
			t.Errorf("job %s is attempt %d, not %d", j.Job, j.Attempt, numbers[j.Job])
		}
	}
	verifyAttempts(t, l, "")
}

// verifyAttempts holds the table to the chain; says is in the one difference, "" is none.
func verifyAttempts(t *testing.T, l *Ledger, says string) {
	t.Helper()
	differences, err := l.VerifyAttempts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case says == "" && len(differences) > 0, says != "" && (len(differences) != 1 || !strings.Contains(differences[0].String(), says)):
		t.Errorf("%q is to be said: %v", says, differences)
	}
}

// TestAttemptsFollowFromEntries makes jobs at random, many at once, and computes the table
// in the other two ways: from the entries, and as an old ledger gets it.
func TestAttemptsFollowFromEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	l := openLedger(t, path)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(w), 5))
			for i := range 40 {
				job := flash.Job{ID: fmt.Sprintf("%d-%d", w, i)}
				serials := []string{"", "S1", "S2", "S3", "0123456789ABCDEF"}
				serial := serials[rnd.IntN(len(serials))]
				if rnd.IntN(3) > 0 {
					if err := l.Intent(job, at(serial)); err != nil {
						t.Error(err)
					}
				}
				if rnd.IntN(4) == 0 {
					serial = serials[rnd.IntN(len(serials))] // it has another one afterwards
				}
				result := []flash.JobResult{flash.Pass, flash.Compliant, flash.Fail, flash.Interrupted}[rnd.IntN(4)]
				if rnd.IntN(4) == 0 {
					continue // cut off
				}
				if _, err := l.Result(job, at(serial), flash.JobDone{Result: result}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	verifyAttempts(t, l, "")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, path) // closes what was cut off
	verifyAttempts(t, l, "")
	before := 0
	for _, serial := range []string{"S1", "S2", "S3"} {
		n, err := l.Attempts(t.Context(), serial)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		before += n
	}
	for _, statement := range []string{"DROP TABLE attempt", "DELETE FROM goose_db_version WHERE version_id > 3"} {
		if _, err := l.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	verifyAttempts(t, old, "")
	if n, err := old.Attempts(t.Context(), "S1"); n != 0 || err != nil {
		t.Error(n, err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, path)
	verifyAttempts(t, l, "")
	for _, serial := range []string{"S1", "S2", "S3"} {
		n, _ := l.Attempts(t.Context(), serial)
		before -= n
	}
	if before != 0 {
		t.Errorf("%d attempts were lost", before)
	}

	// What is edited beside the chain is seen.
	for statement, says := range map[string]string{
		"UPDATE attempt SET result = 'pass', seq = 1 WHERE serial = 'S1' AND n = 1":       `1 of "S1" at st: the entries say`,
		"DELETE FROM attempt WHERE serial = 'S2' AND n = 2":                               `2 of "S2" at st: entries say so of job`,
		"INSERT INTO attempt VALUES ('S9', 'st', 1, 'x', 'fail', 2)":                      `1 of "S9" at st: no entry says`,
		"UPDATE attempt SET n = 999 WHERE serial = 'S3' AND n = 1":                        `999 of "S3" at st: the entries say`,
		"UPDATE attempt SET seq = seq + 1 WHERE serial = 'S3' AND n = 2":                  `2 of "S3" at st: the entries say`,
		"UPDATE attempt SET result = 'shiny' WHERE serial = '0123456789ABCDEF' AND n = 1": `1 of "0123456789ABCDEF" at st: the entries say`,
	} {
		tx, err := l.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		// The ledger has one connection: it reads what the statement did once that is committed.
		if _, err := tx.Exec("CREATE TEMP TABLE IF NOT EXISTS kept AS SELECT * FROM attempt"); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		verifyAttempts(t, l, says)
		if _, err := l.db.ExecContext(t.Context(), "DELETE FROM attempt; INSERT INTO attempt SELECT * FROM kept"); err != nil {
			t.Fatal(err)
		}
	}
	verifyAttempts(t, l, "")
}

func TestDispositions(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "l.db"))
	result := func(job string, r flash.JobResult) string {
		t.Helper()
		under := flash.Circumstances{Operator: "O1", Lot: "L1", Program: "v9", Golden: true}
		record, err := l.Result(flash.Job{ID: job, Circumstances: under}, at("S-"+job),
			flash.JobDone{Result: r, Measurements: []flash.Measurement{{Name: flash.MeasureBattery, Value: 77, Unit: "%", Low: 30}}})
		if err != nil {
			t.Fatal(err)
		}
		return record
	}
	bad, good := result("bad", flash.Fail), result("good", flash.Pass)
	for _, d := range []Disposition{Rework, Scrap} {
		if err := l.Dispose(t.Context(), bad, d, "B17\x1b[31m"); err != nil {
			t.Fatal(err)
		}
	}
	var not *NotFailedError
	for _, record := range []string{good, "st-3", "st-99", "st-+1", "st-01", "st", "", "-1", "st-x"} {
		if err := l.Dispose(t.Context(), record, Scrap, ""); !errors.As(err, &not) {
			t.Errorf("%q has a disposition: %v", record, err)
		}
	}
	if err := l.Dispose(t.Context(), bad, "eat", ""); err == nil {
		t.Error("eaten")
	}
	jobs, err := l.Jobs(t.Context())
	if err != nil || len(jobs) != 2 {
		t.Fatal(jobs, err)
	}
	j := jobs[0]
	if j.Record != bad || j.Disposition != Scrap || jobs[1].Disposition != "" ||
		!strings.HasPrefix(j.DisposedBy, "B17") || strings.Contains(j.DisposedBy, "\x1b") {
		t.Errorf("%+v", j)
	}
	if j.Operator != "O1" || j.Lot != "L1" || j.Program != "v9" || !j.Golden ||
		!slices.Equal(j.Measurements, []flash.Measurement{{Name: "battery", Value: 77, Unit: "%", Low: 30}}) {
		t.Errorf("%+v", j)
	}
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
