//go:build linux

package stock

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/ledger/pool"
)

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// verified fails the test unless a ledger's tables are what its entries say. Nothing is leased
// meanwhile: the entries are read before the tables.
func (w *working) verified() {
	w.m.t.Helper()
	w.refilling.Lock()
	defer w.refilling.Unlock()
	if list, err := pool.Verify(w.m.t.Context(), w.ledger); err != nil || len(list) > 0 {
		w.m.t.Errorf("%v %v", list, err)
	}
}

func TestStationsShareOneSupply(t *testing.T) {
	s := fleettest.Start(t)
	bouncer := fleettest.StartBouncer(t, s)
	anna := newOffice(t, s)
	var stations []*working
	for i := range 3 { // they join before the rows are imported
		m := newMachine(t, s, fmt.Sprintf("s%d", i))
		m.url = bouncer.StationURL()
		stations = append(stations, m.start("p"))
	}
	stations[0].refuses("p", "T0", "")
	const tablets = 10
	anna.imports("p", 1, 3*tablets+3*4) // each may have 4 ahead
	var mu sync.Mutex
	var all sync.WaitGroup
	who := map[int64]string{}
	for i, w := range stations {
		w.o.Patience = enough
		for n := range tablets {
			all.Go(func() {
				serial := fmt.Sprintf("T%d-%d", i, n)
				id, err := w.Assign(t.Context(), "p", serial, serial)
				w.Release(serial)
				if err != nil {
					t.Errorf("%s: %v", serial, err)
					return
				}
				if id.Columns["pin"] != fmt.Sprint(1000+id.ID) || id.Columns["inventory"] != fmt.Sprintf("C-%05d", id.ID) {
					t.Errorf("%s got %+v", serial, id)
				}
				if err := w.Bind(t.Context(), id, serial); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if other := who[id.ID]; other != "" {
					t.Errorf("%s and %s have number %d", serial, other, id.ID)
				}
				who[id.ID] = serial
			})
		}
	}
	all.Wait()
	for _, w := range stations {
		w.o.Patience = 0
		w.sent()
		w.verified()
	}
	for i, state := range anna.states("p") {
		serial, number := who[int64(i+1)], fmt.Sprint(i+1)
		if serial == "" {
			if !strings.HasPrefix(state, number+" leased") && state != number+" free" {
				t.Error(state)
			}
			continue
		}
		if state != fmt.Sprintf("%s bound s%c %s", number, serial[1], serial) {
			t.Errorf("%s: %s", serial, state)
		}
	}
	if id := stations[1].give("p", "T1-0"); who[id.ID] != "T1-0" {
		t.Errorf("a second attempt got %+v", id)
	}
	counts, err := lease.Counts(t.Context(), anna.DB, "p", "s1")
	if err != nil || len(counts) < 1 || counts[0].State != "bound" || counts[0].Count != tablets {
		t.Errorf("%+v %v", counts, err)
	}
	// It is empty everywhere, and goes on by itself when rows come.
	anna.imports("q", 100, 1)
	if id := stations[1].give("q", "first"); id.ID != 1 {
		t.Errorf("%+v", id)
	}
	stations[1].until("known to be empty", func() bool { return stations[1].Pool("q").Empty })
	stations[1].refuses("q", "late", "none is left here nor in the fleet's database")
	anna.imports("q", 101, 1)
	if id := stations[1].give("q", "late"); id.ID != 2 {
		t.Errorf("%+v", id)
	}
}

