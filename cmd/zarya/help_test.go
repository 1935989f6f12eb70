package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/internal/help"
)

// everyday are the verbs of a technician, a supervisor and whoever sets a bench up; zarya
// is the first. What they say of themselves is in Russian too, and so is the line about
// every other verb.
var everyday = strings.Fields(`zarya run station flash provision plan retry devices reboot boot getvar oem ssh connect
	report report-protocol label explain doctor ports ports-learn ports-import ports-list ports-name try version
	completion completion-bash completion-zsh completion-fish completion-powershell help
	ledger ledger-list ledger-show ledger-export ledger-verify ledger-dispose`)

// Everyday verbs have their help in Russian: the line about each, the text and every flag.
func TestHelpIsInRussian(t *testing.T) {
	a := newApp(strings.NewReader(""), io.Discard, io.Discard, "ru")
	root := newRoot(a)
	help.ReadTexts(root, a.Words)
	said := 0
	russian := func(where, text string) {
		said++
		if !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) {
			t.Errorf("%s is not in Russian: %q", where, text)
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		russian(c.CommandPath(), c.Short)
		if slices.Contains(everyday, strings.TrimSuffix(help.File(c), ".txt")) {
			flags := func(f *pflag.Flag) { russian(c.CommandPath()+" --"+f.Name, f.Usage) }
			c.Flags().VisitAll(flags)
			c.PersistentFlags().VisitAll(flags)
			if c.Long != "" && !strings.HasPrefix(c.CommandPath(), "zarya ledger ") {
				russian(c.CommandPath()+" --help", c.Long)
			}
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
	if said < 200 {
		t.Errorf("only %d texts were looked at", said)
	}
}

// Every text of package help is of a verb, and the verb has it.
func TestHelpTextsAreOfVerbs(t *testing.T) {
	const texts = "../../internal/help/texts"
	a := newApp(strings.NewReader(""), io.Discard, io.Discard, "")
	verbs := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		verbs[help.File(c)] = c
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := newRoot(a)
	help.ReadTexts(root, a.Words)
	walk(root)
	files, err := os.ReadDir(texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.IsDir() { // another language; TestHelpIsInRussian asks for it
			continue
		}
		c := verbs[f.Name()]
		if c == nil {
			t.Errorf("%s is of no verb", f.Name())
			continue
		}
		if strings.Contains(c.Long+c.Example, "{{") {
			t.Errorf("%s has a word that nothing stands for", f.Name())
		}
		if !hasVirtual && strings.Contains(c.Short, "not in this build") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(texts, f.Name()))
		if err != nil || !strings.HasPrefix(string(text), help.Examples) == (c.Long == "") {
			t.Errorf("%s: %v, read as %q", f.Name(), err, c.Long)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: the example %q is not indented", f.Name(), line)
			}
		}
	}
}
