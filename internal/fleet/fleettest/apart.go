//go:build linux

// This file puts a server into a network namespace of its own, behind a router that can lose
// packets. Nothing of this machine's network is changed.

package fleettest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Apart are three namespaces: a station's, a server's, and that of the router between them.
type Apart struct {
	t                       testing.TB
	station, router, server *os.File
}

// The addresses of the two.
const (
	StationAddress = "10.9.1.2"
	ServerAddress  = "10.9.2.2"
)

// SetApart makes the namespaces; it returns nil where the user may not.
func SetApart(t testing.TB) *Apart {
	t.Helper()
	a := &Apart{t: t}
	for _, n := range []**os.File{&a.station, &a.router, &a.server} {
		if *n = namespace(t); *n == nil {
			return nil
		}
	}
	for at, network := range map[*os.File]string{a.station: "10.9.1", a.server: "10.9.2"} {
		name := strings.ReplaceAll("to-"+network, ".", "-")
		a.in(a.router, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
			fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), at.Fd()))
		a.in(a.router, "ip", "address", "add", network+".1/24", "dev", name)
		a.in(a.router, "ip", "link", "set", name, "up")
		a.in(at, "ip", "address", "add", network+".2/24", "dev", "eth0")
		a.in(at, "ip", "link", "set", "lo", "up")
		a.in(at, "ip", "link", "set", "eth0", "up")
		a.in(at, "ip", "route", "add", "default", "via", network+".1")
	}
	a.in(a.router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return a
}

// namespace makes one; nil: the user may not.
func namespace(t testing.TB) (n *os.File) {
	t.Helper()
	home := current(t)
	defer home.Close()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, syscall.EPERM) {
		runtime.UnlockOSThread()
		return nil
	} else if err != nil {
		t.Fatal(err) // and the thread ends with the goroutine
	}
	n = current(t)
	t.Cleanup(func() { _ = n.Close() })
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	runtime.UnlockOSThread()
	return n
}

// current is the namespace of this thread.
func current(t testing.TB) *os.File {
	t.Helper()
	n, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// enter does something in a namespace: a socket stays where it was made, and so does a process.
func enter(n *os.File, do func() error) error {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	runtime.LockOSThread() // until it is home again: else the thread ends with its goroutine
	if err := unix.Setns(int(n.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = do()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, back)
	}
	runtime.UnlockOSThread()
	return err
}

func (a *Apart) in(n *os.File, args ...string) {
	a.t.Helper()
	if err := enter(n, func() error {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return err
	}); err != nil {
		a.t.Fatal(err)
	}
}

// Serve starts a server anew in its namespace, where it answers by TLS too, and returns the URL with
// which the station reaches it, without a login. Its socket stays where it was.
func (a *Apart) Serve(s *Server) (stationURL string) {
	a.t.Helper()
	cert, key := certificate(a.t, ServerAddress)
	ca := filepath.Join(a.t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		a.t.Fatal(err)
	}
	s.within = a.server
	s.setTLS(cert, key, "5432") // free in a namespace of its own
	return "postgres://" + ServerAddress + ":5432/" + Database + "?sslrootcert=" + ca
}

// certificate makes one for an address, that is its own authority.
func certificate(t testing.TB, address string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: address}, IPAddresses: []net.IP{net.ParseIP(address)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// AtStation does something in the station's namespace: a socket that is made there stays there, and
// so does a process that is started.
func (a *Apart) AtStation(do func() error) error { return enter(a.station, do) }

// Dial connects from the station's namespace.
func (a *Apart) Dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = enter(a.station, func() (err error) {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Lose makes the router drop what goes to an address, without a word to anybody.
func (a *Apart) Lose(address string) {
	a.t.Helper()
	a.in(a.router, "ip", "route", "add", "blackhole", address+"/32")
}

// Carry makes it bring there what goes there, again.
func (a *Apart) Carry(address string) {
	a.t.Helper()
	a.in(a.router, "ip", "route", "del", "blackhole", address+"/32")
}
