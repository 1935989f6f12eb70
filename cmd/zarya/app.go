// This file is what all verbs share: the streams, the flags that are everywhere,
// signals, and the choice of outputs.

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/usb"
)

// app is one invocation.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	json, quiet, verbose, noColor, noInput, yes bool
	events, trace, ledger, junit                string
	lockDir                                     string
	lockWait                                    time.Duration // for another process to let a tablet go
	wait                                        time.Duration // for a target to appear

	cacheOnce sync.Once
	cache     *image.Cache // of prepared images; see settings.go

	registryOnce sync.Once
	registry     *registry.Client // see registry.go
	registryErr  error
	plainHTTP    bool // with any registry
	allowTag     bool // in --bundle

	config    settings.Settings
	benchOnce sync.Once
	places    *target.Bench // see bench

	secrets    *flash.Secrets    // that no output shows
	unrecorded bool              // nothing is done, so nothing is recorded
	summarized bool              // the outputs of jobs have, or will have, their summary
	evidence   *evidence.Service // of the jobs to come
	codes      pool.Codes        // of the jobs under way; its ledger is set when that is open

	ctx     context.Context // ends at the second signal
	cancel  context.CancelCauseFunc
	drain   chan struct{} // closed at the first signal
	signals chan os.Signal
	mu      sync.Mutex
	got     os.Signal // guarded by mu; the first signal
	hangup  func()    // guarded by mu; what SIGHUP does; nil: it is a signal to stop
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "zarya",
		Short:         "Flash Aurora OS onto tablets, many at once",
		SilenceErrors: true, SilenceUsage: true,
	}
	var configFile string
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.applyConfig(cmd, configFile) }
	f := root.PersistentFlags()
	f.StringVar(&configFile, "config", "", "read settings from `FILE` only (default: zarya.yaml here, config.yaml in XDG_CONFIG_HOME/zarya and /etc/zarya)")
	f.BoolVar(&a.json, "json", false, "write JSON to stdout: one event a line, or one document")
	f.StringVar(&a.events, "events", "", "write JSON events to `FILE` or fd:N beside the human output")
	f.StringVar(&a.trace, "trace", "", "write every fastboot packet to `FILE`, payloads as digests")
	f.StringVar(&a.ledger, "ledger", "", "record jobs in `URL`: sqlite:PATH, or none (default: zarya/ledger.db in XDG_STATE_HOME)")
	f.StringVar(&a.lockDir, "lock-dir", "", "keep the locks of tablets in `DIR` (default: "+usb.LockDir+")")
	f.DurationVar(&a.lockWait, "lock-wait", 0, "wait this long for another process to let a tablet go")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but results and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "print what the tablets say")
	f.BoolVar(&a.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.BoolVar(&a.noInput, "no-input", false, "never ask; fail instead")
	f.BoolVarP(&a.yes, "yes", "y", false, `answer "wipe these tablets?" with yes, and what else a verb asks before it does it`)
	root.AddCommand(newRun(a), newStation(a), newRetry(a), newTry(a), newExplain(a), newFlash(a), newProvision(a), newPlan(a), newProfile(a), newGetvar(a), newReboot(a), newBoot(a), newOEM(a),
		newDevices(a), newPorts(a), newSSH(a), newConnect(a), newDoctor(a), newLedger(a), newReport(a), newIdentity(a), newImage(a), newBundle(a), newVirtual(a), newVersion(a))
	root.RunE = func(*cobra.Command, []string) error { return a.greet() }
	root.Example = "  zarya devices\n  zarya plan --profile census.yaml -s port:A3\n  zarya run --profile census.yaml -s port:A3 -s port:A4"
	arrangeHelp(root)
	arrangeCompletion(a, root)
	return root
}

// watchSignals makes the first ^C a request to stop after the command under way,
// and the second one an order.
func (a *app) watchSignals() {
	a.ctx, a.cancel = context.WithCancelCause(context.Background())
	a.drain = make(chan struct{})
	a.signals = make(chan os.Signal, 2)
	signal.Notify(a.signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for sig := range a.signals {
			a.mu.Lock()
			if sig == syscall.SIGHUP && a.hangup != nil {
				a.hangup()
				a.mu.Unlock()
				continue
			}
			first := a.got == nil
			if first {
				a.got = sig
				close(a.drain)
			}
			a.mu.Unlock()
			if !first {
				a.cancel(flash.ErrStopped)
			}
		}
	}()
}

// onHangup makes SIGHUP call do, which must not wait; nil makes it a signal to stop again.
func (a *app) onHangup(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hangup = do
}

func (a *app) unwatchSignals() {
	signal.Stop(a.signals)
	close(a.signals)
	a.cancel(nil)
}

// signalCode is the exit code that a signal asks for, or 0.
func (a *app) signalCode() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.got == nil {
		return 0
	}
	return signalExit(a.got)
}

// untilSignal is a context that ends at the first signal, for what is not worth
// finishing.
func (a *app) untilSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(a.ctx)
	go func() {
		select {
		case <-a.drain:
			cancel(flash.ErrStopped)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }
}

func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.stderr, "zarya: warning: "+format+"\n", args...)
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
	if a.evidence != nil { // once
		sinks, a.evidence = append(sinks, a.evidence), nil
	}
	if a.events != "" {
		w, err := openOutput(a.events)
		if err != nil {
			return nil, outputTrouble("--events", err)
		}
		sinks = append(sinks, closing{ui.NewJSON(w), w})
	}
	if a.junit != "" {
		w, err := openOutput(a.junit)
		if err != nil {
			return nil, outputTrouble("--junit", err)
		}
		sinks = append(sinks, closing{ui.NewJUnit(w), w})
	}
	if os.Getenv("GITHUB_ACTIONS") == "true" {
		sinks = append(sinks, ui.NewGitHub(a.stderr))
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
		return ui.Options{Color: a.color(w), Quiet: a.quiet, Verbose: a.verbose}
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

// closing closes the file under a sink.
type closing struct {
	ui.Sink
	file io.Closer
}

func (c closing) Close() error { return errors.Join(c.Sink.Close(), c.file.Close()) }

// errNotOpen is in the error of an output that names a descriptor which is none.
var errNotOpen = errors.New("is not an open file descriptor")

// openOutput opens a file to write, or a descriptor given as fd:N.
func openOutput(name string) (*os.File, error) {
	number, ok := strings.CutPrefix(name, "fd:")
	if !ok {
		return os.Create(name) //nolint:gosec // the file that the user names
	}
	fd, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q %w: fd: needs its number", name, errNotOpen)
	}
	if !inherited(uintptr(fd)) {
		return nil, fmt.Errorf("%s %w", name, errNotOpen)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// outputTrouble is an output that cannot be opened: a wrong command line, or this machine.
func outputTrouble(flag string, err error) error {
	if errors.Is(err, errNotOpen) {
		return problem.New(problem.Usage, "open it in the shell ("+flag+" fd:3 3>FILE), or name a file", "%s: %w", flag, err)
	}
	return problem.New(problem.Station, "name a file that can be written", "%s: %w", flag, err)
}

// tracer opens --trace; close it after use.
func (a *app) tracer() (t *fastboot.Tracer, end func() error, err error) {
	if a.trace == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := openOutput(a.trace)
	if err != nil {
		return nil, nil, outputTrouble("--trace", err)
	}
	t = fastboot.NewTracer(f)
	t.Hide = a.secrets.Clean
	return t, func() error { return errors.Join(t.Err(), f.Close()) }, nil
}

// document prints the one JSON document of a verb that runs no jobs.
func (a *app) document(kind string, items any) error { return show.Document(a.stdout, kind, items) }
