package label

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/words"
)

// A Russian label is read by people in Russian, and by machines as any other.
func TestRussianLabel(t *testing.T) {
	bench := passed()
	bench.Result, bench.Class, bench.Golden = "fail", flash.ClassCable, true
	l, err := Of(bench, words.For("ru"))
	if err != nil {
		t.Fatal(err)
	}
	l.Copy = 2
	if want := must(t, bench).Data(); l.Data() != want {
		t.Errorf("%s, not %s", l.Data(), want)
	}
	d, err := l.layout(Usual)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, text := range d.texts {
		lines = append(lines, text.s)
	}
	said := strings.Join(lines, "\n")
	for _, want := range []string{"СБОЙ кабель", "AGS3-L09 образец", "bench-3-1042 копия 2", "26.11.2026 "} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
	for _, id := range []string{"boot", "operator", "profile"} { // no reason is cut
		bench.Class = flash.Class(id)
		l, err := Of(bench, words.For("ru"))
		if err != nil {
			t.Fatal(err)
		}
		if d, err := l.layout(Usual); err != nil || d.texts[0].s != l.Said {
			t.Errorf("%q, not %q: %v", d.texts[0].s, l.Said, err)
		}
	}
	square, linear := decoded(t, l, Usual)
	if strings.Join(linear, " ") != "INV-004821 EPHUT20A05001234" || !strings.Contains(square, "result=FAIL+cable") {
		t.Errorf("%q %q", square, linear)
	}
}
