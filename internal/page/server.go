// This file is the server: where it listens, what it refuses before anything else looks at a
// request, and how long a client may take.

package page

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"html/template"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/traces"
	"github.com/zarya-station/zarya/internal/words"
)

// Bounds of what a client may do.
const (
	maxBody    = 64 << 10
	maxHeader  = 16 << 10
	maxStreams = 100
	minToken   = 16 // characters: fewer can be guessed

	clientSlow = 10 * time.Second // what one request, or one event, may take to be sent
)

//go:embed static templates
var files embed.FS

// Options are what a page needs.
type Options struct {
	Words   *words.Words
	Listen  string   // host:port
	Token   string   // who has it may look and decide; "" on loopback only: everybody may
	Cert    string   // file with the certificate chain; "" on loopback only: no TLS
	Key     string   // file with its key
	Hosts   []string // further names under which this machine is reached
	Version string   // of the program
	// Records are the jobs that were recorded. It may be nil.
	Records Records
	// Count gives what the report is counted from. It may be nil.
	Count Counter
	// Trace is what went over a job's wire, as far as it is kept. It may be nil.
	Trace func(job string) ([]traces.Line, error)
	// Queues say how far what keeps records is behind, by name. It may be nil.
	Queues map[string]func() Queue
	// Heads keeps signed heads of other stations, which need no token. It may be nil.
	Heads http.Handler
	// Log is told what a person should know of. It may be nil.
	Log func(format string, args ...any)
}

// Server is a page that listens. Its Observe may be called at once; it answers from Serve on.
type Server struct {
	o         Options
	listener  net.Listener
	tls       *tls.Config                   // nil: none
	host      string                        // of Listen
	templates map[string]*template.Template // of each language
	metrics   *metrics
	front     station.Front
	streams   chan struct{} // one for each that is open

	drawn   *drawn // in the language of o.Words
	reports *reports
	recent  *recent
	reading *sync.Mutex // held while one job or one tablet is looked up
}

// New listens. An address that others reach is refused without TLS and a token.
func New(o Options) (*Server, error) {
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, problem.New(problem.Usage, "give HOST:PORT, such as 127.0.0.1:8420, or none", "--listen %s: %w", o.Listen, err)
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if !loopback(host) && (o.Cert == "" || o.Key == "" || o.Token == "") {
		return nil, problem.New(problem.Usage, "add --page-cert, --page-key and --page-token-file, or listen on 127.0.0.1",
			"--listen %s is reached by others: it needs TLS and a token", o.Listen)
	}
	if (o.Cert == "") != (o.Key == "") {
		return nil, problem.New(problem.Usage, "add the other one", "--page-cert and --page-key need each other")
	}
	if o.Token != "" && len(o.Token) < minToken {
		return nil, problem.New(problem.Usage, "make one: openssl rand -hex 16", "the page's token has fewer than %d characters", minToken)
	}
	s := &Server{o: o, host: host, streams: make(chan struct{}, maxStreams), templates: map[string]*template.Template{},
		drawn: &drawn{}, reports: &reports{}, recent: &recent{}, reading: &sync.Mutex{}}
	if o.Cert != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return nil, problem.New(problem.Usage, "name a PEM certificate and its key", "--page-cert %s, --page-key %s: %w", o.Cert, o.Key, err)
		}
		s.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	for _, lang := range words.Languages {
		if s.templates[lang], err = parse(words.For(lang)); err != nil {
			return nil, err
		}
	}
	s.metrics = newMetrics(s, o.Version)
	if s.listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", o.Listen); err != nil {
		return nil, problem.New(problem.Station, "choose another port with --listen, or none", "the page cannot listen: %w", err)
	}
	return s, nil
}

// loopback reports whether only this machine reaches a host.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Addr is where the page listens, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close gives the address up again, for a page that is never served.
func (s *Server) Close() { _ = s.listener.Close() }

// Serve shows the station until ctx ends, and returns when no request is left.
func (s *Server) Serve(ctx context.Context, front station.Front) error {
	s.front = front
	streams, endStreams := context.WithCancel(ctx)
	defer endStreams()
	server := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: clientSlow / 2,
		ReadTimeout:       clientSlow,
		WriteTimeout:      2 * clientSlow,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		TLSConfig:         s.tls,
		BaseContext:       func(net.Listener) context.Context { return streams },
		ErrorLog:          nil,
	}
	closed := make(chan struct{})
	unasked := context.AfterFunc(ctx, func() {
		defer close(closed)
		endStreams()
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close()
		}
	})
	var err error
	if s.tls != nil {
		err = server.ServeTLS(s.listener, "", "")
	} else {
		err = server.Serve(s.listener)
	}
	if unasked() { // it ended by itself
		return errors.Join(err, server.Close())
	}
	<-closed
	return nil
}

// handler is everything, from the outside in.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	static, _ := fs.Sub(files, "static") // it is there: it is embedded
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("POST /language", s.choose)
	spoken := s.inLanguages()
	mux.HandleFunc("GET /login", spoken((*Server).login))
	mux.HandleFunc("POST /login", spoken((*Server).login))
	known := func(pattern string, h spokenHandler) { mux.Handle(pattern, s.known(spoken(h))) }
	known("GET /{$}", (*Server).board)
	known("GET /events", (*Server).events)
	known("GET /jobs", (*Server).jobs)
	known("GET /job/{id}", (*Server).job)
	known("GET /job/{id}/trace", (*Server).download)
	known("GET /tablet", (*Server).tablet)
	known("GET /port/{name}", (*Server).port)
	known("GET /report", (*Server).report)
	known("GET /supervisor", (*Server).supervisor)
	known("GET /confirm", (*Server).confirm)
	known("POST /order", (*Server).order)
	mux.Handle("GET /metrics", s.known(s.metrics.ServeHTTP))
	if s.o.Heads != nil {
		mux.Handle("POST /heads", s.o.Heads)
		mux.Handle("GET /heads/{station}", s.o.Heads)
	}

	same := http.NewCrossOriginProtection()
	return s.guard(same.Handler(http.MaxBytesHandler(mux, maxBody)))
}

// guard refuses requests for another host and says what a browser may do with an answer.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "+
			"img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.ours(r) {
			text(w, http.StatusMisdirectedRequest, "this is the page of a station, and not of the host that was asked for")
			return
		}
		if r.ContentLength > maxBody {
			text(w, http.StatusRequestEntityTooLarge, "that is more than any form here has")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ours reports whether a request is for this host: under the name that was listened on, the
// address that it came in at, a name that the certificate is for, or one of Hosts.
func (s *Server) ours(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "" {
		return false
	}
	at, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if ok && loopback(host) && at.IP.IsLoopback() || host == s.host {
		return true
	}
	if ip, err := netip.ParseAddr(host); ok && err == nil && ip.Unmap() == at.AddrPort().Addr().Unmap() {
		return true
	}
	for _, name := range s.o.Hosts {
		if strings.EqualFold(name, host) {
			return true
		}
	}
	return s.tls != nil && s.tls.Certificates[0].Leaf != nil && s.tls.Certificates[0].Leaf.VerifyHostname(host) == nil
}

// ready says whether a tablet that is plugged in now would be worked on.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	v := s.front.View()
	for _, b := range v.Banners {
		if b.Urgent {
			text(w, http.StatusServiceUnavailable, b.Key)
			return
		}
	}
	if v.Draining {
		text(w, http.StatusServiceUnavailable, "drain")
		return
	}
	text(w, http.StatusOK, "ready")
}

// text is an answer for programs.
func text(w http.ResponseWriter, code int, line string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(line + "\n"))
}
