// This file has what is shown, over real connections: that it is there, escaped, and in words.

package page

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

func TestPagesShowAndEscape(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Records: filled()})
	for path, wants := range map[string][]string{
		"/": {"A3: set aside: bootloader is locked", "A1: take out", "flash 63%", "1:20 left",
			"3:12", "214", "97.2 %", `value="63"`, "<svg", "…4821", "plan 40"},
		"/jobs":                     {"2 tablets", "HT4821", "/job/j2", "FAIL", "try 2", "golden"},
		"/job/j2":                   {"flash:system", "1:24", "3.1 GB", "A3: set aside: bootloader is locked", "hostname", "bench3-48213"},
		"/job/j0":                   {"HT4821", "STOPPED", "/job/j1", "rework"},
		"/tablet?serial=HT4821":     {"2 tries", "/job/j1", "/job/j0", "rework", "golden"},
		"/port/A3":                  {"FAIL", "(bootloader)", "/confirm", "/job/j2", "/job/j0"},
		"/supervisor":               {"P-118", "17"},
		"/confirm?do=clear&port=A3": {"Clear A3?", `action="/order"`},
	} {
		res, body := get(t, base+path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, res.Status)
		}
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %q:\n%s", path, want, body)
			}
		}
		for _, bad := range []string{"<script>alert", "<script>words", "style=", "<style", "onclick", "http://", "https://", "ZgotmplZ", "\x1b"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") ||
			strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
	for _, path := range []string{"/job/none", "/port/Z9", "/nothing", "/confirm?do=clear&port=Z9", "/tablet?serial=none", "/tablet"} {
		if res, _ := get(t, base+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, res.Status)
		}
	}
}

func TestAllWordsAreThere(t *testing.T) {
	for _, lang := range words.Languages {
		w := words.For(lang)
		for _, s := range portStates {
			if !w.Has("state." + string(s)) {
				t.Errorf("%s: no words for state %s", lang, s)
			}
		}
		var questions []decision
		for do, of := range decisions {
			if of != ofJob {
				questions = append(questions, decision{Order: station.Order{Do: do}})
			}
		}
		for _, becomes := range station.Dispositions {
			questions = append(questions, decision{Order: station.Order{Do: station.OrderDisposition, Disposition: becomes}})
			if !w.Has("fate." + becomes) {
				t.Errorf("%s: no words for %s", lang, becomes)
			}
		}
		for _, q := range questions {
			if text := (&Server{o: Options{Words: w}}).question(q); strings.HasPrefix(text, "page.") {
				t.Errorf("%s: no question for %+v: %s", lang, q, text)
			}
		}
		s := &Server{o: Options{Words: w}}
		pages, err := parse(w)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for name, data := range map[string]any{"login": loginPage{}, "supervisor": supervisorPage{},
			"jobs": jobsPage{Newer: "x", Older: "x", Any: true}, "tablet": tabletPage{},
			"job": jobPage{Becomes: []choice{{"scrap", "", false}}, Past: []row{{}}, Lines: []string{"x"}}, "error": errorPage{},
			"report": reportPage{}, "port": portPage{Clear: true, Stop: true, Job: "x", Past: []row{{}}, More: "x"},
			"confirm": confirmPage{}, "fragment": s.face(oneView())} {
			if err := pages.ExecuteTemplate(&b, name, data); err != nil {
				t.Error(err)
			}
		}
		for _, id := range []string{"page.", "board.", "label.", "job."} {
			if _, after, found := strings.Cut(b.String(), ">"+id); found {
				t.Errorf("%s: no words for %s%.20s", lang, id, after)
			}
		}
	}
}

func TestReady(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{})
	if res, _ := get(t, base+"/readyz"); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
	f.set(func(v *station.View) { v.Banners = []station.Notice{{Key: "disk-full", Urgent: true}} })
	if res, body := get(t, base+"/readyz"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "disk-full") {
		t.Error(res.Status, body)
	}
	if res, _ := get(t, base+"/healthz"); res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
	if _, body := get(t, base+"/"); !strings.Contains(body, "DISK FULL") {
		t.Error("the board does not say it")
	}
}
