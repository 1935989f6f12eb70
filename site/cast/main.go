// Command cast makes a film, as SVG, of a terminal session that script(1) recorded:
// scripts/record.sh.
//
// usage: cast TIMING OUTPUT COLUMNS ROWS TITLE > film.svg
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/charmbracelet/x/vt"

	"github.com/zarya-station/zarya/internal/termsvg"
)

func main() {
	if err := film(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cast:", err) //nolint:forbidigo // a program of its own
		os.Exit(1)
	}
}

const (
	between = 500 * time.Millisecond  // frames of a film
	longest = 1500 * time.Millisecond // nobody watches a screen that does not change for longer
	hold    = 6 * time.Second         // how long the last frame stands
)

func film(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("usage: cast TIMING OUTPUT COLUMNS ROWS TITLE")
	}
	timing, err := os.Open(args[0]) //nolint:gosec // the files that its caller names
	if err != nil {
		return err
	}
	defer timing.Close()                //nolint:errcheck // it was read only
	output, err := os.ReadFile(args[1]) //nolint:gosec // the files that its caller names
	if err != nil {
		return err
	}
	columns, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	rows, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	screen := vt.NewEmulator(columns, rows)
	frames := []termsvg.Frame{{Rows: termsvg.Rows(screen)}}
	var now, shown time.Duration
	lines := bufio.NewScanner(timing)
	for lines.Scan() {
		var seconds float64
		var n int
		if _, err := fmt.Sscan(lines.Text(), &seconds, &n); err != nil {
			return err
		}
		now += min(longest, time.Duration(seconds*float64(time.Second)))
		if now-shown >= between {
			frames, shown = add(frames, shown, screen), now
		}
		if _, err := screen.Write(output[:min(n, len(output))]); err != nil {
			return err
		}
		output = output[min(n, len(output)):]
	}
	if err := lines.Err(); err != nil {
		return err
	}
	frames = add(frames, now, screen)
	fmt.Print(termsvg.Film(frames, columns, rows, args[4], hold)) //nolint:forbidigo // a program of its own
	return nil
}

// add keeps what is on the screen, if it is something new.
func add(frames []termsvg.Frame, at time.Duration, screen *vt.Emulator) []termsvg.Frame {
	rows := termsvg.Rows(screen)
	if slices.Equal(rows, frames[len(frames)-1].Rows) {
		return frames
	}
	return append(frames, termsvg.Frame{At: at, Rows: rows})
}
