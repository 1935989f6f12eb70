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

	if n, err := Compare(ctx, reader, l, "a"); err != nil || n != 30 {
		t.Errorf("%d %v", n, err)
	}
	var rolled *ledger.RolledBackError
	b.alter("UPDATE entry SET hash = zeroblob(32) WHERE seq = 12")
	if n, err := Compare(ctx, reader, l, "a"); !errors.As(err, &rolled) || rolled.Head.Seq != 12 {
		t.Errorf("%d %v", n, err)
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
