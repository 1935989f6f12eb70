package registry_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
)

// certified is a folder with a certificate of this machine, which SSL_CERT_FILE makes the
// only one that these tests trust, and its key.
var certified string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zarya-registry-")
	if err == nil {
		certified, err = dir, certify(dir)
	}
	if err == nil {
		err = os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "cert.pem")) // it is read once
	}
	if err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// certify makes a certificate for all addresses of this machine.
func certify(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok {
			about.IPAddresses = append(about.IPAddresses, n.IP)
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	write := func(name, kind string, der []byte) error {
		return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	return errors.Join(write("cert.pem", "CERTIFICATE", cert), write("key.pem", "EC PRIVATE KEY", secret))
}

// elsewhere is an address of this machine that is not the loopback's.
func elsewhere(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address of its own")
	return ""
}

// TestTLS brings a bundle to another machine and back, and refuses one whose certificate
// nobody vouches for.
func TestTLS(t *testing.T) {
	b := newBench(t)
	far, err := registrytest.Start(t.TempDir(), registrytest.Options{Host: elsewhere(t),
		Cert: filepath.Join(certified, "cert.pem"), Key: filepath.Join(certified, "key.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	from := b.build("5.1", 1, 2, 20)
	name := "oci://" + far.Addr + "/census:1"
	b.push(b.client(), from, name)
	c := b.client()
	got := b.pull(c, name)
	b.same(c, got.Reference.Digest, from)

	stranger := t.TempDir()
	if err := certify(stranger); err != nil {
		t.Fatal(err)
	}
	far, err = registrytest.Start(t.TempDir(), registrytest.Options{Host: elsewhere(t),
		Cert: filepath.Join(stranger, "cert.pem"), Key: filepath.Join(stranger, "key.pem")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	_, err = b.client().Push(t.Context(), from, b.ref("oci://"+far.Addr+"/census:1"))
	b.refused(err, problem.Station, "certificate")
}

// TestTLSOnThisMachine: a registry on the loopback that has a certificate is spoken to with TLS,
// whoever signed it, and one that has none without; each may become the other.
func TestTLSOnThisMachine(t *testing.T) {
	b := newBench(t)
	from := b.build("5.1", 1, 2, 1)
	c := b.client()
	plain := "oci://" + b.reg.Addr + "/census:1"
	b.push(c, from, plain)
	b.reg.Kill()
	cert, key := filepath.Join(certified, "cert.pem"), filepath.Join(certified, "key.pem")
	near, err := registrytest.Start(t.TempDir(), registrytest.Options{Addr: b.reg.Addr, Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(near.Close)
	b.push(c, from, plain)
	name := "oci://localhost:" + b.reg.Addr[strings.LastIndex(b.reg.Addr, ":")+1:] + "/census:1"
	_, err = b.client().Pull(t.Context(), b.ref(name), nil)
	b.refused(err, problem.Station, "certificate") // it is for the address alone
	near.Kill()
	if err := b.reg.Restart(); err != nil {
		t.Fatal(err)
	}
	b.pull(c, plain)
	b.reg.Kill()
	_, err = c.Pull(t.Context(), b.ref("oci://"+b.reg.Addr+"/census:2"), nil)
	b.refused(err, problem.Station, "http://"+b.reg.Addr) // it is what it was
}

// TestPlainHTTP speaks to another machine without TLS only where that is said.
func TestPlainHTTP(t *testing.T) {
	b := newBench(t)
	b.push(b.client(), b.build("5.1", 1, 2, 1), "oci://"+b.reg.Addr+"/census:1")
	other := elsewhere(t)
	p, err := registrytest.NewProxyAt(other+":0", b.reg.Addr, registrytest.Faults{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	name := "oci://" + p.Addr + "/census:1"
	_, err = b.client().Pull(t.Context(), b.ref(name), nil)
	b.refused(err, problem.Station, "HTTP response to HTTPS client")
	c := b.client()
	c.PlainHTTP = true
	b.pull(c, name)
	c = b.client()
	c.Mirror = "http://" + p.Addr // for the mirror it is said in its name
	b.pull(c, "oci://"+b.reg.Addr+"/census:1")
	if len(p.Asked()) < 6 {
		t.Errorf("the mirror was asked %v", p.Asked())
	}
}
