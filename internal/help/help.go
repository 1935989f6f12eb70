// Package help is what the command line says about itself: verbs in groups, examples first, the
// flags of every verb listed once, and errors that name the arguments a verb takes.
//
// [Arrange] gives all of this to a finished tree of cobra commands. The text of a verb is
// texts/VERB.txt, and its Russian texts/ru/VERB.txt; examples follow below a line of their own. A
// verb that has a text in its code keeps it. Names in double braces stand for what the program
// knows, such as the classes of failures. Which verbs there are, and what they do, is cmd's.
package help

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
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/internal/words"
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

//go:embed texts/*.txt texts/ru/*.txt
var texts embed.FS

//go:embed usage.tmpl
var usageTemplate string

// Examples is the line above the examples of a text.
const Examples = "Examples:\n"

// known are what stands in the texts for what the program knows.
var known = strings.NewReplacer("{{classes}}", strings.Join(explain.Classes(), ", "), "{{trust}}", recipe.StationTrust,
	"{{questions}}", strings.Join(ask.OEMAllowed, ", "), "{{namespace}}", bundle.Namespace,
	"{{network}}", target.Forms())

// ReadTexts gives all verbs of a tree that was arranged their texts in the person's language, at
// its first call.
func ReadTexts(root *cobra.Command, w *words.Words) {
	const done = "texts"
	if root.Annotations[done] == "" {
		readTexts(root, w)
		root.Annotations = map[string]string{done: "read"}
	}
}

// readTexts gives a verb, and those below it, their texts in the person's language: those of
// everyday verbs are in texts/ru, too, where the examples are left to the English ones.
func readTexts(cmd *cobra.Command, w *words.Words) {
	for _, sub := range cmd.Commands() {
		readTexts(sub, w)
	}
	cmd.Short = w.Say(cmd.Short)
	cmd.InitDefaultHelpFlag()
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { f.Usage = w.Say(f.Usage) })
	}
	text, err := texts.ReadFile("texts/" + File(cmd))
	if err != nil || cmd.Long != "" {
		return // it has none, or its own
	}
	long, examples, _ := strings.Cut(string(text), Examples)
	if said, err := texts.ReadFile("texts/" + w.Lang() + "/" + File(cmd)); err == nil {
		long = string(said)
	}
	cmd.Long, cmd.Example = strings.TrimSpace(known.Replace(long)), strings.TrimRight(known.Replace(examples), "\n")
}

// File is the name of the file with a verb's text.
func File(cmd *cobra.Command) string {
	return strings.ReplaceAll(strings.TrimPrefix(cmd.CommandPath(), "zarya "), " ", "-") + ".txt"
}

// exitNotes are the part of --help about exit codes, for verbs that scripts call in bulk.
const exitNotes = `0 all passed · 1 a tablet failed · 2 usage · 3 profile, bundle or image invalid
4 no device · 5 tablet in use · 6 this station · 7 identities · 8 ledger not durable
9 tablets failed because of the bench: try again · 70 a bug · 130 stopped by ^C`

// MarkJobs marks a verb that runs jobs: its help has the exit codes.
func MarkJobs(cmd *cobra.Command) { cmd.Annotations = map[string]string{"exit": exitNotes} }

// RunsJobs reports whether a verb was marked with [MarkJobs].
func RunsJobs(cmd *cobra.Command) bool { return cmd != nil && cmd.Annotations["exit"] != "" }

// Arrange gives a finished tree of verbs its groups and templates, in the words of whoever
// reads them, and its texts as soon as help is shown ([ReadTexts]): most runs show none.
func Arrange(root *cobra.Command, w *words.Words) {
	order := map[string]int{}
	for _, g := range verbGroups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: w.Say(g.title)})
		for _, verb := range g.verbs {
			order[verb] = len(order)
		}
	}
	root.SetHelpCommandGroupID("machine")
	root.SetCompletionCommandGroupID("machine")
	replaceCobras(root)
	root.InitDefaultHelpFlag()
	for _, cmd := range root.Commands() {
		for _, g := range verbGroups {
			if slices.Contains(g.verbs, cmd.Name()) {
				cmd.GroupID = g.id
			}
		}
		if cmd.HasSubCommands() && !cmd.Runnable() {
			cmd.InitDefaultHelpFlag() // cobra looks for a verb behind it before it knows that it takes no value
			refuseUnknownVerbs(cmd)
		}
	}
	cobra.EnableCommandSorting = false // before anything asks for the verbs of a group
	explainArguments(root)
	cobra.AddTemplateFunc("verbsOf", func(parent *cobra.Command, group string) []*cobra.Command {
		verbs := slices.DeleteFunc(slices.Clone(parent.Commands()), func(c *cobra.Command) bool {
			return c.GroupID != group || !c.IsAvailableCommand() && c.Name() != "help"
		})
		slices.SortStableFunc(verbs, func(a, b *cobra.Command) int { return order[a.Name()] - order[b.Name()] })
		return verbs
	})
	cobra.AddTemplateFunc("flagNames", flagNames)
	cobra.AddTemplateFunc("say", w.Say)
	cobra.AddTemplateFunc("flagUsages", func(f *pflag.FlagSet) string {
		return strings.ReplaceAll(f.FlagUsages(), "(default ", w.Say("(default "))
	})
	usage, help := root.UsageFunc(), root.HelpFunc() // cobra's own
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		ReadTexts(root, w)
		return usage(cmd)
	})
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		ReadTexts(root, w)
		help(cmd, args)
	})
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(`{{with (or .Long .Short)}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}`)
}

// replaceCobras adds the verbs that cobra brings, without the texts that it gives them: these are
// in English only. zarya help refuses a verb that there is not.
func replaceCobras(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			for _, shell := range append(cmd.Commands(), cmd) {
				shell.Long, shell.DisableFlagsInUseLine = "", true
			}
		case "help":
			cmd.Use, cmd.Long, cmd.Run, cmd.DisableFlagsInUseLine = "help [VERB…]", "", nil, true
			cmd.RunE = func(_ *cobra.Command, args []string) error {
				of, _, err := root.Find(args)
				if err != nil {
					return err
				}
				return of.Help()
			}
		}
	}
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
