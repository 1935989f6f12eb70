// This file has what the page refuses, and that only a POST from here acts.

package page

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/station"
	"github.com/zarya-station/zarya/internal/words"
)

func TestForeignHostIsRefused(t *testing.T) {
	base := open(t, newStage(oneView()), Options{Hosts: []string{"bench3.local"}})
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(base, "http://"))
	for host, want := range map[string]int{
		"evil.example": 421, "evil.example:" + port: 421, "127.0.0.1.evil.example": 421, "192.0.2.7": 421, "0.0.0.0": 421,
		"localhost": 200, "localhost:" + port: 200, "127.0.0.1": 200, "[::1]:" + port: 200, "bench3.local:" + port: 200,
	} {
		r := request(t, http.MethodGet, base+"/", "")
		r.Host = host
		if res, _ := ask(t, r); res.StatusCode != want {
			t.Errorf("Host %s: %s, want %d", host, res.Status, want)
		}
	}
}

func TestOnlyPostsFromHereAct(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{Records: filled()})
	form := "do=clear&port=A3"
	for _, path := range []string{"/", "/confirm?do=golden",
		"/confirm?do=disposition&disposition=scrap&job=j2", "/order?do=disposition&disposition=scrap&job=j2",
		"/jobs", "/port/A3", "/supervisor",
		"/confirm?" + form, "/order?" + form, "/confirm?do=stop", "/healthz", "/metrics"} {
		_, _ = get(t, base+path)
	}
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r := request(t, http.MethodPost, base+"/order", form)
		r.Header.Set(name, value)
		if res, _ := ask(t, r); res.StatusCode != http.StatusForbidden {
			t.Errorf("a POST with %s: %s, want 403", name, res.Status)
		}
	}
	for _, bad := range []string{"do=format&port=A3", "do=disposition&port=A3", "do=clear&port=Z9",
		"do=disposition&disposition=scrap&job=j1", "do=disposition&disposition=scrap&job=none", "do=disposition&disposition=eat&job=j2",
		"do=disposition&disposition=scrap&record=bench3-48213", "do=clear", "port=A3"} {
		if res, _ := ask(t, request(t, http.MethodPost, base+"/order", bad)); res.StatusCode < 400 {
			t.Errorf("%s: %s", bad, res.Status)
		}
	}
	if got := f.done(); len(got) != 0 {
		t.Fatalf("something acted: %v", got)
	}
	r := request(t, http.MethodPost, base+"/order", form)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if res, _ := ask(t, r); res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/port/A3" {
		t.Errorf("the order: %s to %s", res.Status, res.Header.Get("Location"))
	}
	_, _ = ask(t, request(t, http.MethodPost, base+"/order", "do=operator&value="+url.QueryEscape("18\x1b[2J")))
	want := []station.Order{{Do: station.OrderClear, Port: "A3"}, {Do: station.OrderOperator, Value: "18[2J"}}
	if got := f.done(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("orders %v, want %v", got, want)
	}
	f.refuse = errors.New("A3 is being worked on")
	if res, body := ask(t, request(t, http.MethodPost, base+"/order", form)); res.StatusCode != http.StatusConflict ||
		!strings.Contains(body, "A3 is being worked on") {
		t.Errorf("refused: %s %s", res.Status, body)
	}
}

func TestLargeBodies(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{})
	large := "do=clear&port=A3&value=" + strings.Repeat("x", maxBody)
	declared := request(t, http.MethodPost, base+"/order", large)
	chunked := request(t, http.MethodPost, base+"/order", large)
	chunked.ContentLength, chunked.Body = -1, io.NopCloser(io.MultiReader(strings.NewReader(large)))
	for name, r := range map[string]*http.Request{"declared": declared, "chunked": chunked} {
		if res, _ := ask(t, r); res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s, want 413", name, res.Status)
		}
	}
	if len(f.done()) != 0 {
		t.Error("it acted")
	}
}

