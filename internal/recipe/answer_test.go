package recipe

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
)

func TestAnswers(t *testing.T) {
	for text, want := range map[string]flash.Answer{
		`{"say":"run"}`: {Say: flash.SayRun}, " {\"say\":\"run\",\"reason\":\"order 17\"}\n": {Say: flash.SayRun, Reason: "order 17"},
		`{"say":"skip","reason":"not here"}`: {Say: flash.SaySkip, Reason: "not here"}, `{"say":"abort","reason":"a\tb"}`: {Say: flash.SayAbort},
	} {
		a, err := parseAnswer([]byte(text))
		if err != nil || a.Say != want.Say || want.Reason != "" && a.Reason != want.Reason || strings.Contains(a.Reason, "\t") {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
	for _, text := range []string{"", "run", "<html>502</html>", `"run"`, "null", "[]", `{}`, `{"say":"RUN"}`, `{"say":"maybe","reason":"x"}`,
		`{"say":"skip"}`, `{"say":"abort","reason":"  "}`, `{"say":"run","extra":1}`, `{"say":"run"} {"say":"skip","reason":"x"}`,
		`{"say":"run"} x`, `{"say":1}`, `{"say":"run","reason":"` + strings.Repeat("x", maxAnswer) + `"}`} {
		if a, err := parseAnswer([]byte(text)); err == nil {
			t.Errorf("%.80s is understood as %+v", text, a)
		}
	}
	var b bounded
	for range 100 {
		if n, err := b.Write(make([]byte, 1000)); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if b.Len() != maxAnswer+1 {
		t.Errorf("%d bytes are kept", b.Len())
	}
}
