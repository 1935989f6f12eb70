// This file asks a person on a terminal.

package console

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// prompt is where is asked.
type prompt struct {
	In   io.Reader
	Out  io.Writer
	Stop <-chan struct{} // when it is closed, the answer is no

	Choice string // the answers that there are, such as [y/N]
}

// Agreed asks a question, to which only y, yes, д and да are a yes.
func (p prompt) Agreed(question string) bool {
	select {
	case <-p.Stop: // at the question before
		return false
	default:
	}
	fmt.Fprintf(p.Out, "%s? %s ", question, cmp.Or(p.Choice, "[y/N]"))
	said := make(chan string, 1)
	go func() { // a terminal gives one line at a time: nothing of the next is read
		line, _ := bufio.NewReader(io.LimitReader(p.In, 64)).ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case line := <-said:
		return slices.Contains([]string{"y", "yes", "д", "да"}, line)
	case <-p.Stop:
		fmt.Fprintln(p.Out)
		return false
	}
}
