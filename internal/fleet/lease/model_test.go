package lease

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

// client is a station that leases over a line that is cut, and what it believes to have.
type client struct {
	*Station
	wire   *fleettest.Wire
	random *rand.Rand
	up     *sync.RWMutex
	has    []Range
	failed int // attempts
}

// stubborn does something until it is answered, on a line that may be cut meanwhile.
func (c *client) stubborn(t *testing.T, do func() error) error {
	if c.random.IntN(3) == 0 {
		c.wire.CutAfter(1 + c.random.IntN(300))
	}
	for range 1000 {
		c.up.RLock() // waits while the server starts
		err := t.Context().Err()
		c.up.RUnlock()
		if err != nil {
			return err
		}
		var empty *EmptyError
		if err = do(); err == nil || errors.As(err, &empty) {
			return err
		}
		c.failed++
	}
	return errors.New("not once in 1000 attempts")
}

// work is what one client does: it leases, asks again as if the answer was lost, binds the
// beginning of its range and gives the end of it back.
func (c *client) work(t *testing.T, name string, leased chan<- struct{}) {
	for n := range 12 {
		pool := []string{"north", "south"}[c.random.IntN(2)]
		request, want := NewRequest(), 1+c.random.IntN(60)
		var r Range
		lease := func() (err error) {
			r, err = c.Lease(t.Context(), pool, request, want)
			return err
		}
		var empty *EmptyError
		if err := c.stubborn(t, lease); errors.As(err, &empty) {
			continue
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		leased <- struct{}{}
		if r.First < 1 || r.Count() < 1 || r.Count() > int64(want) {
			t.Errorf("%s asked for %d and got %+v", name, want, r)
		}
		first := r
		if err := c.stubborn(t, lease); err != nil || r != first {
			t.Errorf("%s got %+v, and under the same request %+v: %v", name, first, r, err)
		}
		used := c.random.Int64N(min(r.Count(), 3) + 1)
		for i := range used {
			b := Binding{Pool: pool, Number: r.First + i, Serial: fmt.Sprintf("%s-%d-%d", name, n, i), Bound: true}
			if err := c.stubborn(t, func() error { _, _, err := c.Bind(t.Context(), b); return err }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if c.random.IntN(3) == 0 {
			from := r.First + used + c.random.Int64N(r.Count()-used+1)
			if err := c.stubborn(t, func() (err error) { r, err = c.Return(t.Context(), r, from); return err }); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if r.Last != min(from-1, first.Last) {
				t.Errorf("%s gave back from %d on and has %+v", name, from, r)
			}
		}
		c.has = append(c.has, r)
	}
}

// TestTwentyClientsAtOnce leases with twenty stations at the same time while their lines are
// cut and the server is killed, and holds what they got to the one thing that may not be: a
// number that two have, or that nobody has and nobody can get.
func TestTwentyClientsAtOnce(t *testing.T) {
	const stations, rows, kills = 20, 2500, 3
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	s := fleettest.Start(t)
	anna := supervisor(t, s)
	mustImport(t, anna, "north", "inventory", numbered(1, rows), rows)
	mustImport(t, anna, "south", "", numbered(rows+1, rows), rows)
	var up sync.RWMutex
	leased := make(chan struct{})
	var all sync.WaitGroup
	clients := make([]*client, stations)
	for i := range clients {
		name := fmt.Sprintf("s%d", i)
		wire := fleettest.NewWire(t, s)
		_, as, err := s.Enrol(t, name, "").Login()
		if err != nil {
			t.Fatal(err)
		}
		clients[i] = &client{Station: &Station{DB: fleettest.Open(t, wire.StationURL(), as), Chain: noChain{}}, wire: wire, up: &up,
			random: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	for i, c := range clients {
		all.Go(func() { c.work(t, fmt.Sprintf("s%d", i), leased) })
	}
	go func() { all.Wait(); close(leased) }()
	killed, count := 0, 0
	for range leased {
		if count++; count%30 == 0 && killed < kills {
			up.Lock()
			s.Kill()
			s.Restart()
			up.Unlock()
			killed++
		}
	}
	if killed < kills {
		t.Errorf("the server was killed %d times", killed)
	}
	failed := 0
	var believed []Range
	for _, c := range clients {
		believed, failed = append(believed, c.has...), failed+c.failed
	}
	t.Logf("%d leases, %d attempts failed", len(believed), failed)
	if failed == 0 {
		t.Error("no line was cut in the middle")
	}
	slices.SortFunc(believed, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	anna = supervisor(t, s)
	if known := leases(t, anna); !sameRanges(known, believed) {
		t.Errorf("the database knows %d leases, the stations %d, and they differ", len(known), len(believed))
	}
	for pool := range map[string]bool{"north": true, "south": true} {
		checkWhole(t, anna, pool, believed)
	}
}

// sameRanges compares without an order among those that are empty.
func sameRanges(a, b []Range) bool {
	by := map[string]Range{}
	for _, r := range a {
		by[r.Request] = r
	}
	return len(a) == len(b) && !slices.ContainsFunc(b, func(r Range) bool { return by[r.Request] != r })
}

// checkWhole sees each number of a pool once: at a station, given back, or not leased yet.
func checkWhole(t *testing.T, db *fleet.DB, pool string, leased []Range) {
	t.Helper()
	var last, next int64
	if err := db.QueryRow(t.Context(), "SELECT last, next FROM zarya.pool WHERE name = $1", pool).Scan(&last, &next); err != nil {
		t.Fatal(err)
	}
	times := make([]int, last+1)
	add := func(first, last int64) {
		for i := first; i <= last; i++ {
			times[i]++
		}
	}
	add(next, last)
	for _, r := range leased {
		if r.Pool == pool {
			add(r.First, r.Last)
		}
	}
	rows, err := db.Query(t.Context(), "SELECT first, last FROM zarya.returned WHERE pool = $1", pool)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var from, to int64
		if err := rows.Scan(&from, &to); err != nil {
			t.Fatal(err)
		}
		add(from, to)
	}
	for number, n := range times[1:] {
		if n != 1 {
			t.Errorf("%s: number %d is there %d times", pool, number+1, n)
		}
	}
}

// BenchmarkLeasing leases ranges of 500 with twenty stations at once, and says how many a
// second:
//
//	go test ./internal/fleet/lease -run '^$' -bench Leasing -benchtime 2000x
func BenchmarkLeasing(b *testing.B) {
	const stations = 20
	s := fleettest.Start(b)
	s.Exec(fmt.Sprintf("INSERT INTO zarya.pool (name, last) VALUES ('p', %d)", 500*(b.N+stations)))
	clients := make([]*Station, stations)
	for i := range clients {
		clients[i] = enrolled(b, s, fmt.Sprintf("s%d", i))
	}
	var all sync.WaitGroup
	var turn atomic.Int64
	b.ResetTimer()
	for _, c := range clients {
		all.Go(func() {
			for turn.Add(1) <= int64(b.N) {
				if _, err := c.Lease(b.Context(), "p", NewRequest(), 500); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "leases/s")
}
