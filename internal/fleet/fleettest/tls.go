//go:build linux

// This file lets a server answer other machines, by TLS.

package fleettest

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/internal/heldaddr"
)

// SetTLS starts the server anew, at a port of TCP as well, where everybody who connects is
// shown the certificate. From then on its socket has another name, and so have its URLs.
func (s *Server) SetTLS(cert, key []byte) {
	s.t.Helper()
	port := s.port
	if port == "" {
		port = hold(s.t, "0.0.0.0")
	}
	s.setTLS(cert, key, port)
}

// hold returns a port of an address of this machine that is given to nobody else until the test
// ends: only who asks for its number has it.
func hold(t testing.TB, host string) (port string) {
	t.Helper()
	held, err := heldaddr.Hold("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	_, port, err = net.SplitHostPort(held.Addr())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *Server) setTLS(cert, key []byte, port string) {
	s.t.Helper()
	write(s.t, filepath.Join(s.Dir, "tls.crt"), string(cert), s.as)
	write(s.t, filepath.Join(s.Dir, "tls.key"), string(key), s.as)
	if s.port == "" {
		hba := filepath.Join(s.Dir, "data", "pg_hba.conf")
		text, err := os.ReadFile(hba)
		if err != nil {
			s.t.Fatal(err)
		}
		write(s.t, hba, string(text)+"hostssl all all all scram-sha-256\n", s.as)
	}
	s.port = port
	s.Restart()
}

// Port is the port of TCP after [Server.SetTLS].
func (s *Server) Port() string { return s.port }
