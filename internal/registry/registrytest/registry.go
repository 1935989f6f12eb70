// Package registrytest runs a real registry, Debian's docker-registry, on the loopback for
// tests, and stands in front of it: counting what passes, and breaking it.
package registrytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zarya-station/zarya/internal/heldaddr"
)

// Registry is a docker-registry on a port of its own. It keeps its port and its data when
// it is killed and started again.
type Registry struct {
	Addr string // HOST:PORT

	dir  string
	held *heldaddr.Held // its address, which nobody else is given, also while it is away; nil: another registry's
	mu   sync.Mutex
	cmd  *exec.Cmd
	log  bytes.Buffer
}

// program finds the registry: installed, or where scripts/setup.sh unpacked it.
func program() (string, error) {
	if path, err := exec.LookPath("docker-registry"); err == nil {
		return path, nil
	}
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, ".tools/docker-registry/usr/bin/docker-registry")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no docker-registry: scripts/setup.sh unpacks one")
}

// Options of a registry. All may be empty.
type Options struct {
	Host      string // an address of this machine, without a port; "" is 127.0.0.1
	Addr      string // with the port, in the place of Host, of a registry that was killed; "": one that is free
	Cert, Key string // files, for TLS
	More      string // lines of its configuration
	// Config makes the whole configuration, for its address; nil: there is one.
	Config func(addr string) string
}

// Start starts a registry with its data in a folder.
func Start(dir string, o Options) (*Registry, error) {
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	r := &Registry{Addr: o.Addr, dir: dir}
	if r.Addr == "" {
		held, err := heldaddr.Hold("tcp", net.JoinHostPort(o.Host, "0"))
		if err != nil {
			return nil, err
		}
		r.Addr, r.held = held.Addr(), held
	}
	text := fmt.Sprintf(`version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}
http: {addr: %s, secret: for a test, tls: {certificate: %q, key: %q}}
%s`, filepath.Join(dir, "data"), r.Addr, o.Cert, o.Key, o.More)
	if o.Config != nil {
		text = o.Config(r.Addr)
	}
	err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(text), 0o600)
	if err == nil {
		err = r.Restart()
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close ends it, and gives its address back.
func (r *Registry) Close() {
	r.Kill()
	if r.held != nil {
		_ = r.held.Close()
	}
}

// Restart starts it again, and waits until it answers.
func (r *Registry) Restart() error {
	path, err := program()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd != nil {
		return nil
	}
	cmd := exec.Command(path, "serve", filepath.Join(r.dir, "config.yml")) //nolint:gosec,noctx // the registry; Kill ends it
	cmd.Stderr = &r.log
	cmd.Env = []string{"PATH=/nowhere", "SSL_CERT_FILE=" + os.Getenv("SSL_CERT_FILE")}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.cmd = cmd
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 6000 { // two minutes, on a machine that has much to do
		d := net.Dialer{}
		if c, err := d.DialContext(context.Background(), "tcp", r.Addr); err == nil {
			return c.Close()
		}
		<-tick.C
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	r.cmd = nil
	return fmt.Errorf("docker-registry does not answer: %s", r.log.String())
}

// Kill ends it with SIGKILL.
func (r *Registry) Kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
	r.cmd = nil
}

// Proxy stands in front of a registry, or of nothing else than itself.
type Proxy struct {
	Addr string // 127.0.0.1:PORT

	Got  atomic.Int64 // bytes of blobs that were given out
	Sent atomic.Int64 // bytes of blobs that were taken in
	// Asked are the requests so far, as "GET /v2/…".
	Asked func() []string

	server *http.Server
	done   chan struct{}
}

// Faults are what a proxy does to what passes. Any may be nil.
type Faults struct {
	// Given is called for each stretch of a blob that is given out, which it may change;
	// false cuts the connection.
	Given func(total int64, p []byte) bool
	// Taken is the same for what is taken in.
	Taken func(total int64) bool
	// Answered is called when the registry has answered; false cuts the connection before
	// anything of the answer is given on.
	Answered func(resp *http.Response) bool
	// First is asked before the registry is; true: it has answered.
	First func(w http.ResponseWriter, r *http.Request) bool
}

// NewProxy starts a proxy in front of an address, on the loopback.
func NewProxy(to string, f Faults) (*Proxy, error) { return NewProxyAt("127.0.0.1:0", to, f) }

// NewProxyAt starts a proxy at one address in front of another.
func NewProxyAt(at, to string, f Faults) (*Proxy, error) {
	l, err := net.Listen("tcp", at) //nolint:noctx // at once
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), done: make(chan struct{})}
	var mu sync.Mutex
	var asked []string
	p.Asked = func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), asked...)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: to})
			r.Out.Host = r.In.Host // so that the registry sends its clients here again
		},
		ModifyResponse: func(resp *http.Response) error {
			if f.Answered != nil && !f.Answered(resp) {
				return errCut
			}
			if resp.Request.Method == http.MethodGet && strings.Contains(resp.Request.URL.Path, "/blobs/sha256:") {
				resp.Body = &passing{resp.Body, func(b []byte) bool {
					total := p.Got.Add(int64(len(b)))
					return f.Given == nil || f.Given(total, b)
				}}
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0), // what is broken here is meant
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		mu.Unlock()
		if f.First != nil && f.First(w, r) {
			return
		}
		if r.Method == http.MethodPatch {
			r.Body = &passing{r.Body, func(b []byte) bool {
				total := p.Sent.Add(int64(len(b)))
				return f.Taken == nil || f.Taken(total)
			}}
		}
		proxy.ServeHTTP(w, r)
	})
	p.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() {
		defer close(p.done)
		_ = p.server.Serve(l) // until Close
	}()
	return p, nil
}

var errCut = errors.New("cut")

// Close ends the proxy.
func (p *Proxy) Close() {
	_ = p.server.Close()
	<-p.done
}

// passing shows what passes, and cuts it.
type passing struct {
	io.ReadCloser
	see func(p []byte) bool
}

func (p *passing) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 && !p.see(b[:n]) {
		return 0, errCut
	}
	return n, err
}
