// Package manpage writes manual pages, in the language of man(7), for a tree of cobra commands:
// [Write] makes one page for each verb, with its flags, its examples, the exit codes and the
// settings. It is used when packages are built; the program itself has no use for it.
package manpage

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/internal/explain"
	"github.com/zarya-station/zarya/internal/settings"
)

// Write makes a page of each verb of the tree in a folder. The program's own page has what holds
// for all of them: their flags, exit codes, variables and files.
func Write(root *cobra.Command, folder, version string, date time.Time) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // pages are for all to read
		return err
	}
	return writeTree(root, folder, fmt.Sprintf("%s\" \"Zarya %s\" \"Zarya", date.UTC().Format("2006-01-02"), version))
}

func writeTree(cmd *cobra.Command, folder, footer string) error {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			if err := writeTree(sub, folder, footer); err != nil {
				return err
			}
		}
	}
	text := fmt.Sprintf(".TH \"%s\" 1 \"%s\"\n", strings.ToUpper(name(cmd)), footer) + page(cmd)
	return os.WriteFile(filepath.Join(folder, name(cmd)+".1"), []byte(text), 0o644) //nolint:gosec // pages are for all to read
}

func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is all of a page but its first line.
func page(cmd *cobra.Command) string {
	var p paper
	p.section("NAME", escape(name(cmd)+" - "+cmd.Short)+"\n")
	p.section("SYNOPSIS", synopsis(cmd))
	p.section("DESCRIPTION", prose(cmd.Long))
	p.section("VERBS", verbs(cmd))
	switch {
	case cmd.HasParent():
		p.section("OPTIONS", options(cmd.LocalFlags()))
		p.section("OPTIONS OF EVERY VERB", "Explained in\n.BR "+escape(name(cmd.Root()))+" (1):\n"+names(cmd.InheritedFlags()))
	default:
		p.section("OPTIONS OF EVERY VERB", options(cmd.PersistentFlags()))
	}
	p.section("EXAMPLES", verbatim(strings.Split(cmd.Example, "\n")))
	if cmd.HasParent() {
		p.section("EXIT STATUS", notes(cmd.Annotations["exit"]))
	} else {
		p.section("EXIT STATUS", exits())
		p.section("ENVIRONMENT", variables())
		p.section("FILES", files())
	}
	p.section("SEE ALSO", related(cmd))
	return p.String()
}

type paper struct{ strings.Builder }

// section adds a section, if there is anything in it.
func (p *paper) section(title, text string) {
	if strings.TrimSpace(text) != "" {
		_, _ = p.WriteString(".SH " + title + "\n" + text)
	}
}

func synopsis(cmd *cobra.Command) string {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " VERB …"
	}
	rest := strings.TrimPrefix(line, cmd.CommandPath())
	return ".B " + escape(cmd.CommandPath()) + "\n" + escape(strings.TrimSpace(rest)) + "\n"
}

// verbs are those below a verb, in the groups of its help.
func verbs(cmd *cobra.Command) string {
	var b strings.Builder
	list := func(group string) {
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() && sub.GroupID == group {
				item(&b, `\fB`+escape(sub.Name())+`\fR`, escape(sub.Short))
			}
		}
	}
	list("")
	for _, g := range cmd.Groups() {
		b.WriteString(".SS " + escape(g.Title) + "\n")
		list(g.ID)
	}
	return b.String()
}

// words are what people call the types of flags.
var words = map[string]string{"duration": "TIME", "int": "N", "string": "TEXT", "strings": "TEXT"}

// options are flags as people write them: --lot ID, and what they do.
func options(flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		argument, about := pflag.UnquoteUsage(f)
		tag := `\fB` + escape("--"+f.Name) + `\fR`
		if f.Shorthand != "" {
			tag = `\fB` + escape("-"+f.Shorthand) + `\fR, ` + tag
		}
		if word, ok := words[argument]; ok {
			argument = word
		}
		if argument != "" {
			tag += ` \fI` + escape(argument) + `\fR`
		}
		switch f.DefValue {
		case "", "0", "false", "[]", "0s":
		default:
			about += " (default: " + f.DefValue + ")"
		}
		item(&b, tag, escape(about))
	})
	return b.String()
}

// names are flags without what they do.
func names(flags *pflag.FlagSet) string {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			all = append(all, `\fB`+escape("--"+f.Name)+`\fR`)
		}
	})
	return strings.Join(all, ", ") + "\n"
}

func exits() string {
	var b strings.Builder
	for n := range 256 {
		if e, ok := explain.Code(strconv.Itoa(n)); ok {
			item(&b, `\fB`+strconv.Itoa(n)+`\fR`, escape(e.Happened))
		}
	}
	return b.String()
}

// notes are a verb's own exit codes: "0 passed · 1 failed", in lines.
func notes(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		for _, note := range strings.Split(strings.TrimSpace(line), " · ") {
			code, meaning, _ := strings.Cut(note, " ")
			item(&b, `\fB`+escape(code)+`\fR`, escape(meaning))
		}
	}
	return b.String()
}

func variables() string {
	var b strings.Builder
	for _, s := range settings.All {
		item(&b, `\fBZARYA_`+strings.ToUpper(strings.ReplaceAll(s.Key, "-", "_"))+`\fR`, escape(s.About))
	}
	return b.String()
}

func files() string {
	var b strings.Builder
	item(&b, `\fI/etc/zarya/config.yaml\fR`, "What all verbs on this machine are set to.")
	item(&b, `\fI/etc/zarya/station.yaml\fR`, "What the service "+escape("zarya-station")+" works with.")
	item(&b, `\fI/var/lib/zarya/ledger.db\fR`, "The ledger of that service.")
	item(&b, `\fI~/.local/state/zarya/ledger.db\fR`, "The ledger of everybody else.")
	item(&b, `\fI/usr/share/doc/zarya\fR`, "The documentation, and examples.")
	return b.String()
}

func related(cmd *cobra.Command) string {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, reference(cmd.Parent()))
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			pages = append(pages, reference(sub))
		}
	}
	return strings.Join(pages, ",\n") + "\n"
}

func reference(cmd *cobra.Command) string { return `\fB` + escape(name(cmd)) + `\fR(1)` }

// item is a term with its meaning.
func item(b *strings.Builder, term, meaning string) {
	b.WriteString(".TP\n" + term + "\n" + meaning + "\n")
}

// prose is a text of paragraphs; lines that are indented stay as they are.
func prose(text string) string {
	var b strings.Builder
	var kept []string
	keep := func() {
		b.WriteString(verbatim(kept))
		kept = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n ")
		switch {
		case strings.HasPrefix(line, " "):
			kept = append(kept, line)
		case line == "":
			keep()
			b.WriteString(".PP\n")
		default:
			keep()
			b.WriteString(escape(line) + "\n")
		}
	}
	keep()
	return b.String()
}

// verbatim is lines that stay as they are.
func verbatim(lines []string) string {
	if strings.TrimSpace(strings.Join(lines, "")) == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(".PP\n.nf\n")
	for _, line := range lines {
		b.WriteString(escape(strings.TrimPrefix(line, "  ")) + "\n")
	}
	b.WriteString(".fi\n")
	return b.String()
}

var special = strings.NewReplacer(`\`, `\e`, "-", `\-`)

// escape keeps man from taking text for its orders.
func escape(text string) string {
	text = special.Replace(strings.ReplaceAll(text, "\n", " "))
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
