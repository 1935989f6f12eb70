// Who may order: badges, with the real station in a bubble.

package station_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
)

// decided keeps what is recorded of orders.
type decided struct{ list []string }

func (d *decided) options(badges []string, scanner bool) func(*station.Options) {
	return func(o *station.Options) {
		o.Badges, o.Scanner = badges, scanner
		o.Decided = func(_ context.Context, o station.Order) error {
			d.list = append(d.list, strings.Join([]string{string(o.Do), o.Port, o.Value, o.By}, "|"))
			return nil
		}
		o.Dispose = func(_ context.Context, record, disposition, by string) error {
			d.list = append(d.list, strings.Join([]string{record, disposition, by}, "|"))
			return nil
		}
		o.Reload = func(context.Context) (station.Work, error) { return simWork{}, nil }
	}
}

// supervised is one order of each kind that only a supervisor gives.
var supervised = []station.Order{
	{Do: station.OrderSetAside, Port: "A1"}, {Do: station.OrderUse, Port: "A1"}, {Do: station.OrderClear, Port: "A1"},
	{Do: station.OrderGolden, Value: "G-07"}, {Do: station.OrderNotGolden}, {Do: station.OrderReload},
	{Do: station.OrderDisposition, Record: "rec-1", Disposition: "scrap"}, {Do: station.OrderStop},
}

func TestOrdersAreRecordedWithWhoGaveThem(t *testing.T) {
	var d decided
	rule(t, d.options([]string{"900", "S-*"}, false), func(s *shop) {
		if v := s.View(); v.Proof != station.TypedBadge || !v.Badges {
			t.Errorf("%q %v", v.Proof, v.Badges)
		}
		for _, o := range supervised {
			for _, by := range []string{"", "90", "9000", "S", "17\x1b[2J"} {
				o.By = by
				var p *problem.Error
				if err := s.Do(s.t.Context(), o); !errors.As(err, &p) || !strings.Contains(p.Hint, "supervisor's badge") ||
					strings.ContainsRune(err.Error(), 0x1b) {
					t.Errorf("%s by %q: %v", o.Do, by, err)
				}
			}
		}
		if len(d.list) > 0 || s.View().Draining {
			t.Fatalf("without a badge: %v", d.list)
		}
		for i, o := range supervised {
			o.By = []string{"900", "S-", "S-17"}[i%3]
			s.do(o)
		}
		for _, free := range []station.Order{{Do: station.OrderOperator, Value: "17"}, {Do: station.OrderLot, Value: "P-1"}} {
			s.do(free)
		}
	})
	want := []string{"set-aside|A1||900", "use|A1||S-", "clear|A1||S-17", "golden||G-07|900", "not-golden|||S-", "reload|||S-17",
		"rec-1|scrap|900", "stop|||S-"}
	if !slices.Equal(d.list, want) {
		t.Errorf("%q", d.list)
	}
}

func TestThisMachineNeedsNoBadge(t *testing.T) {
	var d decided
	rule(t, d.options([]string{"900"}, true), func(s *shop) {
		s.do(station.Order{Do: station.OrderReload, Machine: true})
		s.do(station.Order{Do: station.OrderStop, Machine: true})
		if len(d.list) > 0 {
			t.Errorf("a signal is recorded as a supervisor's: %v", d.list)
		}
	})
	rule(t, d.options(nil, false), func(s *shop) {
		s.do(station.Order{Do: station.OrderSetAside, Port: "A1"})
		if v := s.View(); v.Proof != station.NoProof || v.Badges || !slices.Equal(d.list, []string{"set-aside|A1||"}) {
			t.Errorf("%q %v %v", v.Proof, v.Badges, d.list)
		}
	})
}

// order gives an order that may wait, and returns what comes of it.
func (s *shop) order(ctx context.Context, o station.Order) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.Do(ctx, o) }()
	synctest.Wait()
	return done
}

func (s *shop) badge(by string) {
	s.t.Helper()
	s.do(station.Order{Do: station.OrderBadge, Value: by})
	synctest.Wait()
}

func (s *shop) banner(key string) (station.Notice, bool) {
	for _, n := range s.View().Banners {
		if n.Key == key {
			return n, true
		}
	}
	return station.Notice{}, false
}

