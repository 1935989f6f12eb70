// This file is how far what is durable is behind what was given to the ledger.

package ledger

import "time"

// Lag is how far a ledger is behind: entries that were given to Append and are not on the
// disk yet. On a healthy disk there are none most of the time.
type Lag struct {
	Pending int       // entries that are not durable yet
	Oldest  time.Time // since when the oldest of them waits; zero: none does
	Written time.Time // when an entry became durable last in this process; zero: none did
}

// Lag is how far the ledger is behind now.
func (l *Ledger) Lag() Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lag
}

// settle counts a batch as ended. l.mu is held.
func (l *Ledger) settle(batch []*addition, durable bool) {
	l.lag.Pending -= len(batch)
	l.lag.Oldest = time.Time{}
	if len(l.queue) > 0 { // the first that came is its first
		l.lag.Oldest = l.queue[0].came
	}
	if durable {
		l.lag.Written = time.Now()
	}
}
