//go:build linux

package fleet_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/problem"
)

// authority signs certificates of servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	a.cert = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	text := a.sign(t, a.cert, a.key)
	if err := os.WriteFile(a.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate, key *ecdsa.PrivateKey) (text []byte) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// serveFor makes a server show a certificate for a name or an address, from the authority, until
// a time.
func (a *authority) serveFor(t *testing.T, s *fleettest.Server, name string, until time.Time) {
	t.Helper()
	key := newKey(t)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	s.SetTLS(a.sign(t, c, key), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// elsewhere is an address of this machine that is none of loopback's.
func elsewhere(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() && ip.IP.To4() != nil && !ip.IP.IsLoopback() {
			return ip.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback's")
	return ""
}

// TestAServerIsBelievedByItsCertificate: a real one, on an address that is not loopback.
func TestAServerIsBelievedByItsCertificate(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	s := fleettest.Start(t)
	right, wrong := newAuthority(t), newAuthority(t)
	host := elsewhere(t)
	hour := time.Now().Add(time.Hour)
	open := func(host string, q url.Values) error {
		u := url.URL{Scheme: "postgres", User: url.UserPassword(fleettest.Reader, fleettest.Password), Path: "/" + fleettest.Database,
			Host: net.JoinHostPort(host, s.Port()), RawQuery: q.Encode()}
		db, err := fleet.Open(t.Context(), u.String(), fleet.Login{})
		if err == nil {
			db.Close()
		}
		return err
	}
	for _, c := range []struct {
		name  string
		by    *authority
		until time.Time
		says  string // "": it is believed
	}{
		{host, right, hour, ""},
		{"db.example.org", right, hour, "cannot validate certificate for " + host},
		{host, wrong, hour, "unknown authority"},
		{host, right, time.Now().Add(-time.Hour), "expired"},
	} {
		c.by.serveFor(t, s, c.name, c.until)
		err := open(host, url.Values{"sslrootcert": {right.file}})
		if c.says == "" {
			if err != nil {
				t.Errorf("it is not believed: %v", err)
			}
		} else if kind, _ := problem.KindOf(err); err == nil || kind != problem.Station || !strings.Contains(err.Error(), c.says) ||
			!strings.Contains(err.Error(), "does not prove who it is") {
			t.Errorf("of the certificate for %s until %s it said %v", c.name, c.until, err)
		}
		if err := open("127.0.0.1", nil); err != nil { // whoever can listen there has the machine
			t.Errorf("loopback: %v", err)
		}
	}
}
