// Command zarya flashes tablets, many at once: README.md and docs/ say what it does.
//
// There is one file a verb: its flags, and a function that hands what was typed to a package
// below. This package is the only place that chooses implementations, that knows exit codes
// (exit.go), and, with packages ui and board, that writes to a terminal. What another front end
// would need as well is not here: runs has jobs on the tablets that a person names, machine the
// parts of this machine as its settings describe them, daemon a station, records and show what
// is shown, help what the verbs say of themselves. The package is as large as its verbs are many.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/outputs"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/ui"
)

func main() {
	limitMemory()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if outputs.UnderActions() {
		stderr = ui.Guard(stderr)
	}
	a := newApp(stdin, stdout, stderr, settings.Language(args))
	root := newRoot(a)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		a.completing(root)
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	defer a.watchSignals()()
	cmd, err := root.ExecuteC()
	code := a.report(err)
	a.summarizeFailure(cmd, args, err, code)
	a.Close()
	return code
}

// limitMemory makes the garbage collector keep the process to half of the machine's memory,
// where GOMEMLIMIT says nothing: a station shares its mini-PC with a desktop.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return // not Linux
	}
	var kib int64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil && kib > 0 {
		debug.SetMemoryLimit(max(kib<<10/2, 512<<20))
	}
}
