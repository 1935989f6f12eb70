//go:build linux

// This file is a pgbouncer in front of a server.

package fleettest

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Bouncer is a pgbouncer in transaction mode: two statements of a client may meet two
// different sessions of the server.
type Bouncer struct {
	server *Server
	dir    string
	proc   *process
}

// StartBouncer starts one in front of s, set up as deploy/pgbouncer.ini is.
func StartBouncer(t testing.TB, s *Server) *Bouncer {
	t.Helper()
	bouncer := program(t, "pgbouncer")
	b := &Bouncer{server: s, dir: folder(t, s.as)}
	write(t, filepath.Join(b.dir, "users"), fmt.Sprintf("%q %q\n", Superuser, Password), s.as)
	write(t, filepath.Join(b.dir, "pgbouncer.ini"), fmt.Sprintf(`[databases]
%[1]s = host=%[2]s auth_user=%[3]s
[pgbouncer]
unix_socket_dir = %[4]s
listen_addr =
listen_port = 5432
pool_mode = transaction
auth_type = scram-sha-256
auth_file = %[4]s/users
auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1 AND (valuntil IS NULL OR valuntil > now())
max_client_conn = 400
default_pool_size = 4
server_reset_query_always = 0
server_login_retry = 1
`, Database, s.Dir, Superuser, b.dir), s.as)
	ready := func(line string) bool { return strings.Contains(line, "process up") }
	p, ok := run(t, s.as, b.dir, ready, bouncer, filepath.Join(b.dir, "pgbouncer.ini"))
	if !ok {
		t.Fatalf("pgbouncer does not start: %s", p.said())
	}
	b.proc = p
	t.Cleanup(b.Kill)
	return b
}

// Kill ends it as kill -9 does.
func (b *Bouncer) Kill() { b.proc.end(syscall.SIGKILL) }

// URL is the database's through the bouncer, for one of the server's logins.
func (b *Bouncer) URL(login string) string { return b.server.urlFor(b.dir, login, Password, Database) }

// StationURL is the database's through the bouncer, without a login.
func (b *Bouncer) StationURL() string { return b.server.urlFor(b.dir, "", "", Database) }
