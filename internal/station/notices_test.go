// What is shown above the ports: the fleet's faults, and what others announce.

package station_test

import (
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/station"
)

func TestWhatIsWrongWithTheFleetIsShown(t *testing.T) {
	var f station.Fleet
	rule(t, func(o *station.Options) { o.Fleet = func() station.Fleet { return f } }, func(s *shop) {
		for key, is := range map[string]station.Fleet{
			"":                 {Waiting: 9, Away: time.Second},
			"database-away":    {Waiting: 9, Away: 5 * time.Minute},
			"database-refuses": {Waiting: 9, Away: 5 * time.Minute, Refused: "two ledgers go by its name"},
		} {
			f = is
			v := s.View()
			if v.Fleet == nil || *v.Fleet != is {
				t.Errorf("%+v", v.Fleet)
			}
			if key == "" && len(v.Banners) == 0 {
				continue
			}
			if len(v.Banners) != 1 || v.Banners[0].Key != key || v.Banners[0].Urgent != (is.Refused != "") || v.Banners[0].Words != is.Refused {
				t.Errorf("%+v: %+v", is, v.Banners)
			}
		}
	})
}

func TestWhatOthersAnnounceIsShownUntilTheyTakeItBack(t *testing.T) {
	rule(t, nil, func(s *shop) {
		keys := func() (all []string) {
			for _, n := range s.View().Banners {
				all = append(all, n.Key+" "+n.Words)
			}
			return all
		}
		before := s.View().Version
		s.Announce("b", &station.Notice{Key: "follow-coming", Words: "census 5.1 -> 5.2"})
		s.Announce("a", &station.Notice{Key: "follow-away", Words: "no route"})
		if got := keys(); len(got) != 2 || got[0] != "follow-away no route" || s.View().Version == before {
			t.Errorf("%q", got)
		}
		s.Announce("b", &station.Notice{Key: "follow-refused", Words: "not signed"})
		s.Announce("a", nil)
		if got := keys(); len(got) != 1 || got[0] != "follow-refused not signed" {
			t.Errorf("%q", got)
		}
		before = s.View().Version
		s.Announce("b", &station.Notice{Key: "follow-refused", Words: "not signed"})
		if s.Announce("a", nil); s.View().Version != before {
			t.Error("nothing changed, and everybody was woken")
		}
		if s.Announce("b", nil); len(keys()) != 0 {
			t.Errorf("%q", keys())
		}
	})
}
