package target

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/fastboot/fastboottest"
	"github.com/zarya-station/zarya/internal/virtual"
)

// TestUnixTransport puts the transport through the suite of all transports.
func TestUnixTransport(t *testing.T) {
	fastboottest.Run(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
		path := filepath.Join(shortDir(t), "s")
		l, err := net.Listen("unix", path)
		must(t, err)
		type end struct {
			device fastboottest.Device
			err    error
		}
		accepted := make(chan end)
		go func() {
			conn, err := l.Accept()
			if err == nil {
				_, err = io.WriteString(conn, "FB01")
			}
			if err != nil {
				accepted <- end{nil, err}
				return
			}
			device, err := fastboottest.NewStreamDevice(conn)
			accepted <- end{device, err}
		}()
		n, err := ParseNetwork("unix:" + path)
		must(t, err)
		host, err := n.Fastboot(t.Context())
		far := <-accepted
		must(t, errors.Join(err, far.err, l.Close()))
		return host, far.device
	})
}

// socketNet is a network of Unix sockets.
type socketNet struct{ listens chan struct{} }

func (n socketNet) Listen(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	n.listens <- struct{}{}
	return l, err
}

// TestUnixTablet flashes a virtual tablet behind a socket; where nothing listens there is
// none.
func TestUnixTablet(t *testing.T) {
	family, err := virtual.FamilyByName("kirin710a-ags3")
	must(t, err)
	tablet, err := virtual.New(virtual.Config{Serial: "VT0001", Family: family})
	must(t, err)
	path := filepath.Join(shortDir(t), "s")
	n, err := ParseNetwork("unix:" + path)
	must(t, err)
	if _, err := n.Fastboot(t.Context()); err == nil {
		t.Error("a socket that is not there speaks fastboot")
	}
	ctx, cancel := context.WithCancel(t.Context())
	listens, done := make(chan struct{}, 1), make(chan error)
	go func() { done <- tablet.Serve(ctx, socketNet{listens}, path) }()
	<-listens
	transport, err := n.Fastboot(t.Context())
	must(t, err)
	client := fastboot.NewClient(transport, fastboot.Options{})
	serial, err := client.Getvar(t.Context(), "serialno")
	if err != nil || serial != "VT0001" {
		t.Errorf("%q, %v", serial, err)
	}
	must(t, client.Download(t.Context(), fastboot.Bytes("boot image"), nil))
	must(t, client.Flash(t.Context(), "boot", 10))
	must(t, client.Close())
	cancel()
	must(t, <-done)
	got := make([]byte, 10)
	r, _, err := tablet.Partition("boot")
	must(t, err)
	if _, err := r.ReadAt(got, 0); err != nil || string(got) != "boot image" {
		t.Errorf("%q, %v", got, err)
	}
}

// shortDir is a folder whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "zarya-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
