// This file is who may order: supervisors, who show a badge. A badge is no password; but one
// that is scanned was not typed by a tablet that pretends to be a keyboard.

package station

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
)

// Proof is how a supervisor shows who he is.
type Proof string

// The proofs.
const (
	NoProof      Proof = ""        // not at all
	TypedBadge   Proof = "typed"   // by the number on the badge
	ScannedBadge Proof = "scanned" // by the badge itself
)

// badgeFor is how long an order waits for a badge, and how long before its order a badge may
// be scanned.
const badgeFor = 30 * time.Second

// proof is what is asked of whoever orders at the bench.
func (o Options) proof() Proof {
	switch {
	case o.Scanner:
		return ScannedBadge
	case len(o.Badges) > 0:
		return TypedBadge
	}
	return NoProof
}

// signed finds out who orders, and whether he may.
func (s *Station) signed(ctx context.Context, o *Order) error {
	if o.Machine || !o.Do.Supervised() && !o.Scan {
		return nil
	}
	if o.Early && o.By == "" {
		o.By = s.takeBadge()
	}
	if o.Scan && o.By == "" && (!o.Early || len(s.o.Badges) > 0) {
		by, err := s.awaitBadge(ctx)
		if err != nil {
			return err
		}
		o.By = by
	}
	how := "order it again, with the number of a supervisor's badge"
	if o.Scan {
		how = "scan a supervisor's badge (SUP:NUMBER)"
	}
	switch {
	case len(s.o.Badges) == 0 || slices.ContainsFunc(s.o.Badges, func(b string) bool { return fits(b, o.By) }):
		return nil
	case o.By == "":
		return problem.New(problem.Usage, how, "only a supervisor orders this")
	}
	return problem.New(problem.Usage, how+"; those who may are in the station's settings, supervisor", "%q is no supervisor's badge", o.By)
}

// fits reports whether a badge is the one of the settings, or begins as one that ends with *.
func fits(setting, badge string) bool {
	if start, ok := strings.CutSuffix(setting, "*"); ok {
		return badge != "" && strings.HasPrefix(badge, start)
	}
	return badge != "" && badge == setting
}

// awaitBadge waits for the scan of a badge.
func (s *Station) awaitBadge(ctx context.Context) (string, error) {
	scanned := make(chan string, 1)
	s.mu.Lock()
	busy := s.awaited != nil
	if !busy {
		s.awaited = scanned
		s.touch()
	}
	s.mu.Unlock()
	if busy {
		return "", problem.New(problem.Usage, "scan the badge for that one first", "another order waits for a badge")
	}
	defer func() {
		s.mu.Lock()
		s.awaited = nil
		s.touch()
		s.mu.Unlock()
	}()
	limit := time.NewTimer(badgeFor)
	defer limit.Stop()
	select {
	case by := <-scanned:
		return by, nil
	case <-limit.C:
		return "", problem.New(problem.Usage, "order it again, and scan a supervisor's badge (SUP:NUMBER)",
			"no badge was scanned within %s", badgeFor)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// showBadge takes a badge that was scanned: for the order that waits for one, or for the next.
func (s *Station) showBadge(by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaited == nil {
		s.badge, s.badgeAt = by, s.clock()
		return nil
	}
	select {
	case s.awaited <- by:
	default: // it has one
	}
	return nil
}

// takeBadge is the badge that was scanned just before, which is good once.
func (s *Station) takeBadge() (by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.badge != "" && s.clock().Sub(s.badgeAt) < badgeFor {
		by = s.badge
	}
	s.badge = ""
	return by
}
