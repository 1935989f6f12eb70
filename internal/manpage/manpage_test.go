package manpage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// book writes the pages of a small program and reads them.
func book(t *testing.T) map[string]string {
	t.Helper()
	root := &cobra.Command{Use: "crane", Short: "Lift things", Long: `One \ paragraph.

.TH another one:
  crane lift -s A1

'last`}
	root.PersistentFlags().BoolP("yes", "y", false, "answer with yes")
	run := func(*cobra.Command, []string) {}
	lift := &cobra.Command{Use: "lift THING", Short: "Lift one thing", Run: run, Example: "  crane lift box\n  crane lift --high 3",
		Annotations: map[string]string{"exit": "0 lifted · 1 dropped\n70 a bug"}}
	lift.Flags().Int("high", 2, "lift it N metres")
	lift.Flags().Duration("wait", 0, "wait this long")
	lift.Flags().String("secret", "", "not shown")
	_ = lift.Flags().MarkHidden("secret")
	root.AddGroup(&cobra.Group{ID: "work", Title: "Work"})
	lift.GroupID = "work"
	root.AddCommand(lift, &cobra.Command{Use: "gone", Hidden: true, Run: run})
	folder := t.TempDir()
	if err := Write(root, folder, "1.2", time.Unix(86400, 0)); err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[filepath.Base(file)] = string(text)
	}
	return pages
}

// In what is wanted, | is the end of a line, and ! says that it must not be there.
func TestPages(t *testing.T) {
	pages := book(t)
	for name, wants := range map[string][]string{
		"crane.1": {
			`.TH "CRANE" 1 "1970-01-02" "Zarya 1.2" "Zarya"|`,
			`One \e paragraph.|.PP|\&.TH another one:|.PP|.nf|crane lift \-s A1|.fi|.PP|\&'last|`,
			`.SS Work|.TP|\fBlift\fR|Lift one thing|`,
			`\fB\-y\fR, \fB\-\-yes\fR|answer with yes|`,
			`.SH EXIT STATUS|.TP|\fB0\fR|Every tablet passed`,
			`\fBZARYA_LEDGER\fR|`, `.SH FILES|`, `.SH SEE ALSO|\fBcrane\-lift\fR(1)|`, `!gone`, `!EXAMPLES`,
		},
		"crane-lift.1": {
			`.SH SYNOPSIS|.B crane lift|THING [flags]|`,
			`\fB\-\-high\fR \fIN\fR|lift it N metres (default: 2)|`,
			`\fB\-\-wait\fR \fITIME\fR|wait this long|`,
			`.BR crane (1):|\fB\-\-yes\fR|`,
			`.SH EXAMPLES|.PP|.nf|crane lift box|crane lift \-\-high 3|.fi|`,
			`\fB1\fR|dropped|.TP|\fB70\fR|a bug|`, `!secret`, `!ENVIRONMENT`,
		},
	} {
		for _, want := range wants {
			without, not := strings.CutPrefix(strings.ReplaceAll(want, "|", "\n"), "!")
			if strings.Contains(pages[name], without) == not {
				t.Errorf("%s: %q (not: %t)\n%s", name, without, not, pages[name])
			}
		}
	}
}
