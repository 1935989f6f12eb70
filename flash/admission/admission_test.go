package admission_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/admission"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pause is a wait of the bubble's time.
func pause(d time.Duration) { <-time.After(d) }

// cable is a wire of so many bytes a second. Its users get their turns in the order of
// asking.
type cable struct {
	rate int64
	mu   sync.Mutex
	free time.Time
}

func (c *cable) carry(n int64) {
	if c == nil {
		return
	}
	c.mu.Lock()
	now := time.Now()
	if c.free.Before(now) {
		c.free = now
	}
	c.free = c.free.Add(time.Duration(float64(n) / float64(c.rate) * float64(time.Second)))
	wait := c.free.Sub(now)
	c.mu.Unlock()
	pause(wait)
}

// tablet takes an image of size bytes in pieces.
type tablet struct {
	bus    *cable        // that it shares; nil: none
	own    *cable        // of its own; nil: any speed
	write  int64         // bytes a second of its storage; 0: any
	size   int64         // 0: 64 MiB
	piece  int64         // 0: the whole image
	buffer int64         // bytes on their way; 0: 4 MiB, as a socket has
	uplink string        // that is known
	after  time.Duration // it comes later
	leaves int64         // is gone after so many bytes; 0: stays
	stalls int64         // takes nothing more after so many bytes, for a minute and a half; 0: goes on
	mute   bool          // no one knows what has arrived
	jitter *rand.Rand    // nil: always in time
}

// chunk is what a tablet takes at once.
const chunk = 64 << 10

// pipe is what is between the host and a tablet that is never full of more than size.
type pipe struct {
	mu        sync.Mutex
	cond      sync.Cond
	size      int64
	in, taken int64 // bytes so far
	closed    bool
}

func (p *pipe) write(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n > 0 && !p.closed {
		for p.in-p.taken >= p.size && !p.closed {
			p.cond.Wait()
		}
		part := min(n, p.size-(p.in-p.taken))
		p.in, n = p.in+part, n-part
		p.cond.Broadcast()
	}
}

// take waits for bytes and returns how many there are, 0 at the end.
func (p *pipe) wait() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.in == p.taken && !p.closed {
		p.cond.Wait()
	}
	return min(chunk, p.in-p.taken)
}

func (p *pipe) took(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken += n
	p.cond.Broadcast()
}

func (p *pipe) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.in != p.taken && !p.closed {
		p.cond.Wait()
	}
}

func (p *pipe) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.cond.Broadcast()
}

func (p *pipe) delivered() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken, true
}

// receive is the tablet's side.
func (tab tablet) receive(p *pipe) {
	for {
		n := p.wait()
		if n == 0 {
			return
		}
		if tab.jitter != nil {
			pause(time.Duration(tab.jitter.IntN(4000)) * time.Microsecond)
		}
		tab.own.carry(n)
		tab.bus.carry(n)
		before, _ := p.delivered()
		p.took(n)
		if tab.stalls > 0 && before < tab.stalls && before+n >= tab.stalls {
			pause(90 * time.Second)
		}
		if tab.leaves > 0 && before+n >= tab.leaves {
			p.close()
			return
		}
	}
}

// serve is one job; it returns how often it waited.
func (tab tablet) serve(a *admission.Admission, order int) (waited int) {
	size, piece, buffer := tab.size, tab.piece, tab.buffer
	if size == 0 {
		size = 64 << 20
	}
	if piece == 0 {
		piece = size
	}
	if buffer == 0 {
		buffer = 4 << 20
	}
	p := &pipe{size: buffer}
	p.cond.L = &p.mu
	var receiving sync.WaitGroup
	receiving.Go(func() { tab.receive(p) })
	defer receiving.Wait()
	defer p.close()
	m := a.Join(int64(order), strconv.Itoa(order), tab.uplink)
	defer m.Leave()
	know := p.delivered
	if tab.mute {
		know = func() (int64, bool) { return 0, false }
	}
	for left := size; left > 0; left -= piece {
		if err := m.Begin(context.Background(), admission.Download{Left: left, Delivered: know}, func() { waited++ }); err != nil {
			panic(err)
		}
		for todo := min(piece, left); todo > 0; {
			n := min(todo, m.Pace(context.Background()))
			p.write(n)
			m.Sent(int(n))
			todo -= n
		}
		p.flush()
		m.End()
		if tab.write > 0 {
			pause(time.Duration(float64(min(piece, left)) / float64(tab.write) * float64(time.Second)))
		}
	}
	return waited
}

