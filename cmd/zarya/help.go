// This file is the help: verbs in groups, examples first, the flags that every verb has
// listed once; and what zarya says when it is given no verb.

package main

import (
	"embed"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// verbGroups are the headings of zarya --help, and the verbs under each, in the order in
// which a newcomer meets them.
var verbGroups = []struct {
	id, title string
	verbs     []string
}{
	{"work", "Flash and provision", []string{"run", "station", "flash", "provision", "plan", "retry"}},
	{"look", "Look at tablets, talk to them", []string{"devices", "getvar", "reboot", "boot", "oem", "ssh", "connect"}},
	{"made", "Profiles, bundles and images", []string{"profile", "bundle", "image"}},
	{"records", "Records", []string{"ledger", "report", "label", "explain", "identity", "fleet"}},
	{"machine", "This machine", []string{"doctor", "ports", "try", "virtual", "version", "completion", "help"}},
}

// helpTexts are what verbs say of themselves: help/VERB.txt has a text, then examples below
// a line of their own. A verb that has a text in its code keeps that.
//
//go:embed help/*.txt
var helpTexts embed.FS

//go:embed help/usage.tmpl
var usageTemplate string

// helpExamples is the line above the examples of a text.
const helpExamples = "Examples:\n"

// helpWords are what stands in the texts for what the program knows.
var helpWords = strings.NewReplacer("{{classes}}", strings.Join(explain.Classes(), ", "), "{{trust}}", recipe.StationTrust,
	"{{questions}}", strings.Join(ask.OEMAllowed, ", "), "{{namespace}}", bundle.Namespace)

// readHelp gives a verb, and those below it, their texts.
func readHelp(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		readHelp(sub)
	}
	text, err := helpTexts.ReadFile("help/" + helpName(cmd))
	if err != nil || cmd.Long != "" {
		return // it has none, or its own
	}
	long, examples, _ := strings.Cut(helpWords.Replace(string(text)), helpExamples)
	cmd.Long, cmd.Example = strings.TrimSpace(long), strings.TrimRight(examples, "\n")
}

// helpName is the name of the file with a verb's text.
func helpName(cmd *cobra.Command) string {
	return strings.ReplaceAll(strings.TrimPrefix(cmd.CommandPath(), "zarya "), " ", "-") + ".txt"
}

// exitNotes is the part of --help about exit codes, for verbs that scripts call in bulk.
const exitNotes = `0 all passed · 1 a tablet failed · 2 usage · 3 profile, bundle or image invalid
4 no device · 5 tablet in use · 6 this station · 7 identities · 8 ledger not durable
9 tablets failed for reasons of the bench: try again · 70 a bug · 130 stopped by ^C`

// jobVerb marks a verb that runs jobs: its help has the exit codes.
func jobVerb(cmd *cobra.Command) { cmd.Annotations = map[string]string{"exit": exitNotes} }

// arrangeHelp gives the finished tree of verbs its groups and its templates.
func arrangeHelp(root *cobra.Command) {
	order := map[string]int{}
	for _, g := range verbGroups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, verb := range g.verbs {
			order[verb] = len(order)
		}
	}
	root.SetHelpCommandGroupID("machine")
	root.SetCompletionCommandGroupID("machine")
	for _, cmd := range root.Commands() {
		for _, g := range verbGroups {
			if slices.Contains(g.verbs, cmd.Name()) {
				cmd.GroupID = g.id
			}
		}
		if cmd.HasSubCommands() && !cmd.Runnable() {
			refuseUnknownVerbs(cmd)
		}
	}
	cobra.EnableCommandSorting = false // before anything asks for the verbs of a group
	readHelp(root)
	explainArguments(root)
	cobra.AddTemplateFunc("verbsOf", func(parent *cobra.Command, group string) []*cobra.Command {
		verbs := slices.DeleteFunc(slices.Clone(parent.Commands()), func(c *cobra.Command) bool {
			return c.GroupID != group || !c.IsAvailableCommand() && c.Name() != "help"
		})
		slices.SortStableFunc(verbs, func(a, b *cobra.Command) int { return order[a.Name()] - order[b.Name()] })
		return verbs
	})
	cobra.AddTemplateFunc("flagNames", flagNames)
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(`{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`)
}

// refuseUnknownVerbs makes a group of verbs print its help when it is called alone, and
// refuse a verb that it does not have: a script must not believe that it was done.
func refuseUnknownVerbs(group *cobra.Command) {
	group.Args, group.SuggestionsMinimumDistance = cobra.ArbitraryArgs, 2
	group.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		hint := "see zarya " + cmd.Name() + " --help"
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			hint = "did you mean zarya " + cmd.Name() + " " + near[0] + "?"
		}
		return problem.New(problem.Usage, hint, "zarya %s has no verb %q", cmd.Name(), args[0])
	}
}

// explainArguments makes every verb below cmd say what it takes, where cobra only counts.
func explainArguments(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		explainArguments(sub)
	}
	count := cmd.Args
	if count == nil || !cmd.HasParent() {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := count(cmd, args)
		var own *problem.Error
		if err == nil || errors.As(err, &own) {
			return err
		}
		hint := "see " + cmd.CommandPath() + " --help"
		_, takes, _ := strings.Cut(cmd.Use, " ")
		switch given := strings.Join(args, " "); {
		case takes == "":
			return problem.New(problem.Usage, hint, "%s takes flags only, not %q", cmd.CommandPath(), given)
		case given == "":
			return problem.New(problem.Usage, hint, "%s takes %s, and nothing was given", cmd.CommandPath(), takes)
		default:
			return problem.New(problem.Usage, hint, "%s takes %s, not %q", cmd.CommandPath(), takes, given)
		}
	}
}

// flagNames lists flags by name only, in lines of at most 80 columns.
func flagNames(flags *pflag.FlagSet) string {
	var b strings.Builder
	line := " "
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if len(line)+len(f.Name)+3 > 80 {
			b.WriteString(line + "\n")
			line = " "
		}
		line += " --" + f.Name
	})
	b.WriteString(line)
	return b.String()
}

// greet is zarya without a verb: what is plugged in, and what to do next.
func (a *app) greet() error {
	bus, names, err := a.Bench().Plugged()
	show.Greeting(a.stdout, a.words, bus, names, err)
	return nil
}
