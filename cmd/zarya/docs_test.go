// The commands of pages are run. What those of a console block print is compared with what is
// written there, up to times, rates and addresses; those of an sh block only have to succeed. What
// a page needs beforehand stands in a comment, <!-- run … -->, which no reader sees.

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/zarya-station/zarya/internal/heldaddr"
)

// docCommand is one command of a page and what it prints.
type docCommand struct {
	line, want string
	succeeds   bool // that is all that is asked of it
}

// readSession takes the commands of a page.
func readSession(t *testing.T, page string) (commands []docCommand) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	inside := ""
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "```"), line == "<!-- run\n", line == "-->\n":
			inside = strings.TrimSpace(strings.TrimLeft(line, "`"))
		case inside == "sh", inside == "<!-- run":
			commands = append(commands, docCommand{line: line, succeeds: true})
		case inside != "console":
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
	measured = regexp.MustCompile(`([0-9]+ (h|min) )*[0-9.]+ ?(GB/s|MB/s|kB/s|B/s|s\b)`)
	spaces   = regexp.MustCompile(`[ -]+`)
)

// plainly leaves out what differs from run to run.
func plainly(s string) string {
	return spaces.ReplaceAllString(measured.ReplaceAllString(s, "N"), " ")
}

// hundreds are those that tests of this process have.
var hundreds sync.Map

// freeHundred gives the first digits of a hundred ports, whose first ones are free.
func freeHundred(t *testing.T) string {
	t.Helper()
	for range 100 {
		base, free := fmt.Sprint(200+rand.IntN(100)), true // nobody else takes those: virtual tablets have lower ones, the kernel higher ones
		if _, taken := hundreds.LoadOrStore(base, true); taken {
			continue
		}
		for i := range 16 {
			held, err := heldaddr.Hold("tcp", fmt.Sprintf("127.0.0.1:%s%02d", base, i))
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
	t.Parallel()
	for _, page := range []string{"README.md", "docs/quickstart.md", "docs/ci.md", "docs/supervisor.md", "docs/troubleshooting.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			commands := readSession(t, filepath.Join("..", "..", page))
			base := freeHundred(t)
			// One shell runs the whole page, since commands build on each other.
			script := "set -u\n"
			for i, c := range commands {
				if strings.HasPrefix(c.line, "make ") {
					continue // CI runs these
				}
				line := strings.NewReplacer("127.0.0.1:56", "127.0.0.1:"+base, "--wait-for-device 30s", "--wait-for-device 10m",
					"--wait-for-device 60s", "--wait-for-device 10m").Replace(c.line)
				if c.succeeds {
					line = "{ " + line + "} || echo failed\n"
				}
				script += fmt.Sprintf("status=$?; echo '== %d'; (exit $status)\n%s", i, line)
			}
			script += `if [ "${!-}" ]; then kill $!; wait $! || true; fi` + "\n"
			cmd := exec.CommandContext(t.Context(), "bash", "-c", script)
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(cmd.Dir, ".state"))
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
				if commands[i].succeeds {
					if strings.HasSuffix(out, "failed\n") {
						t.Errorf("$ %sfails:\n%s\n%s", commands[i].line, out, stderr.String())
					}
				} else if want := commands[i].want; plainly(out) != plainly(want) {
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

var docVerb = regexp.MustCompile(`(?m)(?:^|^\$ |sudo |^\w+=\S* )zarya ([a-z-][^\n]*)`)

// TestDocumentedFlags: every command of zarya that a page has, in a block or in a sentence, is of
// a verb and flags that there are.
func TestDocumentedFlags(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	code, checked := regexp.MustCompile("(?s)```\\w*\n(.*?)```|`(zarya [^`]+)`"), 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range code.FindAllStringSubmatch(string(text), -1) {
			written := strings.ReplaceAll(found[1], "\\\n", " ") + strings.ReplaceAll(found[2], "\n", " ")
			for _, m := range docVerb.FindAllStringSubmatch(written, -1) {
				words := strings.Fields(regexp.MustCompile(`[#|>&;].*`).ReplaceAllString(m[1], ""))
				cmd, rest, err := newRoot(newApp(strings.NewReader(""), io.Discard, io.Discard, "")).Find(words)
				if err != nil || cmd.HasSubCommands() && len(rest) > 0 && regexp.MustCompile(`^[a-z]`).MatchString(rest[0]) {
					t.Errorf("%s: zarya %s: no such verb (%v)", page, m[1], err)
					continue
				}
				for _, word := range rest {
					if word == "--" {
						break
					}
					name, _, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
					if strings.HasPrefix(word, "--") && name != "help" && cmd.Flag(name) == nil {
						t.Errorf("%s: zarya %s: no flag --%s", page, m[1], name)
					}
				}
				checked++
			}
		}
	}
	if checked < 200 {
		t.Errorf("only %d commands were found", checked)
	}
}
