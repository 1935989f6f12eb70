// This file keeps how runs were started, so that one can be done again for the tablets whose
// failure was one of the bench. A Note lies beside the ledger in which its jobs are. It holds
// no secret, because none is ever on a command line.

package runs

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// keptRuns is how many runs can be done again.
const keptRuns = 200

// Note is what is kept of a run.
type Note struct {
	Run     string      `json:"run"`
	Scope   flash.Scope `json:"scope"`
	Folder  string      `json:"folder"`  // in which it was started
	Targets []string    `json:"targets"` // of its jobs, in their order
	Options Kept        `json:"options"`
	Started time.Time   `json:"started"`
}

// Kept are the options of a run that its repetition has too.
type Kept struct {
	Profile     string   `json:"profile,omitempty"`
	Bundle      string   `json:"bundle,omitempty"`
	Allow       []string `json:"allow,omitempty"`
	Concurrency int      `json:"concurrency,omitempty"`
	Trust       string   `json:"trust,omitempty"`
	Ledger      string   `json:"ledger"`
	Operator    string   `json:"operator,omitempty"`
	Lot         string   `json:"lot,omitempty"`
	Golden      bool     `json:"golden,omitempty"`
}

// folder is where the notes beside a ledger are.
func folder(ledger string) string { return ledger + ".retry" }

// Keep keeps the note of a run that begins now in this process's folder, with its jobs in the
// ledger at a path.
func (n Note) Keep(ledger string) (err error) {
	if n.Folder, err = os.Getwd(); err != nil {
		return err
	}
	if ledger, err = filepath.Abs(ledger); err != nil {
		return err
	}
	n.Options.Ledger, n.Started = "sqlite:"+ledger, time.Now().UTC()
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	dir := folder(ledger)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, n.Run+".json"), text, 0o600); err != nil {
		return err
	}
	old, _ := filepath.Glob(filepath.Join(dir, "*.json")) // the pattern is right
	if len(old) > keptRuns {
		slices.SortFunc(old, func(x, y string) int { return modified(x).Compare(modified(y)) })
		for _, file := range old[:len(old)-keptRuns] {
			_ = os.Remove(file)
		}
	}
	return nil
}

func modified(file string) time.Time {
	info, err := os.Stat(file)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Find reads the note of a run, or of the last one.
func Find(ledger, run string) (note Note, err error) {
	pattern := "*"
	if run != "" {
		pattern = filepath.Base(run)
	}
	files, err := filepath.Glob(filepath.Join(folder(ledger), pattern+".json"))
	if err != nil || len(files) == 0 {
		const hint = "zarya ledger list shows the jobs; flash --image is not done again"
		if run != "" {
			return note, problem.New(problem.Usage, hint, "no run %q is known at %s", run, ledger)
		}
		return note, problem.New(problem.Usage, hint, "no run is known at %s", ledger)
	}
	last := slices.MaxFunc(files, func(x, y string) int { return modified(x).Compare(modified(y)) })
	text, err := os.ReadFile(last) //nolint:gosec // beside the ledger
	if err == nil {
		err = json.Unmarshal(text, &note)
	}
	if err != nil {
		return note, problem.New(problem.Station, "type the command again", "the note of that run: %w", err)
	}
	return note, nil
}

// Again are the targets of the run that can be tried again: those whose job failed for a
// reason of the bench, was cut off, or was never begun. jobs are those of the ledger.
func (n Note) Again(jobs []*ledger.JobRecord) (targets []string) {
	results := map[string]*ledger.JobRecord{}
	for _, j := range jobs {
		results[j.Job] = j
	}
	for i, t := range n.Targets {
		j := results[fmt.Sprintf("%s-%d", n.Run, i+1)]
		if j == nil || flash.JobResult(j.Result) == flash.Interrupted || flash.JobResult(j.Result) == flash.Fail && j.Class.Bench() {
			targets = append(targets, t)
		}
	}
	return targets
}
