package console

import (
	"io"
	"strings"
	"testing"
)

func TestOnlyYesIsAYes(t *testing.T) {
	for said, want := range map[string]bool{"y\n": true, " YES \n": true, "yes": true,
		"Да\n": true, "д\n": true, "": false, "n\n": false, "yesterday\n": false} {
		var out strings.Builder
		if got := (prompt{In: strings.NewReader(said), Out: &out}).Agreed("Wipe it"); got != want || out.String() != "Wipe it? [y/N] " {
			t.Errorf("%q: %v after %q", said, got, out.String())
		}
	}
}

func TestAStopIsANo(t *testing.T) {
	in, typing := io.Pipe()
	defer typing.Close()
	stop := make(chan struct{})
	asked, out := io.Pipe()
	go func() {
		_, _ = io.ReadFull(asked, make([]byte, len("Wipe it? [y/N] ")))
		close(stop)
		_, _ = io.Copy(io.Discard, asked)
	}()
	p := prompt{In: in, Out: out, Stop: stop}
	if p.Agreed("Wipe it") || p.Agreed("Wipe the next") {
		t.Error("a stop is a yes")
	}
	_ = out.Close()
}
