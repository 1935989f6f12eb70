// This file is what all verbs share: the streams, the flags that are everywhere,
// signals, and the choice of outputs.

package main

import (
	"context"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/complete"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/help"
	"github.com/zarya-station/zarya/internal/outputs"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
	"github.com/zarya-station/zarya/usb"
)

// app is one invocation.
type app struct {
	runs.Front
	lang string // --lang
}

// newApp is an invocation with these streams, in the language that was named.
func newApp(stdin io.Reader, stdout, stderr io.Writer, language string) *app {
	a := &app{}
	a.Console = &console.Console{In: stdin, Out: stdout, Err: stderr, Words: words.For(words.Language(language, os.Getenv))}
	a.Secrets, a.Warn, a.Say, a.ExitCode = &flash.Secrets{}, a.Warnf, a.Progressf, a.exitCode
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
		if outputs.UnderActions() && !slices.Contains([]string{"connect", "ssh", "report", "export", "label"}, cmd.Name()) { // those write bytes
			a.Out = ui.Guard(a.Out)
		}
		return a.applyConfig(cmd, configFile)
	}
	f := root.PersistentFlags()
	f.StringVar(&configFile, "config", "",
		"read settings from `FILE` only (default: zarya.yaml here, config.yaml in XDG_CONFIG_HOME/zarya and /etc/zarya)")
	f.BoolVar(&a.JSON, "json", false, "write JSON to stdout: one event a line, or one document")
	f.StringVar(&a.Events, "events", "", "write JSON events to `FILE` or fd:N beside the human output")
	f.StringVar(&a.Trace, "trace", "", "write every fastboot packet to `FILE`, payloads as digests")
	f.StringVar(&a.Ledger, "ledger", "", "record jobs in `URL`: sqlite:PATH, or none (default: zarya/ledger.db in XDG_STATE_HOME)")
	f.StringVar(&a.LockDir, "lock-dir", "", "keep the locks of tablets in `DIR` (default: "+usb.LockDir+")")
	f.DurationVar(&a.LockWait, "lock-wait", 0, "wait this long for another process to let a tablet go")
	f.StringVar(&a.lang, "lang", "", "speak `LANG`, en or ru (default: LC_ALL, LC_MESSAGES or LANG)")
	f.BoolVarP(&a.Quiet, "quiet", "q", false, "print nothing but results and errors")
	f.BoolVarP(&a.Verbose, "verbose", "v", false, "print what the tablets say")
	f.BoolVar(&a.NoColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.BoolVar(&a.NoInput, "no-input", false, "never ask; fail instead")
	f.BoolVarP(&a.Yes, "yes", "y", false, `answer "wipe these tablets?" with yes, and what else a verb asks before it does it`)
	root.AddCommand(newRun(a), newStation(a), newRetry(a), newTry(a), newExplain(a), newFlash(a), newProvision(a), newPlan(a),
		newProfile(a), newGetvar(a), newReboot(a), newBoot(a), newOEM(a), newDevices(a), newPorts(a), newSSH(a), newConnect(a),
		newDoctor(a), newLedger(a), newFleet(a), newReport(a), newLabel(a), newIdentity(a), newImage(a), newBundle(a), newVirtual(a),
		newVersion(a))
	for _, verb := range moreVerbs {
		root.AddCommand(verb(a))
	}
	root.RunE = func(*cobra.Command, []string) error { // what is plugged in, and what to do next
		bus, names, err := a.Bench().Plugged()
		show.Greeting(a.Out, a.Words, bus, names, err)
		return nil
	}
	root.Example = "  zarya devices\n  zarya plan --profile census.yaml -s port:A3\n  zarya run --profile census.yaml -s port:A3 -s port:A4"
	help.Arrange(root, a.Words)
	return root
}

// completing makes a tree of verbs ready for a shell that asks for completions.
func (a *app) completing(root *cobra.Command) {
	help.ReadTexts(root, a.Words)
	complete.Arrange(root, &a.Machine, func() context.Context { return a.Context },
		func(cmd *cobra.Command) error { return a.applyConfig(cmd, "") })
}

// signalCode is the exit code that a signal asks for, or 0.
func (a *app) signalCode() int {
	if sig, ok := a.Signals.First().(syscall.Signal); ok {
		return 128 + int(sig) // as shells count
	}
	return 0
}

// watchSignals begins to watch signals, until stop.
func (a *app) watchSignals() (stop func()) {
	a.Signals = signals.Watch(flash.ErrStopped)
	ctx, cancel := a.Signals.UntilFirst()
	a.Context, a.Stop = ctx, a.Signals.Drain()
	return func() {
		cancel()
		a.Signals.Stop()
	}
}