// ready serves tablets and returns when each was ready, from its own beginning.
func ready(t *testing.T, tablets []tablet, atOnce bool) (times []time.Duration, last time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		a := admission.New(admission.Options{})
		if atOnce {
			a = admission.New(admission.Options{Concurrency: len(tablets)})
		}
		times = make([]time.Duration, len(tablets))
		start := time.Now()
		var jobs sync.WaitGroup
		for i, tab := range tablets {
			jobs.Go(func() {
				pause(tab.after + time.Duration(i)*time.Millisecond)
				begin := time.Now()
				tab.serve(a, i)
				times[i] = time.Since(begin)
			})
		}
		jobs.Wait()
		last = time.Since(start)
	})
	return times, last
}

func mean(times []time.Duration) (sum time.Duration) {
	for _, d := range times {
		sum += d
	}
	return sum / time.Duration(len(times))
}

const mb = 1_000_000

func bus() *cable { return &cable{rate: 40 * mb} }

// TestTurns is what taking turns brings and costs, by what the tablets share: the mean and
// the last finish, in parts of those of all at once.
func TestTurns(t *testing.T) {
	same := func(n int, like func() tablet) (all []tablet) {
		for range n {
			all = append(all, like())
		}
		return all
	}
	behind := func(b *cable) func() tablet { return func() tablet { return tablet{bus: b} } }
	large := func(all []tablet) []tablet {
		for i := range all {
			all[i].size = 512 << 20
		}
		return all
	}
	alone := func(rate int64) func() tablet { return func() tablet { return tablet{own: &cable{rate: rate}} } }
	for _, c := range []struct {
		name       string
		tablets    func() []tablet
		mean, last float64 // at most
	}{
		{"a known uplink", func() []tablet {
			b := bus()
			return same(16, func() tablet { return tablet{bus: b, uplink: "1-1", piece: 8 << 20} })
		}, 0.60, 1.01},
		{"one wire", func() []tablet { return large(same(16, behind(bus()))) }, 0.57, 1.01},
		{"one wire, less to send", func() []tablet { return same(16, behind(bus())) }, 0.62, 1.01},
		{"one wire, little on its way", func() []tablet {
			b := bus()
			return same(16, func() tablet { return tablet{bus: b, buffer: 256 << 10} })
		}, 0.60, 1.01},
		{"one wire, no one knows what has arrived", func() []tablet {
			b := bus()
			return same(16, func() tablet { return tablet{bus: b, buffer: 256 << 10, mute: true} })
		}, 1.01, 1.01},
		{"one wire, tablets late by up to 4 ms", func() []tablet {
			b, seed := bus(), uint64(0)
			return large(same(16, func() tablet { seed++; return tablet{bus: b, jitter: rand.New(rand.NewPCG(seed, 1))} }))
		}, 0.65, 1.04},
		{"one wire, pieces and writes between", func() []tablet {
			b := bus()
			return large(same(16, func() tablet { return tablet{bus: b, piece: 128 << 20, write: 60 * mb} }))
		}, 0.64, 1.02},
		{"one wire that no tablet fills", func() []tablet {
			b := bus()
			return large(same(16, func() tablet { return tablet{bus: b, own: &cable{rate: 25 * mb}} }))
		}, 0.64, 1.02},
		{"one wire, 48 tablets", func() []tablet { return same(48, behind(bus())) }, 0.61, 1.01},
		{"two tablets", func() []tablet { b := bus(); return same(2, func() tablet { return tablet{bus: b, size: 512 << 20} }) }, 0.80, 1.01},
		{"two wires, one after the other", func() []tablet { return large(append(same(8, behind(bus())), same(8, behind(bus()))...)) }, 0.68,
			1.02},
		{"two wires in turns", func() (all []tablet) {
			a, b := bus(), bus()
			for range 8 {
				all = append(all, tablet{bus: a}, tablet{bus: b})
			}
			return large(all)
		}, 0.70, 1.03},
		{"no wire is shared", func() []tablet { return same(16, alone(2500_000)) }, 1.02, 1.02},
		{"no wire is shared, little on its way", func() []tablet {
			return same(16, func() tablet { return tablet{own: &cable{rate: 2500_000}, buffer: 256 << 10} })
		}, 1.02, 1.02},
		{"no wire is shared, late by up to 4 ms", func() []tablet {
			seed := uint64(0)
			return same(16, func() tablet {
				seed++
				return tablet{own: &cable{rate: 2500_000}, jitter: rand.New(rand.NewPCG(seed, 2))}
			})
		}, 1.02, 1.02},
		{"no wire is shared, each has another rate", func() (all []tablet) {
			for i := range 16 {
				all = append(all, alone(int64(4*mb+i*mb/4))())
			}
			return all
		}, 1.02, 1.02},
		{"storage is slower than the wire", func() []tablet {
			return same(8, func() tablet { return tablet{own: bus(), piece: 8 << 20, write: 3 * mb} })
		}, 1.02, 1.02},
		{"half share, half do not", func() []tablet { return large(append(same(8, behind(bus())), same(8, alone(5*mb))...)) }, 0.86, 1.02},
		{"one comes late", func() []tablet {
			all := large(same(16, behind(bus())))
			all[0].after = 50 * time.Second
			return all
		}, 0.64, 1.02},
		{"one leaves in its turn", func() []tablet {
			all := same(16, behind(bus()))
			all[1].leaves = 40 << 20
			return all
		}, 0.62, 1.02},
		{"too short to ask", func() []tablet { return same(16, func() tablet { return tablet{own: bus()} }) }, 1.001, 1.001},
	} {
		t.Run(c.name, func(t *testing.T) {
			times, last := ready(t, c.tablets(), true)
			ours, ourLast := ready(t, c.tablets(), false)
			m, l := mean(ours).Seconds()/mean(times).Seconds(), ourLast.Seconds()/last.Seconds()
			t.Logf("mean %.2f s of %.2f: %.3f; last %.2f s of %.2f: %.3f", mean(ours).Seconds(), mean(times).Seconds(), m, ourLast.Seconds(),
				last.Seconds(), l)
			if m > c.mean || l > c.last {
				t.Errorf("mean at most %.2f, last at most %.2f; ready after %v", c.mean, c.last, ours)
			}
		})
	}
}

