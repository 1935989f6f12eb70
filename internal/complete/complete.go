// This file completes words in a shell: what is plugged in, profiles, bundles, pools of
// identities, records. What cannot be read completes nothing, and says nothing.

package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/target"
)

// manyRecords is how many of the newest records a shell is offered.
const manyRecords = 50

// completer gives words with descriptions ("WORD\tDESCRIPTION") for what was typed so far.
type completer func(a *app, typed string) ([]string, cobra.ShellCompDirective)

// flagCompleters are by the names of flags, whichever verb has them.
var flagCompleters = map[string]completer{
	"target": completeTarget, "port": completePort, "serial": completeSerial,
	"profile": completeProfile, "bundle": completeBundle, "pool": completePool,
}

// argCompleters are by the paths of verbs.
var argCompleters = map[string]completer{
	"ssh": completeTarget, "connect": completeTarget,
	"profile show": completeProfile, "profile validate": completeProfile,
	"bundle verify": completeBundle, "bundle inspect": completeBundle, "bundle sign": completeBundle,
	"ledger show": completeRecord, "ledger dispose": completeRecord, "explain": completeSubject,
}

// arrangeCompletion gives the finished tree of verbs its completions.
func arrangeCompletion(a *app, cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		arrangeCompletion(a, sub)
	}
	for name, complete := range flagCompleters {
		if hasFlag(cmd, name) {
			_ = cmd.RegisterFlagCompletionFunc(name, a.completing(complete)) // fails only for a flag that is not there
		}
	}
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if complete := argCompleters[path]; complete != nil {
		cmd.ValidArgsFunction = a.completing(complete)
	}
}

// hasFlag reports whether a verb has a flag of its own.
func hasFlag(cmd *cobra.Command, name string) bool {
	return cmd.LocalNonPersistentFlags().Lookup(name) != nil
}

// completing makes a completer what cobra calls. Settings count as they do for the verb.
func (a *app) completing(complete completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		if err := a.applyConfig(cmd, ""); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		words, directive := complete(a, typed)
		words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, typed) })
		return words, directive
	}
}

// completeTarget offers the tablets on USB by name, port and serial, and the ways to write
// one on the network.
func completeTarget(a *app, _ string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for name, about := range target.Protocols() {
		words = append(words, name+":\t"+about)
	}
	slices.Sort(words)
	bus, names, err := a.bench().Plugged()
	if err != nil {
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, name := range slices.Sorted(maps.Values(names)) {
		words = append(words, "port:"+name+"\tthe port with this name")
	}
	for _, d := range bus.Tablets() {
		words = append(words, "usb:"+d.Port.Short()+"\t"+d.Model()+" "+d.Serial)
		if d.Serial != "" {
			words = append(words, d.Serial+"\t"+d.Model())
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completePort offers the names of ports and the ports with a tablet.
func completePort(a *app, _ string) (words []string, _ cobra.ShellCompDirective) {
	if bus, names, err := a.bench().Plugged(); err == nil {
		words = slices.Sorted(maps.Values(names))
		for _, d := range bus.Tablets() {
			words = append(words, d.Port.Short()+"\t"+d.Model()+" "+d.Serial)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeSerial offers the serials of what is plugged in and of what was recorded.
func completeSerial(a *app, _ string) (words []string, _ cobra.ShellCompDirective) {
	if bus, err := a.bench().Bus(); err == nil {
		for _, d := range bus.Tablets() {
			if d.Serial != "" {
				words = append(words, d.Serial)
			}
		}
	}
	for _, j := range a.recordedJobs() {
		if j.Serial != "" {
			words = append(words, j.Serial)
		}
	}
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

// completeProfile offers the profiles that can be named, and files.
func completeProfile(a *app, typed string) ([]string, cobra.ShellCompDirective) {
	words := filesLike(typed, ".yaml", ".yml")
	if listed, err := a.maker().ListProfiles(); err == nil {
		for _, l := range listed {
			if l.Name != "" {
				words = append(words, l.Name+"\t"+strings.Join(l.Models, ", "))
			}
		}
	}
	return words, directiveOfFiles(words)
}

// completeBundle offers files that may be bundles.
func completeBundle(_ *app, typed string) ([]string, cobra.ShellCompDirective) {
	words := filesLike(typed, ".bundle", ".zip")
	return words, directiveOfFiles(words)
}

// filesLike returns the files that begin with what was typed and end with one of the
// extensions, and folders.
func filesLike(typed string, extensions ...string) (names []string) {
	found, err := filepath.Glob(escapeGlob(typed) + "*")
	if err != nil {
		return nil // it cannot be: what was typed is escaped
	}
	for _, name := range found {
		switch info, err := os.Stat(name); {
		case err != nil: // it has just gone
		case info.IsDir():
			names = append(names, name+"/")
		case slices.Contains(extensions, filepath.Ext(name)):
			names = append(names, name)
		}
	}
	return names
}

// escapeGlob takes the meaning from the signs of a glob.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// directiveOfFiles keeps a shell from writing a space after a folder.
func directiveOfFiles(words []string) cobra.ShellCompDirective {
	if slices.ContainsFunc(words, func(w string) bool { return strings.HasSuffix(w, "/") }) {
		return cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	return cobra.ShellCompDirectiveNoFileComp
}

// completePool offers the pools of the ledger.
func completePool(a *app, _ string) (words []string, _ cobra.ShellCompDirective) {
	a.peekLedger(func(ctx context.Context, l *ledger.Ledger) error {
		rows, err := pool.List(ctx, l, "")
		for _, r := range rows {
			words = append(words, r.Pool)
		}
		return err
	})
	slices.Sort(words)
	return slices.Compact(words), cobra.ShellCompDirectiveNoFileComp
}

// completeRecord offers the newest records and their tablets' serials, the newest first.
func completeRecord(a *app, _ string) (words []string, _ cobra.ShellCompDirective) {
	seen := map[string]bool{}
	for _, j := range slices.Backward(a.recordedJobs()) {
		words = append(words, j.Record+"\t"+records.Word(j)+" "+j.Serial)
		if j.Serial != "" && !seen[j.Serial] {
			seen[j.Serial] = true
			words = append(words, j.Serial+"\tlast: "+records.Word(j))
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeSubject offers what can be explained: classes of failures, then records.
func completeSubject(a *app, typed string) ([]string, cobra.ShellCompDirective) {
	words, directive := completeRecord(a, typed)
	return append(explain.Classes(), words...), directive
}

// recordedJobs returns the newest jobs of the ledger; none if it cannot be read.
func (a *app) recordedJobs() (jobs []*ledger.JobRecord) {
	a.peekLedger(func(ctx context.Context, l *ledger.Ledger) (err error) {
		jobs, err = l.Jobs(ctx)
		return err
	})
	return jobs[max(0, len(jobs)-manyRecords):]
}

// peekLedger reads the ledger if it is there and can be read.
func (a *app) peekLedger(do func(context.Context, *ledger.Ledger) error) {
	path, err := a.ledgerPath()
	if err != nil || path == "" {
		return
	}
	if _, err := os.Stat(path); err == nil {
		_ = a.withReader(do) // it completes what it can
	}
}
