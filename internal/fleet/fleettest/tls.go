//go:build linux

// This file lets a server answer other machines, by TLS.

package fleettest

import (
	"net"
	"os"
	"path/filepath"
)

// SetTLS starts the server anew, at a port of TCP as well, where everybody who connects is
// shown the certificate. From then on its socket has another name, and so have its URLs.
func (s *Server) SetTLS(cert, key []byte) {
	s.t.Helper()
	port := s.port
	if port == "" {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			s.t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(l.Addr().String())
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.setTLS(cert, key, port)
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
