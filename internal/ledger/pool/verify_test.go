// What is edited beside the chain, and what old ledgers have.

package pool

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

// fill makes a ledger with something of everything.
func fill(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	importRows(t, l, "p", numbered(1, 4), Declaration{Key: "inventory"})
	importRows(t, l, "p", numbered(5, 2), Declaration{})
	importRows(t, l, "q", numbered(7, 2), Declaration{})
	ids, codes, ctx := NewSupply(l, seal), Codes{l}, t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, serial := range []string{"A", "B", "C"} {
		id, err := ids.Assign(ctx, "p", serial, "job"+serial)
		must(err)
		must(codes.Trying(serial, "code"+serial))
		switch i {
		case 0:
			must(ids.Bind(ctx, id, "jobA"))
			must(codes.Worked(serial, "codeA"))
		case 1:
			must(Burn(l, "p", id.ID, "run over"))
		}
		_, err = l.Result(flash.Job{ID: "job" + serial}, flash.Where{Serial: serial}, flash.JobDone{Result: flash.Pass,
			Facts: map[string]string{"usb-serial": serial, "machine-id": "m" + serial}, Unique: []string{"usb-serial", "machine-id"}})
		must(err)
	}
}

// execSQL changes tables beside the chain, with an entry that does not say so.
func execSQL(t *testing.T, l *ledger.Ledger, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := l.Append("test", struct{}{}, func(tx *ledger.Tx) error { _, err := tx.Exec(s); return err }); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestVerify(t *testing.T) {
	l := memory(t)
	fill(t, l)
	verified(t, l)
	tables := []string{"identity", "tried", "claim"}
	for _, table := range tables {
		execSQL(t, l, "CREATE TEMP TABLE good_"+table+" AS SELECT * FROM "+table)
	}
	for _, test := range []struct {
		sql  string
		want []string
	}{
		{"SELECT 1", nil},
		{"UPDATE identity SET state = 'free', serial = '', job = '' WHERE pool = 'p' AND id = 1",
			[]string{"identity 1 of p: it is free, entry s-6 says bound"}},
		{"UPDATE identity SET serial = 'Z' WHERE pool = 'p' AND id = 1",
			[]string{"identity 1 of p: its tablet, job or note is not that of entry s-6"}},
		{"UPDATE identity SET state = 'free' WHERE state = 'burned'", []string{"identity 2 of p: it is free, entry s-11 says burned"}},
		{"UPDATE identity SET note = 'x' WHERE state = 'burned'", []string{"identity 2 of p: its tablet, job or note is not that of entry s-11"}},
		{"UPDATE identity SET seq = 4 WHERE pool = 'p' AND id = 1", []string{"identity 1 of p: entry s-6 changed it last, the row says s-4"}},
		{"UPDATE identity SET seq = 2 WHERE pool = 'p' AND id = 4", []string{"identity 4 of p: entry s-1 changed it last, the row says s-2"}},
		{"UPDATE identity SET state = 'bound' WHERE pool = 'q' AND id = 2", []string{"identity 2 of q: it is bound, entry s-3 says free"}},
		{"UPDATE identity SET columns = replace(columns, 't-4', 't-x') WHERE pool = 'p'",
			[]string{"identity 4 of p: its columns are not those that were imported"}},
		{"UPDATE identity SET sealed = (SELECT sealed FROM identity WHERE pool = 'p' AND id = 5) WHERE pool = 'p' AND id = 4",
			[]string{"identity 4 of p: its columns are not those that were imported"}},
		{"UPDATE identity SET proof = '' WHERE pool = 'p' AND id = 4", []string{"identity 1 to 4 of p: they are not what entry s-1 imported"}},
		{"UPDATE identity SET proof = '', seq = 0, state = 'assigned', serial = 'Z' WHERE pool = 'p' AND id = 6",
			[]string{"identity 6 of p: it is assigned, entry s-2 says free", "identity 5 to 6 of p: they are not what entry s-2 imported"}},
		{"DELETE FROM identity WHERE pool = 'q' AND id = 2", []string{"identity 2 of q: it was imported, and is not there",
			"identity 1 to 2 of q: they are not what entry s-3 imported"}},
		{"INSERT INTO identity SELECT 'q', 3, columns, sealed, 'other', state, serial, job, ts, note, station, seq, salt, proof, lease FROM " +
			"identity WHERE pool = 'q' AND id = 2",
			[]string{"identity 3 of q: its columns are not those that were imported", "identity 3 of q: no entry says that it was imported"}},
		{"DELETE FROM tried WHERE serial = 'C'", []string{"tried code of C: entry s-14 says that it was tried, and it is not there"}},
		{"UPDATE tried SET mark = '00000000' WHERE serial = 'C'",
			[]string{"tried code of C: it is not that of entry s-14", "tried code of C: entry s-14 says that it was tried, and it is not there"}},
		{"UPDATE tried SET seq = 0 WHERE serial = 'C'", []string{"tried code of C: entry s-14 says that it was tried, and it is not there"}},
		{"UPDATE claim SET value = 'Z' WHERE fact = 'usb-serial' AND value = 'C'",
			[]string{`claim of usb-serial "Z": entry s-15 does not say so`, `claim of usb-serial "C": entry s-15 makes it, and it is not there`}},
		{"DELETE FROM claim WHERE fact = 'machine-id' AND value = 'mA'",
			[]string{`claim of machine-id "mA": entry s-8 makes it, and it is not there`}},
		{"UPDATE claim SET wifi_mac = 'm' WHERE value = 'mA'",
			[]string{`claim of machine-id "mA": entry s-8 does not say so`, `claim of machine-id "mA": entry s-8 makes it, and it is not there`}},
	} {
		execSQL(t, l, test.sql)
		claims, err := l.VerifyClaims(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		differences, err := Verify(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range append(claims, differences...) {
			got = append(got, d.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%q, not\n%q", test.sql, got, test.want)
		}
		for _, table := range tables {
			execSQL(t, l, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM good_"+table)
		}
	}
}

// TestTwoStations wrote one file, as one does that was given another name: their chains are
// in no order with each other, but a burned identity stays so.
func TestTwoStations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	as := func(station string, do func(*ledger.Ledger) error) {
		t.Helper()
		l, err := ledger.Open(t.Context(), path, station)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(l); err != nil {
			t.Fatal(err)
		}
		verified(t, l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var id *flash.Identity
	as("z", func(l *ledger.Ledger) error {
		importRows(t, l, "p", numbered(1, 2), Declaration{})
		var err error
		id, err = NewSupply(l, seal).Assign(t.Context(), "p", "A", "job1")
		return err
	})
	as("a", func(l *ledger.Ledger) error { return NewSupply(l, seal).Bind(t.Context(), id, "job1") })
	as("z", func(l *ledger.Ledger) error { return Burn(l, "p", 1, "") })
	as("a", func(l *ledger.Ledger) error {
		importRows(t, l, "p", numbered(3, 2), Declaration{})
		_, err := l.Append("test", struct{}{}, func(tx *ledger.Tx) error {
			_, err := tx.Exec("UPDATE identity SET state = 'bound', station = 'a', seq = 1 WHERE id = 1")
			return err
		})
		if err != nil {
			return err
		}
		got, err := Verify(t.Context(), l)
		if len(got) != 1 {
			t.Errorf("what was burned is bound again, and found is %v", got)
		}
		if err == nil {
			_, err = l.Append("test", struct{}{}, func(tx *ledger.Tx) error {
				_, err := tx.Exec("UPDATE identity SET state = 'burned', station = 'z', seq = 3, job = '' WHERE id = 1")
				return err
			})
		}
		return err
	})
}

// TestOldLedgers opens ledgers that earlier versions made: read as they are, verified, and
// worked on.
func TestOldLedgers(t *testing.T) {
	for _, test := range []struct {
		file             string
		jobs, identities int
	}{{"form1.db", 3, 0}, {"form2.db", 3, 6}} {
		t.Run(test.file, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), test.file)
			text, err := os.ReadFile(filepath.Join("../testdata", test.file))
			if err == nil {
				err = os.WriteFile(path, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			look := func(l *ledger.Ledger) {
				t.Helper()
				jobs, err := l.Jobs(t.Context())
				if err != nil || len(jobs) != test.jobs {
					t.Errorf("%d jobs, %v", len(jobs), err)
				}
				all, err := List(t.Context(), l, "")
				if err != nil || len(all) != test.identities {
					t.Errorf("%d identities, %v", len(all), err)
				}
				verified(t, l)
			}
			r, err := ledger.OpenReader(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			look(r)
			if err := r.Close(); err != nil {
				t.Error(err)
			}
			l, err := ledger.Open(t.Context(), path, "bench")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			look(l)
			importRows(t, l, "census", numbered(50, 2), Declaration{Key: "inventory"})
			ids := NewSupply(l, seal)
			id, err := ids.Assign(t.Context(), "census", "VT9", "job9")
			if err != nil {
				// What the old form sealed is not this test's to open.
				t.Log(err)
			}
			if test.identities > 0 {
				if err := Return(l, "census", 3, ""); err == nil {
					t.Error("an identity of an old job that began to write was given back")
				}
				if is, err := (Codes{l}).Tried(t.Context(), "VT0002", "0123456789012345"); err != nil || !is {
					t.Errorf("an old tried code is %v, %v", is, err)
				}
				if err := (Codes{l}).Worked("VT0002", "0123456789012345"); err != nil {
					t.Error(err)
				}
			} else if id.ID != 1 {
				t.Errorf("%+v", id)
			}
			verified(t, l)
		})
	}
}
