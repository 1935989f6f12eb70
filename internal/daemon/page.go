// This file is the station's page: its flags, and its life beside the station.

package main

import (
	"context"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/page"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/stats"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// pageOptions are the flags of the page.
type pageOptions struct {
	listen, tokenFile, cert, key string
	asked                        bool // listen was typed
}

func (o *pageOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.listen, "listen", "127.0.0.1:8420", "`HOST:PORT` of the page, or none; for others to reach it, TLS and a token are needed")
	f.StringVar(&o.tokenFile, "page-token-file", "", "`FILE` with the token that the page asks for")
	f.StringVar(&o.cert, "page-cert", "", "`FILE` with the page's certificate (PEM)")
	f.StringVar(&o.key, "page-key", "", "`FILE` with the certificate's key (PEM)")
}

// stationPage is a page that listens already; nil: none is wanted.
type stationPage struct{ *page.Server }

// openPage listens, before the station begins: an address that is taken is known at once.
func (a *app) openPage(o pageOptions, w *words.Words, record *ledger.Ledger) (*stationPage, error) {
	if o.listen == "none" {
		return nil, nil //nolint:nilnil // no page is a page's absence, and all methods know it
	}
	token := ""
	if o.tokenFile != "" {
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, problem.New(problem.Usage, "make one: openssl rand -hex 16 > FILE", "--page-token-file: %w", err)
		}
		if token = strings.TrimSpace(string(text)); token == "" {
			return nil, problem.New(problem.Usage, "make one: openssl rand -hex 16 > FILE", "--page-token-file %s is empty", o.tokenFile)
		}
	}
	host, _ := os.Hostname() // "" is no further name
	server, err := page.New(page.Options{Words: w, Listen: o.listen, Token: token, Cert: o.cert, Key: o.key,
		Hosts: []string{host}, Version: programVersion(), Log: a.warn,
		Records: func(ctx context.Context) (jobs []*ledger.JobRecord, err error) {
			err = records.Beside(ctx, record, func(l *ledger.Ledger) error {
				all, err := l.Jobs(ctx)
				now := time.Now()
				jobs = ledger.Since(all, time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()))
				return err
			})
			return jobs, err
		},
		Count: func(ctx context.Context, since time.Time, add func(stats.Record)) error {
			return records.Beside(ctx, record, func(l *ledger.Ledger) error {
				for r, err := range stats.FromLedger(ctx, l, since, time.Time{}) {
					if err != nil {
						return err
					}
					add(r)
				}
				return nil
			})
		}})
	if kind, _ := problem.KindOf(err); err != nil && kind == problem.Station && !o.asked {
		a.warn("there is no page: %v (choose another address with --listen)", err)
		return nil, nil //nolint:nilnil // tablets matter more than a page that nobody asked for
	}
	if err != nil {
		return nil, err
	}
	return &stationPage{server}, nil
}

// address is where the page is, to be shown.
func (p *stationPage) address() string {
	if p == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(p.Addr())
	if name, herr := os.Hostname(); err == nil && herr == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort(name, port)
	}
	return p.Addr()
}

// sink counts what the engine tells.
func (p *stationPage) sink() []ui.Sink {
	if p == nil {
		return nil
	}
	return []ui.Sink{pageSink{p.Server}}
}

// serve shows the station until stop.
func (p *stationPage) serve(s *station.Station, warn func(string, ...any)) (stop func()) {
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
func (p *stationPage) close() {
	if p != nil {
		p.Close()
	}
}

// pageSink is the page as a sink of events.
type pageSink struct{ server *page.Server }

func (c pageSink) Event(e flash.Event) { c.server.Observe(e) }

func (pageSink) Close() error { return nil }
