package sshsign

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func signer(t *testing.T, seed byte) (ssh.Signer, string) {
	t.Helper()
	s, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+seed)), ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	return s, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.PublicKey())))
}

func TestSignatures(t *testing.T) {
	s, _ := signer(t, 0)
	sig, err := Sign([]byte("text"), s, "a@v1")
	if err != nil {
		t.Fatal(err)
	}
	if key, err := Verify([]byte("text"), sig, "a@v1"); err != nil || !Same(key, s.PublicKey()) {
		t.Error(err)
	}
	if key, err := Verify([]byte("Text"), sig, "a@v1"); !errors.Is(err, ErrChanged) || !Same(key, s.PublicKey()) {
		t.Error(err)
	}
	var other *NamespaceError
	if _, err := Verify([]byte("text"), sig, "b@v1"); !errors.As(err, &other) ||
		other.Error() != `the signature is for "a@v1", not for "b@v1"` {
		t.Error(err)
	}
	if _, err := Verify([]byte("text"), []byte("text"), "a@v1"); !errors.Is(err, ErrNoSignature) {
		t.Error(err)
	}
}

func TestAllowed(t *testing.T) {
	s, line := signer(t, 0)
	other, _ := signer(t, 1)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ line, refuses string }{
		{"a,b " + line, ""},
		{`a namespaces="x@v1,y@v1" ` + line, ""},
		{`a namespaces="y@v1" ` + line, "a, whose key may not sign things (namespaces)"},
		{`a valid-after="20260501Z" ` + line, ""},
		{`a valid-after="202605011201Z" ` + line, "a, whose key is valid only from 2026-05-01 12:01:00 on"},
		{`a valid-before="20260501120001Z" ` + line, ""},
		{`a valid-before="20260501120000Z" ` + line, "a, whose key was valid only until 2026-05-01 12:00:00"},
	} {
		a, err := ParseAllowed(c.line)
		if err != nil {
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		if got := a.Refuses("x@v1", "things", now); got != c.refuses {
			t.Errorf("%s: %q", c.line, got)
		}
		if !a.Is(s.PublicKey()) || a.Is(other.PublicKey()) || !a.Names("a") || a.Names("c") {
			t.Errorf("%s: of somebody else", c.line)
		}
	}
	for line, says := range map[string]string{
		"a":                                 "a line is",
		"a ssh-ed25519 AAAA":                "no key",
		"a cert-authority " + line:          "is not known",
		`a valid-after="yesterday" ` + line: "is no time",
	} {
		if _, err := ParseAllowed(line); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
