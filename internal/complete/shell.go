// This file completes words in a shell: which flags and arguments of the command line take
// which words.

package complete

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/machine"
)

// shell is what words are offered of, and to.
type shell struct {
	*machine.Machine
	context func() context.Context
	// prepare gives the machine its settings, as a verb does before it works.
	prepare func(*cobra.Command) error
}

// completer gives words for what was typed so far, and how a shell takes them besides.
type completer struct {
	words func(s shell, typed string) []string
	how   cobra.ShellCompDirective
}

var (
	targetWords      = completer{func(s shell, _ string) []string { return Targets(s.Bench()) }, cobra.ShellCompDirectiveNoSpace}
	profileWords     = completer{func(s shell, typed string) []string { return Profiles(s.Maker(), typed) }, 0}
	bundleWords      = completer{func(_ shell, typed string) []string { return Files(typed, ".bundle", ".zip") }, 0}
	folderWords      = completer{func(_ shell, typed string) []string { return Files(typed) }, 0}
	dispositionWords = completer{func(shell, string) (words []string) {
		for _, d := range ledger.Dispositions {
			words = append(words, string(d))
		}
		return words
	}, 0}
	toWords   = completer{func(_ shell, typed string) []string { return Places(typed) }, cobra.ShellCompDirectiveNoSpace}
	fromWords = completer{func(_ shell, typed string) []string { return append(Places(typed), Files(typed)...) },
		cobra.ShellCompDirectiveNoSpace}
	recordWords  = completer{func(s shell, _ string) []string { return Records(s.recordedJobs()) }, cobra.ShellCompDirectiveKeepOrder}
	explainWords = completer{func(s shell, typed string) []string {
		return append(explain.Classes(), recordWords.words(s, typed)...)
	}, recordWords.how}
)

// flagCompleters are by the names of flags, whichever verb has them.
var flagCompleters = map[string]completer{
	"target": targetWords, "profile": profileWords, "bundle": bundleWords,
	"port":   {func(s shell, _ string) []string { return Ports(s.Bench()) }, 0},
	"serial": {func(s shell, _ string) []string { return Serials(s.Bench(), s.recordedJobs()) }, 0},
	"pool":   {func(s shell, _ string) []string { return Pools(s.identities()) }, 0},
}

// argCompleters are by the paths of verbs: of each argument one. What follows the last takes no
// words, but where [anyNumber] says so.
var argCompleters = map[string][]completer{
	"ssh": {targetWords}, "connect": {targetWords},
	"profile show": {profileWords}, "profile validate": {profileWords},
	"bundle verify": {bundleWords}, "bundle inspect": {bundleWords}, "bundle sign": {bundleWords},
	"bundle push": {bundleWords, toWords}, "bundle pull": {fromWords, folderWords},
	"ledger show": {recordWords}, "ledger receipt": {recordWords}, "label": {recordWords},
	"ledger dispose": {recordWords, dispositionWords},
	"explain":        {explainWords},
}

// anyNumber are the verbs whose last argument may be there several times.
var anyNumber = []string{"profile validate", "ledger receipt"}

// Arrange gives a finished tree of verbs its completions, of what a machine has. prepare gives
// the machine its settings for a verb, and ctx ends the reading.
func Arrange(root *cobra.Command, m *machine.Machine, ctx func() context.Context, prepare func(*cobra.Command) error) {
	shell{m, ctx, prepare}.arrange(root)
}

func (s shell) arrange(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		s.arrange(sub)
	}
	for name, c := range flagCompleters {
		if cmd.LocalNonPersistentFlags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
				return s.complete(c, cmd, typed)
			}) // fails only for a flag that is not there
		}
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if list, ok := argCompleters[path]; ok {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
			at := len(args)
			if slices.Contains(anyNumber, path) {
				at = min(at, len(list)-1)
			}
			if at >= len(list) {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return s.complete(list[at], cmd, typed)
		}
	}
}

// complete gives cobra the words of a completer. Settings count as they do for the verb.
func (s shell) complete(c completer, cmd *cobra.Command, typed string) ([]string, cobra.ShellCompDirective) {
	if err := s.prepare(cmd); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	how := c.how | cobra.ShellCompDirectiveNoFileComp
	words := slices.DeleteFunc(c.words(s, typed), func(w string) bool { return !strings.HasPrefix(w, typed) })
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, "/") }) {
		how |= cobra.ShellCompDirectiveNoSpace // behind a folder
	}
	return words, how
}

// recordedJobs returns the newest jobs of the ledger; none if it cannot be read.
func (s shell) recordedJobs() (jobs []*ledger.JobRecord) {
	s.Peek(s.context(), func(ctx context.Context, l *ledger.Ledger) (err error) {
		jobs, err = l.Jobs(ctx)
		return err
	})
	return Newest(jobs)
}

// identities are those of all pools; none if the ledger cannot be read.
func (s shell) identities() (rows []pool.Identity) {
	s.Peek(s.context(), func(ctx context.Context, l *ledger.Ledger) (err error) {
		rows, err = pool.List(ctx, l, "")
		return err
	})
	return rows
}
