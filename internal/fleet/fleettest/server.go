//go:build linux

// This file is a private PostgreSQL.

package fleettest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
)

// The logins that every server has, besides the stations that are enrolled. The superuser
// is not the owner: what an owner may, tests see.
const (
	Superuser  = "postgres"
	Owner      = "zarya-owner"
	Supervisor = "anna"
	Reader     = "reader"
	Password   = "test-password" // of all of them
)

// Database is the name of the database.
const Database = "zarya"

// Server is a PostgreSQL.
type Server struct {
	Dir string // where its socket is

	t      testing.TB
	as     *syscall.Credential
	proc   *process
	port   string   // of TCP; "": only its socket
	within *os.File // the network namespace that it runs in; nil: that of the test
}

// Start starts a server whose database is migrated to the newest form.
func Start(t testing.TB) *Server {
	t.Helper()
	s := StartEmpty(t)
	if _, _, err := fleet.Migrate(t.Context(), s.URL(Owner), fleet.Login{}); err != nil {
		t.Fatal(err)
	}
	s.Exec("GRANT zarya_supervisor TO " + Supervisor + "; GRANT zarya_reader TO " + Reader)
	return s
}

// StartEmpty starts a server with an empty database and the logins.
func StartEmpty(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, as: unprivileged(t)}
	postgres := program(t, "initdb")
	s.Dir = folder(t, s.as)
	password := filepath.Join(s.Dir, "password")
	write(t, password, Password, s.as)
	initdb := exec.CommandContext(t.Context(), postgres, "--pgdata", filepath.Join(s.Dir, "data"), "--username", Superuser,
		"--auth", "scram-sha-256", "--pwfile", password, "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	initdb.Dir = s.Dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	s.Restart()
	t.Cleanup(s.Kill)
	s.exec("postgres", "CREATE ROLE \""+Owner+"\" LOGIN CREATEROLE PASSWORD '"+Password+"'")
	s.exec("postgres", "CREATE DATABASE "+Database+" OWNER \""+Owner+"\"")
	for _, login := range []string{Supervisor, Reader} {
		s.Exec("CREATE ROLE " + login + " LOGIN PASSWORD '" + Password + "'")
	}
	return s
}

// Restart starts the server, after it was stopped or killed if it ran.
func (s *Server) Restart() {
	s.t.Helper()
	if s.proc != nil {
		s.Stop()
	}
	ready := func(line string) bool { return strings.Contains(line, "ready to accept connections") }
	postgres := program(s.t, "postgres")
	args := []string{"-D", filepath.Join(s.Dir, "data"), "-k", s.Dir,
		"-c", "fsync=off", "-c", "max_connections=100", "-c", "log_statement=none", "-c", "shared_buffers=64MB"}
	if s.port == "" {
		args = append(args, "-h", "")
	} else { // of other machines too
		args = append(args, "-h", "*", "-p", s.port, "-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(s.Dir, "tls.crt"),
			"-c", "ssl_key_file="+filepath.Join(s.Dir, "tls.key"))
	}
	start := func() error {
		p, ok := run(s.t, s.as, s.Dir, ready, postgres, args...)
		if s.proc = p; !ok {
			return fmt.Errorf("PostgreSQL does not start: %s", p.said())
		}
		return nil
	}
	err := error(nil)
	if s.within == nil {
		err = start()
	} else {
		err = enter(s.within, start)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// Stop ends the server as its administrator would: sessions are cut, nothing is lost.
func (s *Server) Stop() { s.proc.end(syscall.SIGINT) }

// Kill ends the server as kill -9 does.
func (s *Server) Kill() { s.proc.end(syscall.SIGKILL) }

// Log is what the server said last.
func (s *Server) Log() string { return s.proc.said() }

// URL is the database's, for one of the logins above.
func (s *Server) URL(login string) string { return s.urlFor(s.Dir, login, Password, Database) }

// StationURL is the database's without a login.
func (s *Server) StationURL() string { return s.urlFor(s.Dir, "", "", Database) }

func (s *Server) urlFor(host, login, password, database string) string {
	q := url.Values{"host": {host}}
	if host == s.Dir && s.port != "" { // which is in its socket's name
		q.Set("port", s.port)
	}
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: q.Encode()}
	if login != "" {
		u.User = url.UserPassword(login, password)
	}
	return u.String()
}

// Exec runs statements in the database as the superuser.
func (s *Server) Exec(sql string) {
	s.t.Helper()
	s.exec(Database, sql)
}

func (s *Server) exec(database, sql string) {
	s.t.Helper()
	ctx := context.Background() // also in a cleanup
	c, err := pgx.Connect(ctx, s.urlFor(s.Dir, Superuser, Password, database))
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		s.t.Fatalf("%s: %v", sql, err)
	}
}

// Open opens the database at a URL until the test ends.
func Open(t testing.TB, rawURL string, as fleet.Login) *fleet.DB {
	t.Helper()
	db, err := fleet.Open(t.Context(), rawURL, as)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
