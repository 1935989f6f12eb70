// This file makes the view: hubs in the shape of the bench, and the next action.

package station

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// View is what there is to show now.
func (s *Station) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	v := View{Version: s.version, Time: now, Station: s.o.Name, Lot: s.lot, Operator: s.operator, Page: s.o.Page,
		Today: figures(&s.day, now, s.o.Plan), Draining: s.draining,
		Golden: s.nextGolden, Proof: s.o.proof(), Badges: len(s.o.Badges) > 0}
	for _, p := range s.order {
		name := hubOf(p.place.Name)
		if n := len(v.Hubs); n == 0 || v.Hubs[n-1].Name != name {
			v.Hubs = append(v.Hubs, Hub{Name: name})
		}
		h := &v.Hubs[len(v.Hubs)-1]
		shown := s.show(p, now)
		switch {
		case shown.State == Queued:
			h.Queued++
		case shown.State == NoIdentity:
		case shown.State.Working():
			h.Writing++
			h.Rate += shown.Rate
		}
		h.Ports = append(h.Ports, shown)
	}
	if s.o.Fleet != nil {
		f := s.o.Fleet()
		v.Fleet = &f
	}
	for _, p := range s.pools {
		left := Supply{Pool: p.Name, Free: p.Free}
		if v.Today.Hour > 0 {
			left.Lasts = time.Duration(float64(p.Free) / v.Today.Hour * float64(time.Hour))
		}
		v.Pools = append(v.Pools, left)
	}
	v.Banners = append(s.banners(now, v.Today.Hour), v.Fleet.banners()...)
	v.Actions = s.actions(v)
	return v
}

// show is what a port shows: a tablet that was unplugged here and is not back is shown
// whenever nothing else is in the port.
func (s *Station) show(p *port, now time.Time) (v Port) {
	v = p.view(now, s.known)
	defer func() { v.Disposition = s.disposed[v.Record] }()
	if p.present || p.handle != nil || v.State == SetAside {
		return v
	}
	for _, l := range s.lost {
		if l.port == p {
			v.State, v.Since, v.Reason = Unplugged, l.at, "unplugged"
			v.Serial, v.Model, v.Job, v.Record = l.serial, l.model, l.job, l.result.Record
			v.Class, v.Error, v.Hint, v.Step, v.Bytes = l.result.Class, l.result.Error, l.result.Hint, l.result.Step, l.result.Bytes
		}
	}
	return v
}

// Changed is closed at the next change of the view.
func (s *Station) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Lines are the last lines that a port's tablet and its job said.
func (s *Station) Lines(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.named(name); p != nil {
		return slices.Clone(p.lines)
	}
	return nil
}

// banners are what holds for the whole station.
func (s *Station) banners(now time.Time, hour float64) (list []Notice) {
	if !s.o.Engine.Durable() {
		list = append(list, Notice{Key: "ledger-refused", Urgent: true})
	}
	if s.room != nil {
		list = append(list, Notice{Key: "disk-full", Urgent: true, Words: s.room.Error()})
	}
	if s.reload != nil {
		list = append(list, Notice{Key: "reload-failed", Words: s.reload.Error()})
	}
	if s.fresh != "" && s.now.jobs == 0 {
		list = append(list, Notice{Key: "new-bundle", Words: s.fresh})
	}
	if s.pool != nil {
		few := s.o.PoolLow
		if few == 0 {
			few = int(max(s.o.Plan, hour))
		}
		switch n := (Notice{Key: "pool-low", Words: s.pool.Name, Count: s.pool.Free}); {
		case n.Count == 0:
			n.Key = "pool-empty"
			list = append(list, n)
		case n.Count <= few:
			list = append(list, n)
		}
	}
	if s.nextGolden {
		list = append(list, Notice{Key: "golden"})
	}
	if s.awaited != nil {
		list = append(list, Notice{Key: "badge"})
	}
	if s.said != "" && now.Sub(s.saidAt) < sayFor {
		list = append(list, Notice{Key: "said", Words: s.said})
	}
	for _, who := range slices.Sorted(maps.Keys(s.announced)) {
		list = append(list, s.announced[who])
	}
	if s.draining {
		list = append(list, Notice{Key: "drain"})
	}
	return list
}

