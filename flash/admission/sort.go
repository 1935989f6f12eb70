// This file finds out which members share which wire, when it is known that some do. All
// wires stay full meanwhile, so that it costs no one anything but his place in the order.

package admission

import (
	"slices"
	"time"
)

const (
	looksLong   = 2                      // of detect's: one of sort's
	minLook     = 120 * time.Millisecond // at rates
	maxLook     = 160 * time.Millisecond // the same
	steadyLooks = 20                     // at most, until they rise no more
	slower      = 0.88                   // the rate of one that another shares with
	maxLost     = 0.008                  // of a download's whole time: what all wires together may rest for this
)

// sorting is what is found out in one go.
type sorting struct {
	k       *keeper
	all     []*Member     // suspects, and leaders of the wires that are known
	leaders []*Member     // of those
	carried float64       // what all got together
	look    time.Duration // how long rates are looked at
	lost    time.Duration // so long would the wires have carried what they did not
	most    time.Duration // that it may be

	running []*Member // those that fill the wires
	alone   rates     // of those, without the others
	wires   []*newWire
	over    bool // it has cost too much, or one of those that run has ended
}

// newWire is one that was found: those that fill it, and all others.
type newWire struct{ fill, rest []*Member }

// sort makes wires of suspects, of which some share. First as many as possible are held, the
// last ones first, as long as the others together carry what all did: those are as many
// as the wires need. Then the held are let go again, together or by halves: whom they slow,
// with him they share. Some may be held already. found is whether wires were made; again, if
// not, whether another try may.
func (k *keeper) sort(suspects, held []*Member, base rates, span time.Duration) (found, again bool) {
	s := &sorting{k: k, leaders: k.leaders(), look: min(max(looksLong*span, minLook), maxLook),
		most: time.Duration(float64(span) * maxLost / probeShare)}
	all := slices.Concat(suspects, held)
	s.all = slices.Concat(all, s.leaders)
	s.carried = base.total(s.all)
	s.running = without(s.all, held)
	defer func() {
		k.account(all, s.lost)
		k.hold(all, false)
	}()
	held = append(held, s.shrink(suspects)...)
	slices.SortFunc(held, byOrder)
	switch {
	case len(held) == 0 || s.over:
		return false, s.lost <= s.most
	case len(s.running) == 1 && len(s.leaders) == 0: // one carries what all did
		s.wires = []*newWire{{s.running, held}}
	default:
		if s.alone == nil {
			s.k.drain(held, drainFor)
			s.alone = s.steady(s.running)
		}
		s.assign(held)
	}
	s.finish()
	return len(s.wires) > 0, s.lost <= s.most
}

// measure looks at rates and counts what they are short of.
func (s *sorting) measure() rates {
	found, ok := s.k.measure(s.look)
	if !ok {
		s.over = true
		return nil
	}
	if short := 1 - found.total(s.all)/s.carried; short > 0 {
		s.lost += time.Duration(short * float64(s.look))
	}
	s.over = s.over || s.lost > s.most
	return found
}

// steady is what members get, when it rises no more: what has arrived may wait to be read,
// and use the wire still.
func (s *sorting) steady(members []*Member) (best rates) {
	for range steadyLooks {
		found := s.measure()
		if s.over || found.total(members) < 1.05*best.total(members) {
			break
		}
		best = found
	}
	return best
}

// shrink holds as many of the members as it can, from the end, by halves of what is left: a
// block that is needed after all is let go again at once, and tried by smaller blocks.
func (s *sorting) shrink(members []*Member) (held []*Member) {
	least := 1
	if len(s.leaders) > 0 {
		least = 0
	}
	for at, block := len(members), (len(members)+1-least)/2; at > least && !s.over; {
		part := members[at-block : at]
		s.k.hold(part, true)
		s.k.drain(part, drainFor)
		rest := without(s.running, part)
		found := s.steady(rest)
		if found.total(rest) >= full*s.carried {
			s.running, s.alone, held = rest, found, append(held, part...)
			at -= block
			block = (at + 1 - least) / 2
			continue
		}
		s.k.hold(part, false)
		if block > 1 {
			block /= 2
		} else {
			at--
			block = (at + 1 - least) / 2
		}
	}
	return held
}

// assign finds the wire of each candidate: of one first, which shows whether those that
// run share one, then of the others.
func (s *sorting) assign(candidates []*Member) {
	if len(s.running) > 1 && len(candidates) > 1 {
		s.try(candidates[:1])
		candidates = candidates[1:]
	}
	s.try(candidates)
}

// try lets candidates go, sees whom they slow, and holds them again.
func (s *sorting) try(candidates []*Member) {
	if s.over {
		return
	}
	s.k.drain(candidates, drainFor)
	s.k.hold(candidates, false)
	s.over = s.over || !s.k.sleep(s.look)
	found := s.measure()
	s.k.hold(candidates, true)
	var slowed []*Member
	for _, m := range s.running {
		rate := found[m].working
		if s.over = s.over || !found[m].ran; rate < slower*s.alone[m].working {
			slowed = append(slowed, m)
		}
	}
	switch {
	case s.over:
	case len(slowed) == 0: // they share with no one after all
	case len(candidates) == 1 || s.one(slowed):
		s.put(slowed, candidates)
	default:
		half := len(candidates) / 2
		s.try(candidates[:half])
		s.try(candidates[half:])
	}
}

// one reports whether members are known to share one wire.
func (s *sorting) one(members []*Member) bool {
	return len(members) == 1 || slices.ContainsFunc(s.wires, func(w *newWire) bool { return len(without(members, w.fill)) == 0 })
}

// put adds to a wire, and makes one of the wires that turn out to be the same.
func (s *sorting) put(fill, rest []*Member) {
	into := &newWire{fill: slices.Clone(fill), rest: slices.Clone(rest)}
	s.wires = append(slices.DeleteFunc(s.wires, func(w *newWire) bool {
		same := len(without(w.fill, into.fill)) < len(w.fill)
		if same {
			into.fill = append(into.fill, without(w.fill, into.fill)...)
			into.rest = append(into.rest, w.rest...)
		}
		return same
	}), into)
}

// finish makes the wires.
func (s *sorting) finish() {
	for _, w := range s.wires {
		to := &wire{width: len(w.fill), best: s.alone.total(w.fill)}
		for _, m := range w.fill {
			if m.wire != nil { // known before
				to = m.wire
			}
		}
		s.k.join(to, append(w.fill, w.rest...))
	}
}

// leaders are the members that have the turns of learned wires.
func (k *keeper) leaders() (list []*Member) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	for _, m := range k.a.members {
		if m.wire != nil && !m.wire.byPiece && m.turn && !m.blocked && !m.stalled {
			list = append(list, m)
		}
	}
	return list
}

// join makes members of a wire.
func (k *keeper) join(w *wire, members []*Member) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	w.rest = firstRest
	w.next = time.Now().Add(w.rest)
	for _, m := range members {
		if m.wire != nil || !slices.Contains(k.a.members, m) { // it has left meanwhile
			continue
		}
		m.wire, m.tested, m.held = w, true, false
		k.a.homes[m.place] = w
		w.add(m)
	}
}

func without(all, some []*Member) []*Member {
	return slices.DeleteFunc(slices.Clone(all), func(m *Member) bool { return slices.Contains(some, m) })
}
