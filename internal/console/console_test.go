package console

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/words"
)

func speaking(language string) (c *Console, out, errs *bytes.Buffer) {
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	return &Console{In: strings.NewReader(""), Out: out, Err: errs, Words: words.For(language)}, out, errs
}

type line string

func (l line) Text(w io.Writer, _ *words.Words) { _, _ = io.WriteString(w, string(l)+"\n") }

func TestAnAnswerIsADocumentForAScript(t *testing.T) {
	c, out, _ := speaking("en")
	if err := Items(c, "lines", []line{"one", "two"}); err != nil || out.String() != "one\ntwo\n" {
		t.Errorf("%q, %v", out, err)
	}
	c.JSON = true
	for _, list := range [][]line{{"one"}, nil} {
		out.Reset()
		if err := Items(c, "lines", list); err != nil || !strings.Contains(out.String(), `"kind":"lines","items":[`) {
			t.Errorf("%q, %v", out, err)
		}
	}
	out.Reset()
	c.JSON = false
	if err := c.Answer("n", nil, Linef("%d of %d", 1, 2)); err != nil || out.String() != "1 of 2\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestWhatIsSaidIsOnlyForWhoWantsIt(t *testing.T) {
	for _, q := range []struct {
		quiet, json bool
		want        string
	}{
		{false, false, "said\nnoted\n  going\nzarya: warning: mind\n"},
		{false, true, "said\nnoted\nzarya: warning: mind\n"},
		{true, false, "said\nzarya: warning: mind\n"},
	} {
		c, out, errs := speaking("en")
		c.Quiet, c.JSON = q.quiet, q.json
		c.Sayf("said")
		c.Notef("noted")
		c.Progressf("going")
		c.Warnf("mind")
		if errs.String() != q.want || out.Len() > 0 {
			t.Errorf("%+v: %q, and %q on stdout", q, errs, out)
		}
	}
}

func TestNobodyIsAskedWithoutATerminal(t *testing.T) {
	c, _, errs := speaking("en")
	err := c.Confirmed("Burn all")
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage || errs.Len() > 0 {
		t.Errorf("%v; asked %q", err, errs)
	}
	if c.Color(c.Out) || Terminal(c.Out) != nil {
		t.Error("a buffer is taken for a terminal")
	}
	c.Yes = true
	if err := c.Confirmed("Burn all"); err != nil || !c.Agreed("Sure") || errs.Len() > 0 {
		t.Errorf("--yes: %v, %q", err, errs)
	}
}

func TestAQuestionIsAskedInTheirLanguage(t *testing.T) {
	c, _, errs := speaking("ru")
	c.In = strings.NewReader("д\n")
	if !c.Agreed("x") || !strings.Contains(errs.String(), "x? ") {
		t.Errorf("asked %q", errs)
	}
	c.In = strings.NewReader("\n")
	if c.Agreed("x") {
		t.Error("an empty line is a yes")
	}
	stop := make(chan struct{})
	close(stop)
	c.Stop, c.In = stop, strings.NewReader("y\n")
	if c.Agreed("x") {
		t.Error("^C is a yes")
	}
}
