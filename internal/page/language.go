// This file is the language: a switch at the top of each page, and a cookie that remembers it.
// A browser that chose none sees the station's own.

package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/words"
)

const languageCookie = "zarya-lang"

// spokenHandler answers a request in the server's language.
type spokenHandler func(*Server, http.ResponseWriter, *http.Request)

// inLanguages gives each request to the server that speaks the browser's language. All of them
// share what they count and read.
func (s *Server) inLanguages() func(spokenHandler) http.HandlerFunc {
	speakers := map[string]*Server{}
	for _, lang := range words.Languages {
		speaker := *s
		speaker.o.Words, speaker.drawn = words.For(lang), &drawn{}
		speakers[lang] = &speaker
	}
	return func(h spokenHandler) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			speaker := speakers[s.o.Words.Lang()]
			if c, err := r.Cookie(languageCookie); err == nil && speakers[c.Value] != nil {
				speaker = speakers[c.Value]
			}
			h(speaker, w, r)
		}
	}
}

// languages are what there is to choose from.
func (s *Server) languages() (list []choice) {
	for _, lang := range words.Languages {
		list = append(list, choice{Value: lang, Name: strings.ToUpper(lang), Now: lang == s.o.Words.Lang()})
	}
	return list
}

// choose remembers a language and shows the same page again.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	if !s.form(w, r) {
		return
	}
	lang := r.PostForm.Get("lang")
	if !slices.Contains(words.Languages, lang) {
		text(w, http.StatusBadRequest, "there is no such language")
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; loopback has none
		Name: languageCookie, Value: lang, Path: "/", HttpOnly: true,
		Secure: s.tls != nil, SameSite: http.SameSiteStrictMode, MaxAge: int((365 * 24 * time.Hour).Seconds())})
	http.Redirect(w, r, lookedAt(r), http.StatusSeeOther)
}

// lookedAt is the page that a form was sent from, or the board if that one cannot be asked
// for again.
func lookedAt(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || from.Host != r.Host || from.Path == "/order" || !strings.HasPrefix(from.Path, "/") ||
		strings.HasPrefix(from.Path, "//") || strings.ContainsRune(from.Path, '\\') {
		return "/"
	}
	return (&url.URL{Path: from.Path, RawQuery: from.RawQuery}).String()
}
