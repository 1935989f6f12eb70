// This file is what all verbs share: the streams, the flags that are everywhere,
// signals, and the choice of outputs.

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/outputs"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// app is one invocation.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	json, quiet, verbose, noColor, noInput, yes bool
	events, trace, junit, lang                  string
	wait                                        time.Duration // for a target to appear

	machine.Machine // that it runs on

	words *words.Words // the language of the person who reads; see main.go

	unrecorded bool      // nothing is done, so nothing is recorded
	summarized bool      // the outputs of jobs have, or will have, their summary
	beside     []ui.Sink // what makes receipts and labels of the jobs to come

	signals *signals.Signals
	ctx     context.Context // ends at the first signal: for what is not worth finishing
}

// newApp is an invocation with these streams, in the language that was named.
func newApp(stdin io.Reader, stdout, stderr io.Writer, language string) *app {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, words: words.For(words.Language(language, os.Getenv))}
	a.Secrets, a.Warn, a.Say = &flash.Secrets{}, a.warn, a.tell
	return a
}

// moreVerbs are those that a build tag adds.
var moreVerbs []func(*app) *cobra.Command

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "zarya",
		Short:         "Flash Aurora OS onto tablets, many at once",
		SilenceErrors: true, SilenceUsage: true,
	}
	var configFile string
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if underActions() && !slices.Contains([]string{"connect", "ssh", "report", "export", "label"}, cmd.Name()) { // those write bytes
			a.stdout = ui.Guard(a.stdout)
		}
		return a.applyConfig(cmd, configFile)
	}
	f := root.PersistentFlags()
	f.StringVar(&configFile, "config", "",
		"read settings from `FILE` only (default: zarya.yaml here, config.yaml in XDG_CONFIG_HOME/zarya and /etc/zarya)")
	f.BoolVar(&a.json, "json", false, "write JSON to stdout: one event a line, or one document")
	f.StringVar(&a.events, "events", "", "write JSON events to `FILE` or fd:N beside the human output")
	f.StringVar(&a.trace, "trace", "", "write every fastboot packet to `FILE`, payloads as digests")
	f.StringVar(&a.Ledger, "ledger", "", "record jobs in `URL`: sqlite:PATH, or none (default: zarya/ledger.db in XDG_STATE_HOME)")
	f.StringVar(&a.LockDir, "lock-dir", "", "keep the locks of tablets in `DIR` (default: "+usb.LockDir+")")
	f.DurationVar(&a.LockWait, "lock-wait", 0, "wait this long for another process to let a tablet go")
	f.StringVar(&a.lang, "lang", "", "speak `LANG`, en or ru (default: LC_ALL, LC_MESSAGES or LANG)")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but results and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print what the tablets say")
	f.BoolVar(&a.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.BoolVar(&a.noInput, "no-input", false, "never ask; fail instead")
	f.BoolVarP(&a.yes, "yes", "y", false, `answer "wipe these tablets?" with yes, and what else a verb asks before it does it`)
	root.AddCommand(newRun(a), newStation(a), newRetry(a), newTry(a), newExplain(a), newFlash(a), newProvision(a), newPlan(a),
		newProfile(a), newGetvar(a), newReboot(a), newBoot(a), newOEM(a), newDevices(a), newPorts(a), newSSH(a), newConnect(a),
		newDoctor(a), newLedger(a), newFleet(a), newReport(a), newLabel(a), newIdentity(a), newImage(a), newBundle(a), newVirtual(a),
		newVersion(a))
	for _, verb := range moreVerbs {
		root.AddCommand(verb(a))
	}
	root.RunE = func(*cobra.Command, []string) error { return a.greet() }
	root.Example = "  zarya devices\n  zarya plan --profile census.yaml -s port:A3\n  zarya run --profile census.yaml -s port:A3 -s port:A4"
	arrangeHelp(root)
	arrangeCompletion(a, root)
	return root
}

// underActions reports whether a runner of GitHub Actions reads what is written.
func underActions() bool { return os.Getenv("GITHUB_ACTIONS") == "true" }

// signalCode is the exit code that a signal asks for, or 0.
func (a *app) signalCode() int {
	if sig, ok := a.signals.First().(syscall.Signal); ok {
		return 128 + int(sig) // as shells count
	}
	return 0
}

// watchSignals begins to watch signals, until stop.
func (a *app) watchSignals() (stop func()) {
	a.signals = signals.Watch(flash.ErrStopped)
	ctx, cancel := a.signals.UntilFirst()
	a.ctx = ctx
	return func() {
		cancel()
		a.signals.Stop()
	}
}

func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, "zarya: %s\n", a.words.Sayf("warning: %s", a.words.Sayf(format, args...)))
}

// say tells a person something, on a line.
func (a *app) say(format string, args ...any) { fmt.Fprintln(a.stderr, a.words.Sayf(format, args...)) }

// tell says how something goes that takes long.
func (a *app) tell(format string, args ...any) {
	if !a.quiet && !a.json {
		fmt.Fprintln(a.stderr, " ", a.words.Sayf(format, args...))
	}
}

// newID is a short random name for a run.
func newID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// terminal returns the file behind w if it is a terminal.
func terminal(w any) *os.File {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

func (a *app) color(w io.Writer) bool {
	return !a.noColor && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && terminal(w) != nil
}

// fileSinks are the outputs beside the terminal: --events, --junit, and stdout with --json.
func (a *app) fileSinks() (sinks []ui.Sink, err error) {
	sinks, a.beside = a.beside, nil // once
	if err := outputs.Sink(&sinks, "--events", a.events, ui.NewJSON); err != nil {
		return nil, err
	}
	if err := outputs.Sink(&sinks, "--junit", a.junit, ui.NewJUnit); err != nil {
		return nil, err
	}
	if underActions() {
		sinks = append(sinks, ui.NewGitHub(a.stderr, os.Getenv("GITHUB_STEP_SUMMARY")))
	}
	if a.json {
		sinks = append(sinks, ui.NewJSON(a.stdout))
	}
	return sinks, nil
}

// sinks chooses the outputs of a verb that runs jobs.
func (a *app) sinks() (ui.Sink, error) {
	sinks, err := a.fileSinks()
	if err != nil {
		return nil, err
	}
	a.summarized = true // the run writes its own
	if a.json {
		return ui.Tee(sinks...), nil
	}
	options := func(w io.Writer) ui.Options {
		return ui.Options{Color: a.color(w), Quiet: a.quiet, Verbose: a.verbose, Words: a.words}
	}
	if tty := terminal(a.stderr); tty != nil && !a.quiet && !a.verbose && os.Getenv("TERM") != "dumb" {
		board := options(a.stderr)
		board.Vanish = terminal(a.stdout) != nil
		sinks = append(sinks, ui.NewBoard(tty, board))
	} else {
		sinks = append(sinks, ui.NewPlain(a.stderr, options(a.stderr)))
	}
	return ui.Tee(append(sinks, ui.NewTable(a.stdout, options(a.stdout)))...), nil
}

// tracer opens --trace; close it after use.
func (a *app) tracer() (t *fastboot.Tracer, end func() error, err error) {
	return outputs.Trace(a.trace, a.Secrets.Clean)
}

// document prints the one JSON document of a verb that runs no jobs.
func (a *app) document(kind string, items any) error { return show.Document(a.stdout, kind, items) }

// item is what has a text beside its place in a document.
type item interface{ Text(io.Writer) }

// printItems prints items as a document, or as their texts.
func printItems[T item](a *app, kind string, items []T) error {
	if a.json {
		return a.document(kind, items)
	}
	for _, it := range items {
		it.Text(a.stdout)
	}
	return nil
}