// What is asked on the board waits for a badge that is scanned after the question: what a
// tablet types before or after does nothing.
func TestTheBoardsOrdersWaitForAScan(t *testing.T) {
	var d decided
	off := station.Order{Do: station.OrderSetAside, Port: "A1", Scan: true}
	rule(t, d.options(nil, true), func(s *shop) {
		if v := s.View(); v.Proof != station.ScannedBadge {
			t.Errorf("%q", v.Proof)
		}
		s.badge("900") // too early: no question stood there
		done := s.order(s.t.Context(), off)
		if _, waits := s.banner("badge"); !waits || len(done) > 0 {
			t.Fatal("it did not wait for a badge")
		}
		if err := <-s.order(s.t.Context(), station.Order{Do: station.OrderStop, Scan: true}); err == nil || s.View().Draining {
			t.Errorf("two orders with one badge: %v", err)
		}
		s.badge("17")
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.wants("A1", station.SetAside)
		if _, waits := s.banner("badge"); waits || !slices.Equal(d.list, []string{"set-aside|A1||17"}) {
			t.Errorf("%v %q", waits, d.list)
		}

		start := time.Now()
		if err := <-s.order(s.t.Context(), station.Order{Do: station.OrderUse, Port: "A1", Scan: true}); err == nil ||
			time.Since(start) != 30*time.Second {
			t.Errorf("without a badge: %v after %s", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(s.t.Context())
		lot := s.order(s.t.Context(), station.Order{Do: station.OrderLot, Value: "typed", Scan: true})
		if s.View().Lot == "typed" {
			t.Error("a lot that was typed where lots are scanned was taken unsigned")
		}
		s.badge("17")
		if err := <-lot; err != nil || s.View().Lot != "typed" {
			t.Error(err)
		}
		done = s.order(ctx, station.Order{Do: station.OrderUse, Port: "A1", Scan: true})
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
		s.wants("A1", station.SetAside)
	})
	rule(t, d.options([]string{"9*"}, true), func(s *shop) {
		done := s.order(s.t.Context(), off)
		s.badge("17") // an operator's
		if err := <-done; err == nil || !strings.Contains(err.Error(), `"17" is no supervisor's badge`) {
			t.Error(err)
		}
		s.wants("A1", station.Empty)
		if err := s.Do(s.t.Context(), station.Order{Do: station.OrderSetAside, Port: "A1"}); err == nil {
			t.Error("unsigned, it was done")
		}
	})
}

// An order that is scanned takes the badge that is scanned before it or after it, once.
func TestScannedOrdersTakeABadge(t *testing.T) {
	var d decided
	on, off := station.Order{Do: station.OrderUse, Port: "A1", Scan: true, Early: true},
		station.Order{Do: station.OrderSetAside, Port: "A1", Scan: true, Early: true}
	rule(t, d.options([]string{"900"}, true), func(s *shop) {
		s.badge("900")
		if err := <-s.order(s.t.Context(), off); err != nil {
			t.Error(err)
		}
		done := s.order(s.t.Context(), on)
		if len(done) > 0 {
			t.Fatalf("one badge for two orders: %v", <-done)
		}
		s.badge("900")
		if err := <-done; err != nil {
			t.Error(err)
		}
		s.badge("900")
		time.Sleep(31 * time.Second) // of the bubble: the badge is too old
		done = s.order(s.t.Context(), off)
		if len(done) > 0 {
			t.Fatalf("a badge of half a minute ago: %v", <-done)
		}
		s.badge("900")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	rule(t, d.options(nil, true), func(s *shop) { // nobody is a supervisor by name: no badge is needed
		if err := <-s.order(s.t.Context(), off); err != nil {
			t.Error(err)
		}
		s.badge("17")
		if err := <-s.order(s.t.Context(), on); err != nil {
			t.Error(err)
		}
	})
	want := []string{"set-aside|A1||900", "use|A1||900", "set-aside|A1||900", "set-aside|A1||", "use|A1||17"}
	if !slices.Equal(d.list, want) {
		t.Errorf("%q", d.list)
	}
}

func TestWhatIsDecidedAboutATabletIsShown(t *testing.T) {
	var d decided
	rule(t, d.options(nil, false), func(s *shop) {
		s.put("A1", "SN1", "locked")
		s.settle()
		p := s.wants("A1", station.Failed)
		s.do(station.Order{Do: station.OrderDisposition, Port: "A1", Disposition: "scrap", By: "900"})
		if !slices.Equal(d.list, []string{p.Record + "|scrap|900"}) || s.port("A1").Disposition != "scrap" {
			t.Errorf("%q %+v", d.list, s.port("A1"))
		}
	})
}

func TestAGoldenUnitIsTheNextOne(t *testing.T) {
	rule(t, nil, func(s *shop) {
		s.do(station.Order{Do: station.OrderGolden})
		if _, shown := s.banner("golden"); !shown || !s.View().Golden {
			t.Error("it is not shown")
		}
		s.put("A1", "SN1", "")
		s.settle()
		if v := s.View(); v.Golden || v.Today.Done != 0 {
			t.Errorf("%v %+v", v.Golden, v.Today)
		}
		s.do(station.Order{Do: station.OrderGolden})
		s.do(station.Order{Do: station.OrderNotGolden})
		s.put("A2", "SN2", "")
		s.settle()
		if v := s.View(); v.Today.Done != 1 {
			t.Errorf("%+v", v.Today)
		}
	})
}

func TestWhatCannotBeRecordedIsSaid(t *testing.T) {
	full := errors.New("disk full")
	change := func(o *station.Options) { o.Decided = func(context.Context, station.Order) error { return full } }
	rule(t, change, func(s *shop) {
		if err := s.Do(s.t.Context(), station.Order{Do: station.OrderSetAside, Port: "A1"}); !errors.Is(err, full) {
			t.Error(err)
		}
		s.wants("A1", station.SetAside) // it was done, as the error says
		s.Say("no\x1b[2J badge")
		if n, _ := s.banner("said"); n.Words != "no[2J badge" {
			t.Errorf("%q", n.Words)
		}
		time.Sleep(time.Minute) // of the bubble
		if _, still := s.banner("said"); still {
			t.Error("it is said for ever")
		}
	})
}
