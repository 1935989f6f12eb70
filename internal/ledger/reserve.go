// This file keeps names for jobs while they run, such as a serial that only one of them may
// work with. It is memory of this process: nothing of it is recorded.

package ledger

import (
	"maps"
	"sync"
)

// reservations are names that jobs under way have for themselves.
type reservations struct {
	mu   sync.Mutex
	jobs map[string]string // guarded by mu: by name
}

// Reserve keeps a name for a job until EndReservations, unless another job has it. It
// returns the job that has it.
func (l *Ledger) Reserve(name, job string) (holder string) {
	r := &l.reserved
	r.mu.Lock()
	defer r.mu.Unlock()
	if holder, held := r.jobs[name]; held {
		return holder
	}
	if r.jobs == nil {
		r.jobs = map[string]string{}
	}
	r.jobs[name] = job
	return job
}

// EndReservations lets go of all names that a job has.
func (l *Ledger) EndReservations(job string) {
	r := &l.reserved
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.jobs, func(_, holder string) bool { return holder == job })
}
