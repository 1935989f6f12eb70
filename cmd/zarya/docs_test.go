// The commands of the README, the quickstart and the CI guide are run, and what they print is
// compared with what is written there, up to times, rates and addresses.

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual"
)

// docCommand is one command of a page and what it prints.
type docCommand struct{ line, want string }

// readSession takes the console blocks of a page.
func readSession(t *testing.T, page string) (commands []docCommand) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.HasPrefix(line, "```console")
		case !inside:
		case strings.HasPrefix(line, "$ "):
			commands = append(commands, docCommand{line: line[2:]})
		case len(commands) == 0:
			t.Fatalf("%s: output before any command: %s", page, line)
		default:
			c := &commands[len(commands)-1]
			if strings.HasSuffix(c.line, "\\\n") {
				c.line += line
			} else {
				c.want += line
			}
		}
	}
	return commands
}

var (
	measured = regexp.MustCompile(`[0-9.]+ ?(GB/s|MB/s|kB/s|B/s|s\b)`)
	spaces   = regexp.MustCompile(`[ -]+`)
)

// plainly leaves out what differs from run to run.
func plainly(s string) string {
	return spaces.ReplaceAllString(measured.ReplaceAllString(s, "N"), " ")
}

// freeHundred gives the first digits of a hundred ports, whose first ones are free.
func freeHundred(t *testing.T) string {
	t.Helper()
	for range 100 {
		base, free := fmt.Sprint(100+rand.IntN(220)), true // below those that the kernel hands out
		for i := range 16 {
			held, err := virtual.Hold("tcp", fmt.Sprintf("127.0.0.1:%s%02d", base, i))
			if free = free && err == nil; err == nil {
				_ = held.Close()
			}
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return ""
}

func TestDocumentedSessions(t *testing.T) {
	for _, page := range []string{"README.md", "docs/quickstart.md", "docs/ci.md"} {
		t.Run(page, func(t *testing.T) {
			commands := readSession(t, filepath.Join("..", "..", page))
			base := freeHundred(t)
			// One shell runs the whole page, since commands build on each other.
			script := "set -u\n"
			for i, c := range commands {
				if strings.HasPrefix(c.line, "make ") {
					continue // CI runs these
				}
				script += fmt.Sprintf("status=$?; echo '== %d'; (exit $status)\n%s", i, strings.ReplaceAll(c.line, "127.0.0.1:56", "127.0.0.1:"+base))
			}
			script += "kill $!; wait $! || true\n"
			cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
			cmd.Dir = t.TempDir()
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			said := strings.ReplaceAll(stdout.String(), "127.0.0.1:"+base, "127.0.0.1:56")
			ran := 0
			for _, part := range strings.Split(said, "== ")[1:] {
				number, out, _ := strings.Cut(part, "\n")
				var i int
				if _, err := fmt.Sscan(number, &i); err != nil {
					t.Fatal(err)
				}
				if want := commands[i].want; plainly(out) != plainly(want) {
					t.Errorf("$ %sprints\n%s\n(stderr: %s)\nthe page says\n%s", commands[i].line, out, stderr.String(), want)
				}
				ran++
			}
			if ran < 3 {
				t.Errorf("only %d commands were run", ran)
			}
		})
	}
}
