// This file is zarya explain: what a result means, and what to do next.

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/show"
)

func newExplain(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain {CLASS | CODE | SERIAL | RECORD | MESSAGE}",
		Short: "Explain a result: what happened, what is on the tablet, what to do",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := explain.Find(strings.Join(args, " "), func() ([]*ledger.JobRecord, error) { return a.Jobs(a.Context) })
			if err != nil {
				return err
			}
			if a.JSON {
				return a.Document("explanations", []explain.Explanation{e})
			}
			show.Explanation(a.Out, a.Words, e)
			return nil
		},
	}
}
