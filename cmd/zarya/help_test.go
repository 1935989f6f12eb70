package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every text in help/ is of a verb, and the verb has it.
func TestHelpTextsAreOfVerbs(t *testing.T) {
	a := newApp(strings.NewReader(""), io.Discard, io.Discard, "")
	verbs := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		verbs[helpName(c)] = c
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(a))
	files, err := helpTexts.ReadDir("help")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		c := verbs[f.Name()]
		if c == nil {
			t.Errorf("help/%s is of no verb", f.Name())
			continue
		}
		if strings.Contains(c.Long+c.Example, "{{") {
			t.Errorf("help/%s has a word that nothing stands for", f.Name())
		}
		if !hasVirtual && strings.Contains(c.Short, "not in this build") {
			continue
		}
		text, err := helpTexts.ReadFile("help/" + f.Name())
		if err != nil || !strings.HasPrefix(string(text), helpExamples) == (c.Long == "") {
			t.Errorf("help/%s: %v, read as %q", f.Name(), err, c.Long)
		}
		for line := range strings.Lines(c.Example) {
			if !strings.HasPrefix(line, "  ") {
				t.Errorf("help/%s: the example %q is not indented", f.Name(), line)
			}
		}
	}
}