func TestTokenIsNeeded(t *testing.T) {
	const token = "0123456789abcdef"
	f := newStage(oneView())
	base := open(t, f, Options{Token: token})
	for _, path := range []string{"/", "/events", "/jobs", "/metrics", "/port/A3", "/supervisor"} {
		if res, body := get(t, base+path); res.StatusCode != http.StatusUnauthorized || strings.Contains(body, "4821") {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/login", "/static/station.css"} {
		if res, body := get(t, base+path); res.StatusCode != http.StatusOK || strings.Contains(body, "bench 3") {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	for _, auth := range []string{"Bearer wrong", "Bearer ", "Bearer " + token + "x", "Basic " + token} {
		r := request(t, http.MethodPost, base+"/order", "do=clear&port=A3")
		r.Header.Set("Authorization", auth)
		if res, _ := ask(t, r); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %s", auth, res.Status)
		}
	}
	if len(f.done()) != 0 {
		t.Fatal("it acted without the token")
	}
	r := request(t, http.MethodGet, base+"/metrics", "")
	r.Header.Set("Authorization", "Bearer "+token)
	if res, _ := ask(t, r); res.StatusCode != http.StatusOK {
		t.Errorf("with the token: %s", res.Status)
	}
	if res, _ := ask(t, request(t, http.MethodPost, base+"/login", "token=wrong")); res.StatusCode != http.StatusForbidden ||
		len(res.Cookies()) != 0 {
		t.Errorf("a wrong token: %s", res.Status)
	}
	res, _ := ask(t, request(t, http.MethodPost, base+"/login", "token="+token))
	if len(res.Cookies()) != 1 {
		t.Fatalf("login: %s, %v", res.Status, res.Cookies())
	}
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, token) {
		t.Errorf("the cookie: %v", c)
	}
	jar, _ := cookiejar.New(nil)
	u, _ := url.Parse(base)
	jar.SetCookies(u, []*http.Cookie{c})
	res, err := (&http.Client{Jar: jar}).Do(request(t, http.MethodPost, base+"/order", "do=clear&port=A3"))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if len(f.done()) != 1 {
		t.Errorf("with the cookie: %s, %v", res.Status, f.done())
	}
}

func TestPublicAddressWantsTLSAndToken(t *testing.T) {
	for _, o := range []Options{
		{Listen: "0.0.0.0:0"}, {Listen: ":0"}, {Listen: "[::]:0", Token: "0123456789abcdef"}, {Listen: "192.0.2.1:0", Cert: "c", Key: "k"},
		{Listen: "127.0.0.1:0", Token: "short"}, {Listen: "127.0.0.1:0", Cert: "c"}, {Listen: "127.0.0.1"},
	} {
		o.Words = words.For("en")
		s, err := New(o)
		var p *problem.Error
		if err == nil {
			s.Close()
		}
		if !errors.As(err, &p) || p.Kind != problem.Usage || p.Hint == "" {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// On an address that others reach, the page has TLS, and its names are the certificate's.
func TestTLS(t *testing.T) {
	dir, names := t.TempDir(), []string{"bench3.example"}
	cert, key, pool := certificate(t, dir, names)
	s, err := New(Options{Listen: "0.0.0.0:0", Words: words.For("en"), Cert: cert, Key: key, Token: "0123456789abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, newStage(oneView()))
	_, port, _ := net.SplitHostPort(s.Addr())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: names[0]}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	for host, want := range map[string]int{names[0]: http.StatusOK, "evil.example": http.StatusMisdirectedRequest} {
		r := request(t, http.MethodPost, "https://127.0.0.1:"+port+"/login", "token=0123456789abcdef")
		r.Host = host
		res, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if want == http.StatusOK && (len(res.Cookies()) != 1 || !res.Cookies()[0].Secure) || want != http.StatusOK && res.StatusCode != want {
			t.Errorf("%s: %s %v", host, res.Status, res.Cookies())
		}
	}
}

// certificate is a new one for these names, in files.
func certificate(t *testing.T, dir string, names []string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names,
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(chain)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(cert, chain, 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600)); err != nil {
		t.Fatal(err)
	}
	return cert, key, pool
}
