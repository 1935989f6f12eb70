// What is read of a chain without following it: entries after a number, ends, one record, a
// copy. All of it agrees with what following says.

package ledger

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zarya-station/zarya/flash"
)

func TestReadsWithoutFollowing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	l, ctx := openLedger(t, path), t.Context()
	if h, err := l.Head(ctx); err != nil || h != (Head{}) {
		t.Errorf("the end of nothing: %+v %v", h, err)
	}
	changed := l.Changed()
	for _, id := range []string{"a", "b"} {
		if err := record(l, id, id); err != nil {
			t.Fatal(err)
		}
	}
	<-changed // it was announced
	heads, err := l.Verify(ctx)
	if err != nil || len(heads) != 1 {
		t.Fatalf("%v %v", heads, err)
	}
	if ends, err := l.Ends(ctx); err != nil || !slices.Equal(ends, heads) {
		t.Errorf("ends %v, following says %v (%v)", ends, heads, err)
	}
	if h, err := l.Head(ctx); err != nil || h != heads[0] {
		t.Errorf("head %v, following says %v (%v)", h, heads[0], err)
	}
	last, err := l.Last(ctx, "st")
	if err != nil || last != heads[0].Seq {
		t.Errorf("last %d (%v)", last, err)
	}
	if none, err := l.Last(ctx, "other"); err != nil || none != 0 {
		t.Errorf("the last of a station that is not there: %d (%v)", none, err)
	}
	var all []Entry
	for e, err := range l.Entries(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	for _, c := range []struct {
		station string
		after   int64
		limit   int
		want    []Entry
	}{
		{"st", 0, 100, all}, {"st", 2, 3, all[2:5]}, {"st", last, 100, nil}, {"other", 0, 100, nil},
	} {
		got, err := l.After(ctx, c.station, c.after, c.limit)
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("%d after %d of %s: %s (%v)", c.limit, c.after, c.station, d, err)
		}
	}

	// A copy is the same chain, and takes no file's place.
	copied := filepath.Join(dir, "copy.db")
	if err := l.CopyTo(ctx, copied); err != nil {
		t.Fatal(err)
	}
	if err := l.CopyTo(ctx, copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a copy over a file: %v", err)
	}
	c, err := OpenReader(ctx, copied)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if same, err := c.Verify(ctx); err != nil || !slices.Equal(same, heads) {
		t.Errorf("the copy ends at %v (%v)", same, err)
	}

	for what, want := range map[string]bool{path: true, copied: false, filepath.Join(dir, "none.db"): false} {
		if live, err := Live(what); err != nil || live != want {
			t.Errorf("%s is written: %v %v", filepath.Base(what), live, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if live, err := Live(path); err != nil || live {
		t.Errorf("closed, and written: %v %v", live, err)
	}
}

// TestOneRecord: a job that is read by its last entry is the job that reading all gives, with
// the place of the chain at which it ended.
func TestOneRecord(t *testing.T) {
	l, ctx := openLedger(t, filepath.Join(t.TempDir(), "ledger.db")), t.Context()
	for _, id := range []string{"a", "b"} { // b begins while a is under way
		if err := l.Intent(flash.Job{ID: id, Target: tablet(id)}, tablet(id).Where()); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"a", "b"} {
		job := flash.Job{ID: id, Target: tablet(id), Scope: flash.ScopeFlash}
		err := l.Step(job, flash.StepDone{Step: "flash:" + id, Result: flash.StepOK})
		if err == nil {
			_, err = l.Result(job, job.Target.Where(), flash.JobDone{Result: flash.Pass})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	jobs, err := l.Jobs(ctx)
	if err != nil || len(jobs) != 2 {
		t.Fatalf("%v %v", jobs, err)
	}
	for _, want := range jobs {
		got, at, ok, err := l.Record(ctx, want.Record)
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(JobRecord{})); d != "" || !ok || err != nil {
			t.Errorf("%s: %v %v %s", want.Record, ok, err, d)
		}
		if RecordName(at.Station, at.Seq) != want.Record || len(at.Hash) != 64 {
			t.Errorf("%s stands at %+v", want.Record, at)
		}
	}
	for _, none := range []string{"st-1", "st-99", "other-1", "st-", ""} { // st-1 is an intent
		if _, _, ok, err := l.Record(ctx, none); ok || err != nil {
			t.Errorf("%q is a record: %v", none, err)
		}
	}
}

// TestClaimsFollowFromEntries: a claim that somebody removed, or made up, is told.
func TestClaimsFollowFromEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := openLedger(t, path)
	for _, serial := range []string{"S1", "S2"} {
		job := flash.Job{ID: serial, Target: tablet(serial)}
		if _, err := l.Result(job, job.Target.Where(), flash.JobDone{Result: flash.Pass,
			Facts: map[string]string{"usb-serial": serial, "machine-id": "m" + serial}, Unique: []string{"machine-id", "usb-serial"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	says := func(want ...string) {
		t.Helper()
		differences, err := l.VerifyClaims(t.Context())
		if err != nil || len(differences) != len(want) {
			t.Fatalf("%v (%v), want %q", differences, err, want)
		}
		for i, w := range want {
			if !strings.Contains(differences[i].String(), w) {
				t.Errorf("%s, want %q in it", differences[i], w)
			}
		}
	}
	says()
	execSQL(t, path, "DELETE FROM claim WHERE value = 'mS1'")
	says(`claim of machine-id "mS1": entry st-1 makes it, and it is not there`)
	execSQL(t, path, "UPDATE claim SET value = 'mX' WHERE value = 'mS2'")
	says(`of machine-id "mX": entry st-2 does not say so`, `of machine-id "mS1"`, `of machine-id "mS2": entry st-2 makes it`)
}

// TestReservations: a name is one job's until it lets go, whatever else it lets go of.
func TestReservations(t *testing.T) {
	var l Ledger
	for _, c := range []struct{ name, job, holder string }{
		{"serial S1", "a", "a"}, {"serial S1", "b", "a"}, {"serial S1", "a", "a"}, {"serial S2", "b", "b"},
	} {
		if got := l.Reserve(c.name, c.job); got != c.holder {
			t.Errorf("%s asks for %s: it is %s's, want %s's", c.job, c.name, got, c.holder)
		}
	}
	l.EndReservations("a")
	if got := l.Reserve("serial S1", "b"); got != "b" {
		t.Errorf("after a has ended it is %s's", got)
	}
	if got := l.Reserve("serial S2", "c"); got != "b" {
		t.Errorf("b's other name is %s's", got)
	}
}

// TestErrorsSayWhatAndWhere of a ledger that cannot be used.
func TestErrorsSayWhatAndWhere(t *testing.T) {
	for want, err := range map[string]error{
		"entry st-7: another hash": &BrokenError{"st", 7, "another hash"},
		"record st-7 is of no job": &NotFailedError{"st-7", "is of no job"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// TestOrders: what a supervisor ordered stands in the chain, cleaned.
func TestOrders(t *testing.T) {
	l := openLedger(t, filepath.Join(t.TempDir(), "ledger.db"))
	if err := l.Order(Order{Order: "clear", Port: "A3\x1b[31m", By: strings.Repeat("9", 200)}); err != nil {
		t.Fatal(err)
	}
	for e, err := range l.Entries(t.Context()) {
		if err != nil || e.Kind != KindOrder || len(e.Body) > 200 || strings.ContainsRune(string(e.Body), 0x1b) ||
			!strings.Contains(string(e.Body), `"order":"clear"`) {
			t.Errorf("%s %s (%v)", e.Kind, e.Body, err)
		}
	}
}
