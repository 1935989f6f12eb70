// Command zarya flashes tablets, many at once: see README.md and docs/.
//
// One file a verb: each has its options, a constructor that parses and a run
// method that does. This package is the only place that chooses implementations
// and the only one, with ui, that writes to a terminal. It is as large as its verbs are
// many. What they say of themselves is in help/; what another front end would need is below:
// answers are made by show and records, a station is put together by daemon, jobs are done by
// batch, settings are read by settings.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/ui"
)

func main() {
	limitMemory()
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program but for the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if underActions() {
		stderr = ui.Guard(stderr)
	}
	a := newApp(stdin, stdout, stderr, settings.Language(args))
	root := newRoot(a)
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
