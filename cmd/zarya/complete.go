// This file completes words in a shell: which flags and arguments take which words.

package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/complete"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
)

// completer gives words for what was typed so far, and how a shell takes them besides.
type completer struct {
	words func(a *app, typed string) []string
	how   cobra.ShellCompDirective
}

var (
	targetWords  = completer{func(a *app, _ string) []string { return complete.Targets(a.Bench()) }, cobra.ShellCompDirectiveNoSpace}
	profileWords = completer{func(a *app, typed string) []string { return complete.Profiles(a.Maker(), typed) }, 0}
	bundleWords  = completer{func(_ *app, typed string) []string { return complete.Files(typed, ".bundle", ".zip") }, 0}
	recordWords  = completer{func(a *app, _ string) []string { return complete.Records(a.recordedJobs()) }, cobra.ShellCompDirectiveKeepOrder}
)

// flagCompleters are by the names of flags, whichever verb has them.
var flagCompleters = map[string]completer{
	"target": targetWords, "profile": profileWords, "bundle": bundleWords,
	"port":   {func(a *app, _ string) []string { return complete.Ports(a.Bench()) }, 0},
	"serial": {func(a *app, _ string) []string { return complete.Serials(a.Bench(), a.recordedJobs()) }, 0},
	"pool":   {func(a *app, _ string) []string { return complete.Pools(a.identities()) }, 0},
}

// argCompleters are by the paths of verbs.
var argCompleters = map[string]completer{
	"ssh": targetWords, "connect": targetWords,
	"profile show": profileWords, "profile validate": profileWords,
	"bundle verify": bundleWords, "bundle inspect": bundleWords, "bundle sign": bundleWords,
	"ledger show": recordWords, "ledger dispose": recordWords, "label": recordWords,
	"explain": {func(a *app, typed string) []string { return append(explain.Classes(), recordWords.words(a, typed)...) }, recordWords.how},
}

// arrangeCompletion gives the finished tree of verbs its completions.
func arrangeCompletion(a *app, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		arrangeCompletion(a, sub)
	}
	for name, words := range flagCompleters {
		if cmd.LocalNonPersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, a.completing(words)) // fails only for a flag that is not there
		}
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if words, ok := argCompleters[path]; ok {
		cmd.ValidArgsFunction = a.completing(words)
	}
}

// completing makes a completer what cobra calls. Settings count as they do for the verb.
func (a *app) completing(c completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		if err := a.applyConfig(cmd, ""); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		how := c.how | cobra.ShellCompDirectiveNoFileComp
		words := slices.DeleteFunc(c.words(a, typed), func(w string) bool { return !strings.HasPrefix(w, typed) })
		if slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, "/") }) {
			how |= cobra.ShellCompDirectiveNoSpace // behind a folder
		}
		return words, how
	}
}

// recordedJobs returns the newest jobs of the ledger; none if it cannot be read.
func (a *app) recordedJobs() (jobs []*ledger.JobRecord) {
	a.Peek(a.ctx, func(ctx context.Context, l *ledger.Ledger) (err error) {
		jobs, err = l.Jobs(ctx)
		return err
	})
	return complete.Newest(jobs)
}

// identities are those of all pools; none if the ledger cannot be read.
func (a *app) identities() (rows []pool.Identity) {
	a.Peek(a.ctx, func(ctx context.Context, l *ledger.Ledger) (err error) {
		rows, err = pool.List(ctx, l, "")
		return err
	})
	return rows
}
