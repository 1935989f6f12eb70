// This file is the tablet's two clocks: the system's, and the one that runs while the tablet is
// off, from which the system takes the time when it boots.

package system

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// startClock takes the time from the clock that ran while the tablet was off.
func (s *System) startClock() {
	ahead := s.device.ClockAhead()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clockAhead = ahead
}

// Now is the time that the system's clock shows.
func (s *System) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.clockAhead)
}

// date shows the time, or sets it.
func (s *System) date(ch output, args []string, uid int) int {
	switch to, set := strings.CutPrefix(args[len(args)-1], "@"); {
	case slices.Equal(args, []string{"-u", "+%s"}):
		say(ch, "%d\n", s.Now().Unix())
		return 0
	case len(args) == 3 && args[0] == "-u" && args[1] == "-s" && set:
		seconds, err := strconv.ParseInt(to, 10, 40)
		if err != nil {
			say(ch.Stderr(), "date: invalid date '@%s'\n", to)
			return 1
		}
		if uid != 0 {
			say(ch.Stderr(), "date: cannot set date: Operation not permitted\n")
			return 1
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clockAhead = time.Until(time.Unix(seconds, 0))
		return 0
	}
	say(ch.Stderr(), "date: %s\n", strings.Join(args, " "))
	return 1
}

// keepClock sets the clock that runs while the tablet is off to the system's.
func (s *System) keepClock() {
	s.mu.Lock()
	ahead := s.clockAhead
	s.mu.Unlock()
	s.device.SetClockAhead(ahead)
}
