package daemon

import (
	"errors"
	"testing"

	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/follow"
)

// What a follower says is shown while it holds, and what is wrong is warned of once.
func TestNewsOfATag(t *testing.T) {
	p := newPlace(t)
	d, err := New(t.Context(), p.options("A1=tcp:127.0.0.1:1"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	hear := d.heard()
	const told = "census 5.1 -> 5.2, signed by release: "
	news := follow.News{Tag: registry.Reference{Host: "reg", Repository: "census", Tag: "stable"}, Name: "census", From: "5.1",
		To: "5.2", Signer: "release"}
	for _, step := range []struct {
		stage    follow.Stage
		wrong    error
		key      string
		words    string
		warnings int
	}{
		{follow.Coming, nil, "follow-coming", "census 5.1 -> 5.2, signed by release", 0},
		{follow.Taking, nil, "follow-coming", "census 5.1 -> 5.2, signed by release", 0},
		{follow.Took, nil, "", "", 0},
		{follow.Away, errors.New("no route"), "follow-away", told + "no route", 1},
		{follow.Away, errors.New("no route"), "follow-away", told + "no route", 1},
		{follow.Refused, errors.New("not signed"), "follow-refused", told + "not signed", 2},
		{follow.Same, nil, "", "", 2},
		{follow.Refused, errors.New("not signed"), "follow-refused", told + "not signed", 3},
	} {
		news.Stage, news.Problem = step.stage, step.wrong
		hear(news)
		shown := d.Station.View().Banners
		if step.key == "" && len(shown) != 0 || step.key != "" && (len(shown) != 1 || shown[0].Key != step.key || shown[0].Words != step.words) {
			t.Errorf("%v: %+v", step.stage, shown)
		}
		if len(p.warned) != step.warnings {
			t.Errorf("%v: warned %q", step.stage, p.warned)
		}
	}
}
