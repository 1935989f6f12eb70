// Package outputs opens the places that a person names for events, reports and traces: files, and
// descriptors that a shell has opened (fd:N).
//
// [Outputs] holds what was named. Files opens those and the outputs of a CI runner; All adds what
// the terminal shows, a board or plain lines, and the closing table. What comes back is a ui.Sink,
// to which the engine's events are given. Errors name the flag that was wrong. What the outputs
// look like is package ui.
package outputs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
)

// Sink opens an output of events, such as ui.NewJSON makes of a writer. Its file is closed
// with it. Without a name there is none: list is as it was.
func Sink[S ui.Sink](list *[]ui.Sink, flag, name string, of func(io.Writer) S) error {
	if name == "" {
		return nil
	}
	f, err := Create(flag, name)
	if err != nil {
		return err
	}
	*list = append(*list, closing{of(f), f})
	return nil
}

// closing closes the file under a sink.
type closing struct {
	ui.Sink
	file io.Closer
}

func (c closing) Close() error { return errors.Join(c.Sink.Close(), c.file.Close()) }

// errNotOpen is in the error of an output that names a descriptor which is none.
var errNotOpen = errors.New("is not an open file descriptor")

// Create opens a file to write, or a descriptor given as fd:N.
func Create(flag, name string) (*os.File, error) {
	f, err := open(name)
	switch {
	case errors.Is(err, errNotOpen):
		return nil, problem.New(problem.Usage, "open it in the shell ("+flag+" fd:3 3>FILE), or name a file", "%s: %w", flag, err)
	case err != nil:
		return nil, problem.New(problem.Station, "name a file that can be written", "%s: %w", flag, err)
	}
	return f, nil
}

func open(name string) (*os.File, error) {
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

// Trace opens a trace of packets, in which hide takes secrets out of texts; end it after use.
// Without a name there is none, and nothing to end.
func Trace(name string, hide func(string) string) (t *fastboot.Tracer, end func() error, err error) {
	if name == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := Create("--trace", name)
	if err != nil {
		return nil, nil, err
	}
	t = fastboot.NewTracer(f)
	t.Hide = hide
	return t, func() error { return errors.Join(t.Err(), f.Close()) }, nil
}