// Announce shows what holds for the station and others know of, such as who fetches its
// bundles, until the same who announces something else; nil takes it away.
func (s *Station) Announce(who string, n *Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, was := s.announced[who]
	switch {
	case n == nil && !was || n != nil && was && *n == before:
		return
	case n == nil:
		delete(s.announced, who)
	default:
		s.announced[who] = *n
	}
	s.touch()
}

// tolerated is how long the database may be away before a person is told.
const tolerated = time.Minute

// banners are what a person must know of the fleet's database.
func (f *Fleet) banners() []Notice {
	switch {
	case f == nil:
	case f.Refused != "":
		return []Notice{{Key: "database-refuses", Urgent: true, Words: f.Refused}}
	case f.Away >= tolerated && f.Waiting > 0:
		return []Notice{{Key: "database-away", Count: f.Waiting, Elapsed: f.Away}}
	}
	return nil
}

// rank is the order of urgency of what a port asks for; 0 asks for nothing.
func rank(p Port) int {
	switch p.State {
	case Away:
		return 2
	case YourTurn:
		return 3
	case Unplugged, Failed, Retry, Interrupted, NoIdentity:
		return 4
	case Foreign, Skipped:
		return 5
	case SetAside:
		if p.Reason == "set-aside" {
			return 0 // whoever decided it knows
		}
		return 6
	default:
	}
	return 0
}

// actions are what is to be done, the most urgent first. Ports that need the same are one
// action, where nothing in the sentence is of one of them alone.
func (s *Station) actions(v View) (list []Action) {
	for _, b := range v.Banners {
		if b.Urgent {
			list = append(list, Action{Key: string(flash.ClassStation), Words: b.Words})
		}
	}
	var due []Port
	var green []string
	for _, h := range v.Hubs {
		for _, p := range h.Ports {
			if rank(p) > 0 && (rank(p) > 3 || p.Reason != "") {
				due = append(due, p)
			}
			if at := s.named(p.Name); p.State.Good() && at != nil && at.present {
				green = append(green, p.Name)
			}
		}
	}
	slices.SortStableFunc(due, func(a, b Port) int { return cmp.Or(rank(a)-rank(b), a.Since.Compare(b.Since)) })
	joined := map[string]int{}
	for _, p := range due {
		a := Action{Key: p.Reason, Ports: []string{p.Name}, Seconds: int(p.Within.Seconds()), Words: p.Error, Serial: p.Serial, Record: p.Record}
		if p.Reason == "keys" {
			a.Words = p.Keys
		}
		if at := s.named(p.Name); at != nil && !p.State.Working() && at.result.Answer.Refused(at.result.Class) {
			a.Words = at.result.Answer.Reason
		}
		switch p.Reason {
		case "locked", "cable", "boot", "image", "battery", "operator", "port-off", "timeout", "profile", "no-identity":
			if at, ok := joined[p.Reason]; ok {
				list[at].Ports = append(list[at].Ports, p.Name)
				slices.SortFunc(list[at].Ports, CompareNames)
				continue
			}
			joined[p.Reason] = len(list)
		}
		list = append(list, a)
	}
	for _, b := range v.Banners {
		if _, waits := joined["no-identity"]; !waits && (b.Key == "pool-low" || b.Key == "pool-empty") {
			list = append(list, Action{Key: "pool-low", Count: b.Count})
		}
	}
	if len(green) > 0 {
		list = append(list, Action{Key: "take-out", Ports: green})
	}
	if len(list) == 0 {
		list = append(list, Action{Key: "next"})
	}
	return list
}

// hubOf is the letters that a port's name begins with, if a number follows: A of A3. Other
// names are of no hub.
func hubOf(name string) string {
	letters := strings.TrimRight(name, "0123456789")
	if letters == name || len(letters) > 8 || strings.ContainsAny(letters, ".:-") {
		return ""
	}
	return letters
}

// CompareNames sorts A2 before A10.
func CompareNames(a, b string) int {
	x, y := hubOf(a), hubOf(b)
	if x == "" || y == "" || x != y {
		return cmp.Or(cmp.Compare(one(x == ""), one(y == "")), cmp.Compare(x, y), cmp.Compare(a, b))
	}
	m, merr := strconv.Atoi(a[len(x):])
	n, nerr := strconv.Atoi(b[len(y):])
	if errors.Join(merr, nerr) != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(m, n)
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
