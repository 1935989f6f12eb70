//go:build linux

// This file is a line to a server that can be cut, and that can swallow what is sent.

package fleettest

import (
	"net"
	"path/filepath"
	"sync"
	"testing"
)

// Wire is a line to a server, with an address of its own.
type Wire struct {
	server *Server
	to     string // the folder of the socket at the other end
	dir    string
	listen net.Listener

	mu      sync.Mutex
	conns   map[net.Conn]bool // guarded by mu: both ends
	open    chan struct{}     // guarded by mu: closed while bytes go through
	carried int               // guarded by mu: bytes that went to the server
	limit   int               // guarded by mu: the line is cut when so many were; 0 is never
}

// NewWire makes a line to s.
func NewWire(t testing.TB, s *Server) *Wire {
	t.Helper()
	return newWire(t, s, s.Dir)
}

// NewWire makes a line to b.
func (b *Bouncer) NewWire(t testing.TB) *Wire {
	t.Helper()
	return newWire(t, b.server, b.dir)
}

func newWire(t testing.TB, s *Server, to string) *Wire {
	t.Helper()
	w := &Wire{server: s, to: to, dir: folder(t, nil), conns: map[net.Conn]bool{}, open: make(chan struct{})}
	close(w.open)
	var err error
	if w.listen, err = net.Listen("unix", filepath.Join(w.dir, ".s.PGSQL.5432")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.listen.Close()
		w.Unblock()
		w.Cut()
	})
	go w.serve()
	return w
}

// StationURL is the database's over the line, without a login.
func (w *Wire) StationURL() string { return w.server.urlFor(w.dir, "", "", Database) }

// Cut ends all connections. New ones can be made.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
	clear(w.conns)
}

// CutAfter cuts the line once more bytes than n went to the server, in the middle of
// what was sent.
func (w *Wire) CutAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carried, w.limit = 0, n
}

// Block makes the line a black hole: connections stay, new ones are made, and nothing comes
// out at the other end until Unblock.
func (w *Wire) Block() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

// Unblock lets through what was held back.
func (w *Wire) Unblock() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

func (w *Wire) serve() {
	for {
		c, err := w.listen.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("unix", filepath.Join(w.to, ".s.PGSQL.5432"))
		if err != nil {
			_ = c.Close()
			continue
		}
		w.mu.Lock()
		w.conns[c], w.conns[s] = true, true
		w.mu.Unlock()
		go w.carry(c, s, true)
		go w.carry(s, c, false)
	}
}

// carry brings bytes from one end to the other.
func (w *Wire) carry(from, to net.Conn, up bool) {
	defer func() { _, _ = from.Close(), to.Close() }()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		open, cut := w.open, false
		if up && w.limit > 0 {
			if w.carried += n; w.carried > w.limit {
				n, w.limit, cut = n/2, 0, true
			}
		}
		w.mu.Unlock()
		<-open
		if _, err := to.Write(b[:n]); err != nil || cut {
			return
		}
	}
}
