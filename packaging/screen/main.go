// Command screen reads what a program writes to a terminal of 80x24, and writes what can be read
// on it: all rows, and a NUL after them, each time that they change. What the program writes is
// differences; a word can come in pieces, so nothing is searched for in it.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/x/vt"
)

func main() {
	if err := follow(os.Stdin, os.Stdout); err != nil { //nolint:forbidigo // a program of its own
		fmt.Fprintln(os.Stderr, "screen:", err) //nolint:forbidigo // a program of its own
		os.Exit(1)
	}
}

func follow(written io.Reader, screens io.Writer) error {
	screen := vt.NewEmulator(80, 24)
	go func() { _, _ = io.Copy(io.Discard, screen) }() // its answers; nobody here sends them back
	shown, some := "", make([]byte, 4096)
	for {
		n, err := written.Read(some)
		if _, err := screen.Write(some[:n]); err != nil {
			return err
		}
		if now := screen.String(); now != shown {
			shown = now
			if _, err := io.WriteString(screens, now+"\x00"); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
