// This file is the choice of jobs.

package records

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Selection is which jobs somebody asks for; the zero value is all.
type Selection struct {
	Since  time.Duration // begun in the last so much
	Result string        // one of [Results]
	Serial string        // of this tablet
}

// Results are the results that a job in the ledger can have.
var Results = []string{"pass", "compliant", "fail", "interrupted", "skipped", "running"}

// Check holds a selection to what can be selected.
func (s Selection) Check() error {
	if s.Result != "" && !slices.Contains(Results, s.Result) {
		return problem.New(problem.Usage, "choose one of "+strings.Join(Results, ", "), "--result: no result %q", s.Result)
	}
	if s.Since < 0 {
		return problem.New(problem.Usage, "write --since 8h", "--since cannot be negative")
	}
	return nil
}

// Jobs reads the jobs, the newest last.
func (s Selection) Jobs(ctx context.Context, l *ledger.Ledger) ([]*ledger.JobRecord, error) {
	all, err := l.Jobs(ctx)
	if err != nil {
		return nil, problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
	}
	if s.Since > 0 {
		all = ledger.Since(all, time.Now().Add(-s.Since))
	}
	return slices.DeleteFunc(all, func(j *ledger.JobRecord) bool {
		return s.Result != "" && j.Result != s.Result || s.Serial != "" && !j.Concerns(s.Serial)
	}), nil
}

// Named reads the jobs with a record, a name, or a tablet's serial.
func Named(ctx context.Context, l *ledger.Ledger, name string) ([]*ledger.JobRecord, error) {
	jobs, err := Selection{}.Jobs(ctx, l)
	return slices.DeleteFunc(jobs, func(j *ledger.JobRecord) bool {
		return j.Record != name && j.Job != name && !j.Concerns(name)
	}), err
}
