// This file is the station's page, and its life beside the station.

package daemon

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/page"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/traces"
	"github.com/zarya-station/zarya/internal/ui"
)

// Page is where the page is, and who may see it.
type Page struct {
	Listen    string // host:port, or none
	TokenFile string // "" is no token
	Cert, Key string // files
	Asked     bool   // somebody asked for this address: not having it is an error
	// WitnessFor is the file of keys of stations whose heads are kept here; "" is none.
	WitnessFor string
}

// queues are what keeps records, here and in the fleet.
func queues(o Options) map[string]func() page.Queue {
	q := map[string]func() page.Queue{"ledger": func() page.Queue { return page.Queue(o.Ledger.Lag()) }}
	if o.Outbox != nil {
		q["outbox"] = func() page.Queue {
			s := o.Outbox.State()
			return page.Queue{Pending: int(s.Waiting), Oldest: s.Oldest, Written: s.Contact}
		}
	}
	return q
}

// server is a page that listens already; nil: none is wanted.
type server struct{ *page.Server }

// listen opens the page.
func listen(o Options, kept *traces.Store) (*server, error) {
	if o.Page.Listen == "none" && o.Page.WitnessFor != "" {
		return nil, problem.New(problem.Usage, "give the page an address, or take witness-for away",
			"heads of other stations come to the page, and there is none")
	}
	if o.Page.Listen == "none" {
		return nil, nil //nolint:nilnil // no page is a page's absence, and all methods know it
	}
	token := ""
	if file := o.Page.TokenFile; file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // the file that the user names
		if err != nil {
			return nil, problem.New(problem.Usage, "make one: openssl rand -hex 16 > FILE", "--page-token-file: %w", err)
		}
		if token = strings.TrimSpace(string(text)); token == "" {
			return nil, problem.New(problem.Usage, "make one: openssl rand -hex 16 > FILE", "--page-token-file %s is empty", file)
		}
	}
	host, _ := os.Hostname() // "" is no further name
	var trace func(string) ([]traces.Line, error)
	if kept != nil {
		trace = kept.Lines
	}
	var heads http.Handler
	if file := o.Page.WitnessFor; file != "" {
		if _, err := evidence.LoadSigners(file); err != nil {
			return nil, err
		}
		heads = &evidence.Shelf{Dir: filepath.Join(filepath.Dir(o.Ledger.Path()), "heads"), Signers: file}
	}
	s, err := page.New(page.Options{Words: o.Words, Listen: o.Page.Listen, Token: token, Cert: o.Page.Cert, Key: o.Page.Key,
		Hosts: []string{host}, Version: o.Program, Log: o.Warn,
		Records: beside{o.Ledger}, Trace: trace,
		Queues: queues(o), Heads: heads,
		Count: func(ctx context.Context, since time.Time, add func(stats.Record)) error {
			return records.Beside(ctx, o.Ledger, func(l *ledger.Ledger) error {
				for r, err := range stats.FromLedger(ctx, l, since, time.Time{}) {
					if err != nil {
						return err
					}
					add(r)
				}
				return nil
			})
		}})
	if kind, _ := problem.KindOf(err); err != nil && kind == problem.Station && !o.Page.Asked {
		o.Warn("there is no page: %v (choose another address with --listen)", err)
		return nil, nil //nolint:nilnil // tablets matter more than a page that nobody asked for
	}
	if err != nil {
		return nil, err
	}
	return &server{s}, nil
}

// address is where the page is, to be shown.
func (p *server) address() string {
	if p == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(p.Addr())
	if name, herr := os.Hostname(); err == nil && herr == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort(name, port)
	}
	return p.Addr()
}

// sinks count what the engine tells.
func (p *server) sinks() []ui.Sink {
	if p == nil {
		return nil
	}
	return []ui.Sink{pageSink{p.Server}}
}

// serve shows the station until stop.
func (p *server) serve(s *station.Station, warn func(string, ...any)) (stop func()) {
	if p == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := p.Serve(ctx, s); err != nil {
			warn("the page ended, the station goes on: %v", err)
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// close gives the address up where nothing was served.
func (p *server) close() {
	if p != nil {
		p.Close()
	}
}

// pageSink is the page as a sink of events.
type pageSink struct{ server *page.Server }

func (c pageSink) Event(e flash.Event) { c.server.Observe(e) }

func (pageSink) Close() error { return nil }

// beside reads the jobs of a ledger that is being written.
type beside struct{ ledger *ledger.Ledger }

func (b beside) Recent(ctx context.Context, since time.Time) (jobs []*ledger.JobRecord, err error) {
	err = records.Beside(ctx, b.ledger, func(l *ledger.Ledger) error { jobs, err = l.Recent(ctx, since); return err })
	return jobs, err
}

func (b beside) Job(ctx context.Context, name string) (job *ledger.JobRecord, err error) {
	err = records.Beside(ctx, b.ledger, func(l *ledger.Ledger) error { job, err = l.Job(ctx, name); return err })
	return job, err
}

func (b beside) Tablet(ctx context.Context, serial string) (jobs []*ledger.JobRecord, err error) {
	err = records.Beside(ctx, b.ledger, func(l *ledger.Ledger) error { jobs, err = l.Tablet(ctx, serial); return err })
	return jobs, err
}