// TestStalled shows that a tablet which takes nothing holds up no other: those behind it on
// the wire are ready long before it goes on.
func TestStalled(t *testing.T) {
	for _, uplink := range []string{"", "1-1"} {
		b := bus()
		var all []tablet
		for range 8 {
			all = append(all, tablet{bus: b, uplink: uplink})
		}
		all[0].stalls, all[1].stalls = 30<<20, 30<<20
		times, _ := ready(t, all, false)
		slices.Sort(times)
		if times[5] > 30*time.Second || times[6] < 90*time.Second {
			t.Errorf("uplink %q: ready after %v", uplink, times)
		}
	}
}

// TestPlaces shows that places are given in order, and given back.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admission.New(admission.Options{Concurrency: 2})
		var order []int
		var mu sync.Mutex
		var jobs sync.WaitGroup
		gone, leave := context.WithCancelCause(context.Background())
		why := errors.New("why")
		for i := range 6 {
			p := a.Queue()
			jobs.Go(func() {
				defer p.Leave()
				ctx := context.Background()
				if i == 3 {
					ctx = gone
				}
				if err := p.Wait(ctx, func() {}); err != nil {
					if i != 3 || !errors.Is(err, why) {
						t.Errorf("job %d: %v", i, err)
					}
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				pause(time.Duration(i+1) * time.Second)
			})
		}
		synctest.Wait()
		leave(why)
		jobs.Wait()
		slices.Sort(order[:2])
		if !slices.Equal(order, []int{0, 1, 2, 4, 5}) {
			t.Errorf("at work in the order %v", order)
		}
	})
}

// TestBeginEnds shows that a wait for a turn ends with its context, and leaves no trace.
func TestBeginEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := admission.New(admission.Options{})
		none := func() (int64, bool) { return 0, false }
		var members []*admission.Member
		for i := range 4 {
			members = append(members, a.Join(int64(i), strconv.Itoa(i), "1-1"))
		}
		begin := func(ctx context.Context, i int) error {
			return members[i].Begin(ctx, admission.Download{Left: 1, Delivered: none}, func() {})
		}
		for i := range 2 {
			if err := begin(t.Context(), i); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := begin(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		members[0].End()
		if err := begin(t.Context(), 3); err != nil { // the place is not that of the one who gave up
			t.Fatal(err)
		}
		for _, m := range members {
			m.Leave()
		}
	})
}
