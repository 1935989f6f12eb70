package outbox

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/ledger"
)

// BenchmarkForwarding sends the ledgers of twenty stations at once, each of 5,000 entries of
// 400 bytes, from their files into PostgreSQL, and says how many entries a second arrived:
//
//	go test ./internal/fleet/outbox -run '^$' -bench Forwarding -benchtime 1x
func BenchmarkForwarding(b *testing.B) {
	const stations, entries = 20, 5000
	for _, through := range []string{"the-server", "pgbouncer"} {
		b.Run(through, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				s := fleettest.Start(b)
				url := s.StationURL()
				if through == "pgbouncer" {
					url = fleettest.StartBouncer(b, s).StationURL()
				}
				var all sync.WaitGroup
				forwarders := make([]*Forwarder, stations)
				for i := range forwarders {
					forwarders[i] = filled(b, s, url, string(rune('a'+i)), entries)
				}
				b.StartTimer()
				begun := time.Now()
				for _, f := range forwarders {
					all.Go(func() {
						if sent, err := f.Sync(b.Context()); err != nil || sent != entries {
							b.Errorf("%d %v", sent, err)
						}
					})
				}
				all.Wait()
				b.ReportMetric(stations*entries/time.Since(begun).Seconds(), "entries/s")
			}
		})
	}
}

// filled is the forwarder of a station with a ledger of n entries.
func filled(b *testing.B, s *fleettest.Server, url, name string, n int) *Forwarder {
	b.Helper()
	files := s.Enrol(b, name, "")
	path := files.Dir + "/ledger.db"
	l, err := ledger.Open(b.Context(), path, name)
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	for range 100 { // they share commits
		all.Go(func() {
			for range n / 100 {
				if _, err := l.Append("step", map[string]any{"text": strings.Repeat("x", 385)}, nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	f, err := Open(b.Context(), url, path, name, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	return f
}
