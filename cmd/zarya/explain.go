// This file is zarya explain: what a result means, and what to do next.

package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain {CLASS | CODE | RECORD | MESSAGE}",
		Short: "Say what a result means, what is on the tablet now, and what to do next",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := a.explanation(strings.Join(args, " "))
			if err != nil {
				return err
			}
			if a.json {
				return a.document("explanations", []explain.Explanation{e})
			}
			show.Explanation(a.stdout, e)
			return nil
		},
	}
}

// explanation finds what a person asked about: a class, a code, a record, a serial whose
// last job counts, or words that a device said.
func (a *app) explanation(subject string) (explain.Explanation, error) {
	for _, find := range []func(string) (explain.Explanation, bool){explain.Class, explain.Code} {
		if e, ok := find(subject); ok {
			return e, nil
		}
	}
	e, found, err := a.recorded(subject)
	if found || err != nil {
		return e, err
	}
	if e, ok := explain.Message(subject); ok {
		return e, nil
	}
	return e, problem.New(problem.Usage, "a class ("+strings.Join(explain.Classes(), ", ")+
		"), an exit code, a record or serial that zarya ledger list shows, or a device's own words",
		"%q is nothing that is known here", subject)
}

// recorded explains the last job with a record, a name or a serial, if there is a ledger.
func (a *app) recorded(subject string) (e explain.Explanation, found bool, err error) {
	path, err := a.ledgerPath()
	if err != nil || path == "" {
		return e, false, err
	}
	if _, err := os.Stat(path); err != nil {
		return e, false, nil //nolint:nilerr // nothing was recorded yet
	}
	err = a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
		jobs, err := l.Jobs(ctx)
		for _, j := range slices.Backward(jobs) {
			if j.Record == subject || j.Job == subject || j.Concerns(subject) {
				e, found = explain.Job(j), true
				break
			}
		}
		return err
	})
	return e, found, err
}
