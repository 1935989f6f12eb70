// This file is the token: a form for people, a header for programs.

package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const cookieName = "zarya"

// cookie is what a browser keeps: made of the token, and not the token.
func (s *Server) cookie() string {
	m := hmac.New(sha256.New, []byte(s.o.Token))
	_, _ = m.Write([]byte("zarya page"))
	return hex.EncodeToString(m.Sum(nil))
}

// same compares in a time that says nothing of either, not even their lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// trusted reports whether a request came with the token.
func (s *Server) trusted(r *http.Request) bool {
	if s.o.Token == "" {
		return true
	}
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(given, s.o.Token)
	}
	c, err := r.Cookie(cookieName)
	return err == nil && same(c.Value, s.cookie())
}

// known lets in who has the token. A person who looks is sent to the form.
func (s *Server) known(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.trusted(r):
			next(w, r)
		case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", "Bearer")
			text(w, http.StatusUnauthorized, "the station's token is needed: Authorization: Bearer TOKEN")
		}
	})
}

// login is the form for the token.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	code, wrong := http.StatusOK, false
	if r.Method == http.MethodPost {
		if !s.form(w, r) {
			return
		}
		if s.o.Token == "" || same(strings.TrimSpace(r.PostForm.Get("token")), s.o.Token) {
			http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever there is TLS; loopback has none
				Name: cookieName, Value: s.cookie(), Path: "/", HttpOnly: true,
				Secure: s.tls != nil, SameSite: http.SameSiteStrictMode, MaxAge: int((30 * 24 * time.Hour).Seconds())})
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
		code, wrong = http.StatusForbidden, true
		s.o.Log("the page: a wrong token from %s", r.RemoteAddr)
	}
	s.render(w, code, "login", loginPage{s.head("login"), wrong})
}

// form reads what a form sent; false: it was refused.
func (s *Server) form(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		code := http.StatusBadRequest
		if strings.Contains(err.Error(), "too large") {
			code = http.StatusRequestEntityTooLarge
		}
		text(w, code, "the form cannot be read")
		return false
	}
	return true
}
