// This file is what all pages have: templates, the frame, how a page is sent.

package page

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zarya-station/zarya/internal/words"
)

// parse reads the templates. {{t "id" "name" value}} in them is what is said with an id.
func parse(w *words.Words) (*template.Template, error) {
	s := &Server{o: Options{Words: w}}
	return template.New("").Funcs(template.FuncMap{"t": s.text}).ParseFS(files, "templates/*.html")
}

// head is what all pages have.
type head struct {
	Lang, Title, Lot, Operator string
	Tab                        string
	Live                       bool // loads itself anew where there is no script
	Languages                  []choice
}

func (s *Server) head(tab string) head {
	h := head{Lang: s.o.Words.Lang(), Tab: tab, Languages: s.languages()}
	if tab == "login" { // who has no token learns nothing
		h.Title = "Zarya"
		return h
	}
	v := s.front.View()
	h.Title = s.text("page.title", "station", v.Station)
	if v.Lot != "" {
		h.Lot = s.text("label.lot", "lot", v.Lot)
	}
	if v.Operator != "" {
		h.Operator = s.text("label.operator", "name", v.Operator)
	}
	return h
}

type (
	loginPage struct {
		head
		Wrong bool
	}
	boardPage struct {
		head
		Board template.HTML
		Now   string // the station's time
	}
	errorPage struct {
		head
		Code    int
		Message string
		Back    string
	}
)

// pair is a name and a value.
type pair struct{ Name, Value string }

func pairs(all ...pair) []pair {
	return slices.DeleteFunc(all, func(p pair) bool { return p.Value == "" })
}

// render sends a page.
func (s *Server) render(w http.ResponseWriter, code int, name string, data any) {
	var b bytes.Buffer
	if err := s.templates[s.o.Words.Lang()].ExecuteTemplate(&b, name, data); err != nil {
		s.o.Log("the page: %v", err)
		text(w, http.StatusInternalServerError, "the page cannot be shown; the station goes on")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, visible(b.String()))
}

// visible is HTML without what moves a cursor or turns the reading direction around. Text
// from tablets has none of it; this is the page's own door.
func visible(html string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, html)
}

func (s *Server) fail(w http.ResponseWriter, code int, message, back string) {
	s.render(w, code, "error", errorPage{s.head(""), code, message, back})
}

func (s *Server) board(w http.ResponseWriter, _ *http.Request) {
	html, err := s.fragment()
	if err != nil {
		s.o.Log("the page: %v", err)
	}
	h := s.head("station")
	h.Live = true
	s.render(w, http.StatusOK, "board",
		boardPage{h, template.HTML(html), time.Now().Format("15:04:05")}) //nolint:gosec // made by html/template
}
