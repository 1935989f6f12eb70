// This file finds out whether members share wires: some are held up for a moment, and
// what happens to the others' rates is looked at (decision 19). Who shares with whom is
// sort.go.

package admission

import (
	"maps"
	"slices"
	"time"
)

// What a probe may cost and what it must show.
const (
	probeShare = 0.0015                 // of a download's whole time: one look
	minProbe   = 25 * time.Millisecond  // a shorter look shows nothing: downloads of less than 17 s are left alone
	maxProbe   = 400 * time.Millisecond // a longer one shows no more
	baseLook   = 300 * time.Millisecond // at the rates of all; it costs nothing
	splitCount = 3                      // sets that are held up, one after the other
	faster     = 1.25                   // all these together: it is no chance
	allFaster  = 1.4                    // all together: it is no chance
	muchFaster = 1.6                    // enough if it is one alone
	oneAmount  = 1 << 20                // bytes that it must have got meanwhile
	maxSpent   = 0.015                  // of a download's whole time: all its probes
	stillFull  = 0.8                    // of what all wires carried, at a short look: no wire rests without the held
	full       = 0.93                   // of what a wire carried: it still is full
)

// learn tests members that have not been.
func (k *keeper) learn() {
	fresh, span := k.untested()
	if len(fresh) == 0 {
		return
	}
	base, ok := k.measure(max(baseLook, 4*span))
	if !ok {
		return
	}
	maps.DeleteFunc(base, func(m *Member, r rate) bool { return r.working == 0 || m.wire != nil && m.wire.byPiece })
	fresh = slices.DeleteFunc(fresh, func(m *Member) bool { return base[m].working == 0 })
	if k.detect(fresh, base, span) {
		return // there may be more wires among the others
	}
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	for _, m := range fresh {
		m.tested = true
	}
}

// untested are the members whose wire is not known and whose rate is, and how long each
// look at the others' rates may be while they are held: in proportion to the longest of
// their downloads. There are none, if that is too short, if there is no one to share with, or
// if another has just begun.
func (k *keeper) untested() (fresh []*Member, span time.Duration) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	now, running, young, old := time.Now(), 0, false, false
	var longest time.Duration
	for _, m := range k.a.members {
		if m.active && !m.byPiece() {
			running++
		}
		if m.tested || !m.active || m.blocked {
			continue
		}
		ran := m.runTime(now)
		young, old = young || ran < warmUp, old || ran > 4*warmUp
		whole := m.whole(now)
		if ran >= warmUp && m.spent.Seconds() < maxSpent*whole.Seconds() {
			longest = max(longest, whole)
			fresh = append(fresh, m)
		}
	}
	span = time.Duration(float64(longest) * probeShare)
	if span < minProbe || running < 2 || young && !old {
		return nil, 0
	}
	return fresh, min(span, maxProbe)
}

// detect holds up some, then others, of the fresh members. When others become faster, it is
// found out who shares with whom. again is whether there may be more to find.
func (k *keeper) detect(fresh []*Member, base rates, span time.Duration) (again bool) {
	for _, held := range splits(fresh, len(base)) {
		k.holdTogether(held, base)
		after, ok := k.settled(held, span)
		risen := rising(after, base, span)
		if !ok || len(risen) == 0 {
			k.hold(held, false)
			continue
		}
		if all := slices.Collect(maps.Keys(base)); after.total(all) > stillFull*base.total(all) {
			risen = slices.Collect(maps.Keys(base)) // whom they do not share with is found out
			risen = without(risen, held)
		} else {
			k.hold(held, false) // some of them do not share with those
			k.holdTogether(risen, base)
			after, ok = k.settled(risen, span)
			k.hold(risen, false)
			risen = append(risen, rising(after, base, span)...)
			held = nil
		}
		risen = slices.DeleteFunc(risen, func(m *Member) bool { return m.wire != nil })
		slices.SortFunc(risen, byOrder)
		var found bool
		if ok {
			found, again = k.sort(slices.Compact(risen), held, base, span)
		}
		return found || again
	}
	return false
}

// settled is what all get when what the held have on its way has arrived.
func (k *keeper) settled(held []*Member, span time.Duration) (rates, bool) {
	if !k.drain(held, span) || !k.sleep(span) {
		return nil, false
	}
	defer k.account(held, 2*span)
	return k.measure(span)
}

// account notes what a probe cost.
func (k *keeper) account(held []*Member, lost time.Duration) {
	k.a.mu.Lock()
	defer k.a.mu.Unlock()
	for _, m := range held {
		m.spent += lost
	}
}

// rising are the members that became faster, if that is no chance: all together did, or one
// of them much.
func rising(after, base rates, span time.Duration) (risen []*Member) {
	var now, before float64
	sure := false
	for m, r := range after {
		rate, was := r.working, base[m].working
		if !r.ran || was == 0 {
			continue
		}
		now, before = now+rate, before+was
		if rate > faster*was {
			risen = append(risen, m)
			sure = sure || rate > muchFaster*was && rate*span.Seconds() >= oneAmount
		}
	}
	if sure || before > 0 && now > allFaster*before {
		return risen
	}
	return nil
}

// splits are the sets that are held up, one after the other: by the bits of a member's
// number, set and not set in turns, so that hardly one is always held. If others run beside
// the fresh ones, all fresh ones are held first.
func splits(fresh []*Member, running int) (sets [][]*Member) {
	if running > len(fresh) {
		sets = append(sets, fresh)
	}
	for bit := 0; 1<<bit < len(fresh) && bit < splitCount; bit++ {
		var set []*Member
		for i, m := range fresh {
			if i>>bit&1 != bit&1 {
				set = append(set, m)
			}
		}
		sets = append(sets, set)
	}
	return sets
}
