package outbox

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/sshsign"
)

func TestTheDatabaseIsAWitness(t *testing.T) {
	s := fleettest.Start(t)
	b, other := newBench(t, s, "a"), newBench(t, s, "b")
	ctx := t.Context()
	b.write(30)
	b.mustSync(30)
	l, err := ledger.OpenReader(ctx, b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ends, err := l.Ends(ctx)
	if err != nil || len(ends) != 1 || ends[0].Seq != 30 {
		t.Fatal(ends, err)
	}
	var w evidence.Witness = Witness{b.connect}
	key := fleettest.Key(t)
	signed, err := key.SignHead(ends[0], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // an answer that was lost
		if err := w.Keep(ctx, signed); err != nil {
			t.Fatal(err)
		}
	}
	// It is b's, whatever the head says.
	if err := (Witness{other.connect}).Keep(ctx, signed); err != nil {
		t.Fatal(err)
	}
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	heads, line, err := Kept(ctx, reader, "a")
	if err != nil || len(heads) != 1 || heads[0] != signed {
		t.Fatalf("%+v %v", heads, err)
	}
	if err := (evidence.Signers)(nil).CheckHeads(heads); err != nil {
		t.Error(err)
	}
	joined, err := sshsign.ParseAllowed(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := (evidence.Signers{joined}).CheckHeads(heads); err == nil {
		t.Error("a key that a did not join with counts")
	}
	if heads, _, err := Kept(ctx, reader, "b"); err != nil || (evidence.Signers)(nil).CheckHeads(heads) == nil {
		t.Errorf("another's head counts: %v", err)
	}

	if c, err := Compare(ctx, reader, l, "a"); err != nil || c != (Compared{30, 1, 30}) || c.Retired() != 0 {
		t.Errorf("%v %v", c, err)
	}
	var rolled *ledger.RolledBackError
	b.alter("UPDATE entry SET hash = zeroblob(32) WHERE seq = 12")
	if c, err := Compare(ctx, reader, l, "a"); !errors.As(err, &rolled) || rolled.Head.Seq != 12 {
		t.Errorf("%v %v", c, err)
	}
	s.Exec("DELETE FROM zarya.entry WHERE seq = 5")
	if _, err := Compare(ctx, reader, l, "a"); err == nil || !strings.Contains(err.Error(), "no entry a-5") {
		t.Error(err)
	}
	// Nobody reads or keeps another's.
	if _, key, err := Kept(ctx, s.OpenAs(t, other.files), "a"); err != nil || key != "" {
		t.Errorf("%s %v", key, err)
	}
}

// TestALedgerIsHeldToWhatIsLeft: months were taken out of the database, all of them at last.
func TestALedgerIsHeldToWhatIsLeft(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(30)
	b.mustSync(30)
	owner := fleettest.Open(t, s.URL(fleettest.Owner), fleet.Login{})
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	l, err := ledger.OpenReader(t.Context(), b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// The first twelve came in May, the others in June, and more in this month.
	s.Exec("SELECT zarya.make_month('2026-05-01'); SELECT zarya.make_month('2026-06-01')")
	s.Exec("UPDATE zarya.entry SET month = CASE WHEN seq <= 12 THEN date '2026-05-01' ELSE '2026-06-01' END")
	for month, want := range map[string]string{"2026-13": "is no month", "2099-01": "is not over", "": "is no month"} {
		if _, err := owner.Retire(t.Context(), month, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", month, err)
		}
	}
	if done, err := reader.Retire(t.Context(), "2026-05", true); err == nil || len(done) > 0 {
		t.Errorf("a reader took out %v", done)
	}
	if done, err := owner.Retire(t.Context(), "2026-05", false); err != nil || len(done) != 1 || done[0].Table != "zarya.entry_2026_05" {
		t.Fatal(done, err)
	}
	if c, err := Compare(t.Context(), reader, l, "a"); err != nil || c != (Compared{18, 13, 30}) || c.Retired() != 12 {
		t.Errorf("%v %v", c, err)
	}
	s.Exec("SELECT 1 FROM zarya.entry_2026_05") // it is there still
	if _, err := reader.Exec(t.Context(), "SELECT 1 FROM zarya.entry_2026_05"); err == nil {
		t.Error("a reader has what was taken out")
	}
	if done, err := owner.Retire(t.Context(), "2026-09", true); err != nil || len(done) != 1 {
		t.Fatal(done, err)
	}
	if c, err := Compare(t.Context(), reader, l, "a"); err != nil || c != (Compared{0, 0, 30}) || c.Retired() != 30 {
		t.Errorf("%v %v", c, err)
	}
	// The chain goes on.
	b.write(5)
	b.mustSync(5)
	if c, err := Compare(t.Context(), reader, l, "a"); err != nil || c != (Compared{5, 31, 35}) {
		t.Errorf("%v %v", c, err)
	}
	// Where it ends is compared also when no entry of it is left.
	var rolled *ledger.RolledBackError
	s.Exec("DELETE FROM zarya.entry")
	b.alter("DELETE FROM entry WHERE seq > 33")
	if _, err := Compare(t.Context(), reader, l, "a"); !errors.As(err, &rolled) || rolled.Head.Seq != 35 {
		t.Errorf("a ledger that was shortened: %v", err)
	}
}
