package help

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

// tree is a program with a verb of its own text, and a group of verbs.
func tree(language string) (root *cobra.Command, out *bytes.Buffer) {
	nothing := func(*cobra.Command, []string) error { return nil }
	root = &cobra.Command{Use: "zarya", Short: "Flash Aurora OS onto tablets, many at once", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().Bool("json", false, "write JSON to stdout: one event a line, or one document")
	run := &cobra.Command{Use: "run PROFILE", Short: "Flash, boot, provision, check and record tablets, in parallel",
		Args: cobra.ExactArgs(1), RunE: nothing}
	run.Flags().Int("concurrency", 0, "tablets at once (0: all)")
	MarkJobs(run)
	ports := &cobra.Command{Use: "ports", Short: "List and name the ports of hubs"}
	ports.AddCommand(&cobra.Command{Use: "list", Short: "List ports that have a name or a tablet", Args: cobra.NoArgs, RunE: nothing})
	root.AddCommand(ports, run)
	out = &bytes.Buffer{}
	root.SetOut(out)
	root.SetErr(out)
	Arrange(root, words.For(language))
	return root, out
}

func said(t *testing.T, language string, args ...string) (string, error) {
	t.Helper()
	root, out := tree(language)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

func TestVerbsAreInGroups(t *testing.T) {
	text, err := said(t, "en", "--help")
	if err != nil {
		t.Fatal(err)
	}
	work, machine := strings.Index(text, "Flash and provision:"), strings.Index(text, "This machine:")
	if work < 0 || machine < work || !strings.Contains(text[work:machine], "run ") || !strings.Contains(text[machine:], "ports ") {
		t.Error(text)
	}
	if !strings.Contains(text, "Flags of every verb:") || !strings.Contains(text, "--json") {
		t.Error(text)
	}
}

func TestAVerbThatRunsJobsSaysItsExitCodes(t *testing.T) {
	text, err := said(t, "en", "run", "--help")
	if err != nil {
		t.Fatal(err)
	}
	examples, usage, exits := strings.Index(text, "Examples:"), strings.Index(text, "Usage:"), strings.Index(text, "Exit status:")
	if examples < 0 || usage < examples || exits < usage || !strings.Contains(text[usage:exits], "--concurrency") ||
		!strings.Contains(text[exits:], "0 all passed") {
		t.Error(text)
	}
	root, _ := tree("en")
	for _, c := range root.Commands() {
		if RunsJobs(c) != (c.Name() == "run") {
			t.Errorf("%s runs jobs: %v", c.Name(), RunsJobs(c))
		}
	}
	if RunsJobs(nil) {
		t.Error("no verb runs jobs")
	}
}

func TestHelpSpeaksRussian(t *testing.T) {
	english, err := said(t, "en", "run", "--help")
	if err != nil {
		t.Fatal(err)
	}
	russian, err := said(t, "ru", "run", "--help")
	if err != nil || russian == english || !strings.Contains(russian, "--concurrency") {
		t.Errorf("%v: %s", err, russian)
	}
}

func TestWhatIsNotAVerbIsRefused(t *testing.T) {
	for want, args := range map[string][]string{
		`zarya ports has no verb "lits"`:                 {"ports", "lits"},
		`zarya completion has no verb "sh"`:              {"completion", "sh"},
		`zarya ports list takes flags only, not "x"`:     {"ports", "list", "x"},
		`zarya run takes PROFILE, and nothing was given`: {"run"},
		`zarya run takes PROFILE, not "a.yaml b.yaml"`:   {"run", "a.yaml", "b.yaml"},
	} {
		_, err := said(t, "en", args...)
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Usage || err.Error() != want {
			t.Errorf("%q: %v", args, err)
		}
	}
	_, err := said(t, "en", "ports", "lits")
	if advice := problem.Advice(err); !strings.Contains(advice, "did you mean zarya ports list?") {
		t.Error(advice)
	}
	if text, err := said(t, "en", "ports"); err != nil || !strings.Contains(text, "list") {
		t.Errorf("%v: %s", err, text)
	}
}

// What cobra brings has our texts, and refuses what there is not.
func TestHelpAndCompletionAreOurs(t *testing.T) {
	if text, err := said(t, "ru", "completion", "zsh", "--help"); err != nil || !strings.Contains(text, "compinit") ||
		strings.Contains(text, "Generate") {
		t.Errorf("%v: %s", err, text)
	}
	if text, err := said(t, "en", "help", "ports", "list"); err != nil || !strings.Contains(text, "zarya ports list") {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := said(t, "en", "help", "lits"); err == nil || !strings.Contains(err.Error(), "lits") {
		t.Error(err)
	}
}