// TestAnAnswerThatWasLost: what was leased and not taken in is found again, and no row twice.
func TestAnAnswerThatWasLost(t *testing.T) {
	s := fleettest.Start(t)
	m := newMachine(t, s, "a")
	newOffice(t, s).imports("p", 1, 100)
	w := m.start()
	w.until("confirmed", func() bool { return w.outbox.State().Confirmed })
	st, err := w.station(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lost, err := st.Lease(t.Context(), "p", lease.NewRequest(), 3)
	if err != nil {
		t.Fatal(err)
	}
	w.end() // it was killed there
	w = m.start("p")
	for i := range 5 { // 3 that were lost, and then more
		if id := w.give("p", fmt.Sprintf("T%d", i)); id.ID != lost.First+int64(i) {
			t.Errorf("%+v", id)
		}
	}
	w.verified()
	for range 3 {
		if err := w.Refill(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if free, err := pool.Free(t.Context(), w.ledger, "p"); err != nil || free > m.ahead {
		t.Errorf("%d are here, at most %d may be: %v", free, m.ahead, err)
	}
}

func TestATabletThatGoesToAnotherStation(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a, b := newMachine(t, s, "a"), newMachine(t, s, "b")
	wire := fleettest.NewWire(t, s)
	b.url = wire.StationURL()
	at, bt := a.start("p"), b.start("p")
	anna.imports("p", 1, 100)

	// It failed at a, and comes to b, which asks: it keeps what it has.
	first := at.give("p", "T1")
	at.sent()
	id := bt.give("p", "T1")
	if id.ID != first.ID || id.Columns["pin"] != first.Columns["pin"] {
		t.Errorf("b gave %+v, a %+v", id, first)
	}
	bt.bind(id)
	bt.sent()
	if got := at.give("p", "T1"); got.ID != first.ID {
		t.Errorf("%+v", got)
	}
	mine := func(w *working, serial string) (number int64) {
		t.Helper()
		number, err := pool.Holder(t.Context(), w.ledger, "p", serial)
		if err != nil {
			t.Fatal(err)
		}
		return number
	}
	// Nobody answers b: it gives what it has. What was read back stays.
	begun := at.give("p", "T2")
	at.sent()
	done := at.give("p", "T3")
	at.bind(done)
	at.sent()
	bt.give("p", "warm") // b has some
	wire.Block()
	bt.unanswered(time.Now().Add(time.Hour)) // it has just not answered
	other := bt.give("p", "T2")
	bt.bind(other)
	second := bt.give("p", "T3")
	if other.ID == begun.ID || second.ID == done.ID {
		t.Fatalf("%+v %+v", other, second)
	}
	wire.Unblock()
	bt.sent()
	at.until("T2's first is burned at a", func() bool { return mine(at, "T2") == 0 })
	bt.until("T3's second is burned at b", func() bool { return mine(bt, "T3") == 0 })
	bt.warns(fmt.Sprintf("tablet T3: its identity %d of p is burned: the tablet has number %d", second.ID, done.ID))
	bt.unanswered(time.Time{})
	at.sent()
	bt.sent()
	if got := at.give("p", "T2"); got.ID != other.ID {
		t.Errorf("at a T2 got %+v, at b %+v", got, other)
	}
	if got := bt.give("p", "T3"); got.ID != done.ID {
		t.Errorf("at b T3 got %+v, at a %+v", got, done)
	}
	// An order of a person: burned here is burned there.
	if err := pool.Burn(at.ledger, "p", first.ID, "scrapped"); err != nil {
		t.Fatal(err)
	}
	bt.until("T1's is burned at b too", func() bool { return mine(bt, "T1") == 0 })
	for _, w := range []*working{at, bt} {
		w.sent()
		w.verified()
	}
	held := map[string]int{}
	for _, state := range anna.states("p") {
		if f := strings.Fields(state); len(f) == 4 && f[1] != "burned" {
			held[f[3]]++
		}
	}
	if len(held) != 3 || held["T2"] != 1 || held["T3"] != 1 || held["warm"] != 1 {
		t.Errorf("%v", held)
	}
	if list, err := lease.Trouble(t.Context(), anna.DB, "", ""); err != nil || len(list) != 3 || list[0].What != "second" {
		t.Errorf("%+v %v", list, err)
	}
}

func TestGiveBackAndWriteOff(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a := newMachine(t, s, "a").start("p")
	anna.imports("p", 1, 8)
	a.give("p", "T1")
	a.until("4 ahead", func() bool {
		free, err := pool.Free(t.Context(), a.ledger, "p")
		return err == nil && free >= 2
	})
	list, err := pool.Leases(t.Context(), a.ledger, "p")
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	a.refilling.Lock() // one that is under way knows what was wanted
	a.Stock.mu.Lock()
	a.wanted = map[string]bool{} // or it leases again what it gives back
	a.Stock.mu.Unlock()
	a.refilling.Unlock()
	n, err := pool.GiveBack(a.ledger, "p", list[0].Lease)
	if err != nil || n < 1 {
		t.Fatal(n, err)
	}
	a.sent()
	equal(t, anna.states("p")[:4], "1 assigned a T1", "2 returned", "3 returned", "4 returned")
	b := newMachine(t, s, "b")
	if err := lease.Grant(t.Context(), anna.DB, "p", anna.key); err != nil {
		t.Fatal(err)
	}
	bt := b.start("p")
	if id := bt.give("p", "T2"); id.ID != 2 {
		t.Errorf("%+v", id)
	}
	if err := pool.Burn(bt.ledger, "p", 3, "a coffee"); err != nil {
		t.Fatal(err)
	}
	bt.sent()
	bt.until("refilled", func() bool { return bt.Pool("p").Err == nil })
	equal(t, anna.states("p")[:3], "1 assigned a T1", "2 assigned b T2", "3 burned b")
	bt.end()
	if _, err := lease.Burn(t.Context(), anna.DB, "b"); err != nil {
		t.Fatal(err)
	}
	equal(t, anna.states("p")[1:4], "2 assigned b T2", "3 burned b", "4 written-off b")
	bt = b.start("p")
	bt.until("taken out", func() bool { return fleet.IsRefused(bt.outbox.State().Err) })
	a.verified()
}

// TestTheDatabaseWasRestored: leases that it forgot come back with the stations' entries, and
// nothing is leased until somebody has said that all have.
func TestTheDatabaseWasRestored(t *testing.T) {
	s := fleettest.Start(t)
	anna := newOffice(t, s)
	a, b := newMachine(t, s, "a"), newMachine(t, s, "b")
	bt := b.start("p")
	anna.imports("p", 1, 40)
	bt.give("p", "B1")
	bt.sent()
	at := a.start("p") // its lease comes after b's, and is what the database forgets
	at.until("ahead", func() bool { free, err := pool.Free(t.Context(), at.ledger, "p"); return err == nil && free >= 4 })
	at.sent()
	at.bind(at.give("p", "A1"))
	at.sent()
	at.end()
	bt.end()
	was := anna.states("p")
	// What a's lease and all after it was is not in the backup.
	s.Exec(`DELETE FROM zarya.binding WHERE station = 'a'; DELETE FROM zarya.lease WHERE station = 'a';
		UPDATE zarya.pool SET next = (SELECT max(last) + 1 FROM zarya.lease);
		DELETE FROM zarya.entry WHERE station = 'a'; DELETE FROM zarya.boot WHERE station = 'a';
		UPDATE zarya.head SET seq = 0, hash = decode(repeat('00', 32), 'hex'), boot = '' WHERE station = 'a'`)
	a.ahead, b.ahead = 12, 12
	at = a.start()
	at.until("rewound", func() bool { return at.outbox.State().Rewound > 0 })
	at.sent()
	equal(t, anna.states("p"), was...)
	bt = b.start()
	bt.Want("p")
	bt.until("refused", func() bool {
		err := bt.Pool("p").Err
		return err != nil && strings.Contains(err.Error(), "was restored from a backup")
	})
	if err := lease.Settle(t.Context(), anna.DB, "p"); err != nil {
		t.Fatal(err)
	}
	bt.until("leased", func() bool { free, err := pool.Free(t.Context(), bt.ledger, "p"); return err == nil && free == 12 })
	at.verified()
	if list, err := lease.Trouble(t.Context(), anna.DB, "", ""); err != nil || len(list) > 0 {
		t.Errorf("%+v %v", list, err)
	}
}
