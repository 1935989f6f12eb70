// What a day of a fleet is held to: copies that give nothing away, and a sum that comes out.

package main

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/flock"
	"github.com/zarya-station/zarya/internal/ledger"
)

// given counts the identities that a disk's ledger says were given.
func (d *day) given(dir string) (n int) {
	d.t.Helper()
	l, err := ledger.OpenReader(d.t.Context(), filepath.Join(dir, "ledger.db"))
	if err == nil {
		err = l.QueryRow(d.t.Context(), "SELECT COUNT(*) FROM entry WHERE kind IN ('identity-assign', 'identity-adopt')").Scan(&n)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	defer l.Close()
	return n
}

// last is the last entry of a station's ledger.
func (d *day) last(of *line) (seq int64) {
	d.t.Helper()
	l, err := ledger.OpenReader(d.t.Context(), filepath.Join(of.dir, "ledger.db"))
	if err == nil {
		defer l.Close()
		seq, err = l.Last(d.t.Context(), of.name)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return seq
}

// asks asks the database until the answer is true.
func (d *day) asks(what, sql string, args ...any) {
	d.t.Helper()
	for range 3000 { // else a failure hangs
		var is bool
		if err := d.office.QueryRow(d.t.Context(), "SELECT "+sql+" FROM pg_sleep(0.05)", args...).Scan(&is); err != nil {
			d.t.Fatal(err)
		}
		if is {
			return
		}
	}
	d.t.Fatalf("never: %s", what)
}

const isFault = "(SELECT fault <> '' FROM zarya.station WHERE name = $1)"

// caught lives a life on a copied disk until the database has found it out, and holds it to
// having given nothing away. meanwhile is done when the copy has spoken.
func (d *day) caught(l *line, dir string, meanwhile func()) {
	d.t.Helper()
	var all sync.WaitGroup
	began := make(chan *os.Process, 1)
	tablets := []*plugged{d.tablet(l, l.name+"-stray-1", true), d.tablet(l, l.name+"-stray-2", true)}
	before := d.given(dir)
	waiting := false
	all.Go(func() {
		d.life(l, dir, tablets, func(p *os.Process, e map[string]any) {
			if e["type"] == "waiting" && e["for"] == "identity" {
				d.tell(func() { waiting = true })
			}
			select {
			case began <- p:
			default:
			}
		})
	})
	p := <-began
	d.until("a copy waits for identities", func() bool { return waiting })
	meanwhile()
	d.asks("the copy is found out", isFault, l.name)
	_ = p.Kill()
	all.Wait()
	if after := d.given(dir); after != before {
		d.t.Errorf("a copy of %s gave %d identities", l.name, after-before)
	}
}

// resume lets a station speak again, when its copy is off.
func (d *day) resume(l *line) {
	d.t.Helper()
	if was, err := d.office.Resume(d.t.Context(), l.name); err != nil || was == "" {
		d.t.Errorf("%q %v", was, err)
	}
}

// addsUp holds the database, the ledgers and the tablets to each other.
func (d *day) addsUp(lines []*line, tablets int) {
	t := d.t
	t.Helper()
	here := map[int64]int{} // how many ledgers have a number
	for _, l := range lines {
		config := []string{"--config", filepath.Join(l.dir, "config.yaml")}
		d.life(l, l.dir, []*plugged{d.tablet(l, l.name+"-last", true)}, func(p *os.Process, e map[string]any) { // takes in what it leased last
			if e["type"] == "job-done" {
				_ = p.Signal(syscall.SIGTERM)
			}
		})
		tablets++
		d.runAt(l, append(config, "ledger", "sync")...)
		d.runAt(l, append(config, "ledger", "verify", "--database", l.url)...)
		book, err := ledger.OpenReader(t.Context(), filepath.Join(l.dir, "ledger.db"))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := book.Query(t.Context(), "SELECT id FROM identity WHERE lease NOT IN ('', 'adopted') AND state <> 'returned'")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			here[id]++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_ = rows.Close()
		_ = book.Close()
	}
	// Each tablet has one identity, which no other has; each number that was leased is at the
	// station that leased it.
	held, states := map[string]int64{}, map[string]int{}
	if err := lease.List(t.Context(), d.office, "census", "", func(i lease.Listed) error {
		states[i.State]++
		switch i.State {
		case "bound":
			if other := held[i.Serial]; other != 0 {
				t.Errorf("%s has the identities %d and %d", i.Serial, other, i.Number)
			}
			held[i.Serial] = i.Number
		case "assigned":
			t.Errorf("%+v passed, and its identity is not bound", i)
		}
		if leased := i.State != "free"; leased != (here[i.Number] == 1) {
			t.Errorf("%+v is in %d ledgers", i, here[i.Number])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var finals int
	if err := d.office.QueryRow(t.Context(), `SELECT count(*) FROM (
		SELECT DISTINCT ON (b ->> 'serial') b ->> 'result' AS result, b ->> 'serial' AS serial
		FROM (SELECT seq, body::jsonb AS b FROM zarya.entry WHERE kind = 'result') r
		WHERE b ->> 'serial' <> '' AND b ->> 'result' IN ('pass', 'compliant')
		ORDER BY b ->> 'serial', seq DESC) last`).Scan(&finals); err != nil {
		t.Fatal(err)
	}
	var open int
	if err := d.office.QueryRow(t.Context(), `SELECT count(*) FROM (
		SELECT station, body::jsonb ->> 'job' AS job FROM zarya.entry WHERE kind = 'intent'
		EXCEPT SELECT station, body::jsonb ->> 'job' FROM zarya.entry WHERE kind IN ('result', 'interrupted')) o`).Scan(&open); err != nil {
		t.Fatal(err)
	}
	if len(held) != tablets || finals != tablets || open > 0 {
		t.Errorf("%d tablets: %d have an identity, %d a record that they passed, %d jobs are open", tablets, len(held), finals, open)
	}
	trouble, err := lease.Trouble(t.Context(), d.office, "", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range trouble {
		if c.What != "second" {
			t.Errorf("%+v", c)
		}
	}
	t.Logf("%d tablets, %d clashes, identities: %v", tablets, len(trouble), states)
}

// copy copies a station's disk.
func (d *day) copy(l *line, to string) {
	if err := os.CopyFS(to, os.DirFS(l.dir)); err != nil {
		d.t.Error(err)
	}
	_ = filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
	d.settings(l, to)
}

// betweenContacts does something while a station that works does not speak to the database, and
// keeps nothing of what was said: a file that it has just written anew would be missed.
func (d *day) betweenContacts(l *line, do func()) {
	d.t.Helper()
	lock, err := os.OpenFile(filepath.Join(l.dir, "ledger.db.forward"), os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		defer lock.Close()
		err = flock.Wait(lock)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	do()
}
