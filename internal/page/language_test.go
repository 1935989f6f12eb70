package page

import (
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/words"
)

// Who chose a language sees it on every page, and in what the stream sends; who chose none
// sees the station's.
func TestLanguageIsChosenAndRemembered(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Words: words.For("ru")})
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	do := func(r *http.Request) *http.Response {
		t.Helper()
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	page := func(path string) string {
		t.Helper()
		r := request(t, http.MethodGet, base+path, "")
		for _, c := range jar.Cookies(r.URL) {
			r.AddCookie(c)
		}
		_, body := ask(t, r)
		return body
	}
	if body := page("/jobs?days=7"); !strings.Contains(body, `<html lang="ru">`) || !strings.Contains(body, "Планшеты") ||
		!strings.Contains(body, `value="ru" lang="ru" aria-pressed="true"`) {
		t.Fatalf("not in the station's language: %s", body)
	}
	r := request(t, http.MethodPost, base+"/language", "lang=en")
	r.Header.Set("Referer", base+"/jobs?days=7")
	if res := do(r); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/jobs?days=7" {
		t.Errorf("%s to %s", res.Status, res.Header.Get("Location"))
	}
	for _, path := range []string{"/", "/jobs", "/supervisor", "/login"} {
		body := page(path)
		if !strings.Contains(body, `<html lang="en">`) || !strings.Contains(body, `value="en" lang="en" aria-pressed="true"`) {
			t.Errorf("%s is not in the language that was chosen", path)
		}
	}
	if body := page("/"); strings.ContainsAny(strings.ReplaceAll(body, "язык", ""), "абвгдежзийклмнопрстуфхцчшщ") {
		t.Error("the board has Russian words")
	}
	if res, body := get(t, base+"/"); res.StatusCode != http.StatusOK || !strings.Contains(body, `<html lang="ru">`) {
		t.Error("another browser is asked for its language")
	}
	for _, referer := range []string{"http://evil.example/x", base + "//evil.example", base + "/order", "::", ""} {
		r := request(t, http.MethodPost, base+"/language", "lang=ru")
		r.Header.Set("Referer", referer)
		if res := do(r); res.Header.Get("Location") != "/" {
			t.Errorf("from %q to %q", referer, res.Header.Get("Location"))
		}
	}
	res := do(request(t, http.MethodPost, base+"/language", "lang=de"))
	if res.StatusCode != http.StatusBadRequest || len(res.Cookies()) != 0 {
		t.Errorf("a language without words: %s", res.Status)
	}
}
