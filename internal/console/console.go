// Package console is who is at the other end of a command: a person at a terminal, or a
// script. It knows where they read and write, which language they speak, how much they want
// to hear, and whether they can be asked.
//
// An answer is a document for a script and a text for a person ([Console.Answer]); what is
// said beside it goes to Err in their language.
package console

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/words"
)

// Console is the other end of one command.
type Console struct {
	In       io.Reader
	Out, Err io.Writer
	Words    *words.Words

	JSON    bool // documents and events, no texts
	Quiet   bool // results and errors, nothing else
	Verbose bool
	NoColor bool
	NoInput bool // nobody is asked
	Yes     bool // what is asked is answered with yes

	Stop <-chan struct{} // when it is closed, a question is answered with no; nil: never
}

// Warnf tells of what stops nothing.
func (c *Console) Warnf(format string, args ...any) {
	fmt.Fprintf(c.Err, "zarya: %s\n", c.Words.Sayf("warning: %s", c.Words.Sayf(format, args...)))
}

// Sayf tells a person something, on a line.
func (c *Console) Sayf(format string, args ...any) {
	fmt.Fprintln(c.Err, c.Words.Sayf(format, args...))
}

// Notef is Sayf unless only results and errors are wanted.
func (c *Console) Notef(format string, args ...any) {
	if !c.Quiet {
		c.Sayf(format, args...)
	}
}

// Progressf says how something goes that takes long, to whoever watches it.
func (c *Console) Progressf(format string, args ...any) {
	if !c.Quiet && !c.JSON {
		fmt.Fprintln(c.Err, " ", c.Words.Sayf(format, args...))
	}
}

// Document prints an answer that is a document for everybody.
func (c *Console) Document(kind string, items any) error { return show.Document(c.Out, kind, items) }

// Answer prints an answer: its items as a document of a kind, or its text.
func (c *Console) Answer(kind string, items any, text func(io.Writer) error) error {
	if c.JSON {
		return c.Document(kind, items)
	}
	return text(c.Out)
}

// Item is what has a text beside its place in a document.
type Item interface {
	Text(w io.Writer, ws *words.Words)
}

// Items prints an answer whose text is that of its items, one after another.
func Items[T Item](c *Console, kind string, items []T) error {
	return c.Answer(kind, append([]T{}, items...), func(w io.Writer) error {
		for _, it := range items {
			it.Text(w, c.Words)
		}
		return nil
	})
}

// Line is the text of an answer that is one sentence.
func (c *Console) Line(format string, args ...any) func(io.Writer) error {
	return Linef("%s", c.Words.Sayf(format, args...))
}

// Linef is the text of an answer that is one line, the same in every language.
func Linef(format string, args ...any) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	}
}

// Terminal is the file behind a stream that is a terminal; nil if it is none.
func Terminal(stream any) *os.File {
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// Color reports whether what is written to w may have colours.
func (c *Console) Color(w io.Writer) bool {
	return !c.NoColor && os.Getenv("NO_COLOR") == "" && !Dumb() && Terminal(w) != nil
}

// Dumb reports whether the terminal can only have lines written to it.
func Dumb() bool { return os.Getenv("TERM") == "dumb" }

// Askable fails where nobody can be asked for a yes; hint says which flag is one.
func (c *Console) Askable(hint, format string, args ...any) error {
	if c.NoInput || Terminal(c.In) == nil {
		return problem.New(problem.Usage, hint, format+", and nobody can be asked", args...)
	}
	return nil
}

// Agreed asks a question, unless Yes has answered it. ^C is a no.
func (c *Console) Agreed(question string) bool {
	p := prompt{In: c.In, Out: c.Err, Stop: c.Stop, Choice: c.Words.Say("[y/N]")}
	return c.Yes || p.Agreed(c.Words.Say(question))
}

// Confirmed asks before something that cannot be taken back; no is an error.
func (c *Console) Confirmed(question string) error {
	if c.Yes {
		return nil
	}
	if err := c.Askable("add --yes", "this cannot be taken back"); err != nil {
		return err
	}
	if !c.Agreed(question) {
		return problem.New(problem.Usage, "", "nothing was changed")
	}
	return nil
}
