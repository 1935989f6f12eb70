//go:build linux

// This file saves a server and puts it back, with PostgreSQL's own programs.

package fleettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Backup makes a copy of the running server with pg_basebackup, for [Server.Restore].
func (s *Server) Backup() (dir string) {
	s.t.Helper()
	dir = filepath.Join(s.Dir, "backup")
	cmd := exec.CommandContext(s.t.Context(), program(s.t, "pg_basebackup"), "--pgdata", dir, "--host", s.Dir, "--username", Superuser,
		"--checkpoint", "fast", "--no-sync", "--no-password")
	cmd.Dir, cmd.Env = s.Dir, append(os.Environ(), "PGPASSWORD="+Password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	return dir
}

// Restore puts a backup in the place of the server's data, and starts it.
func (s *Server) Restore(backup string) {
	s.t.Helper()
	s.Stop()
	data := filepath.Join(s.Dir, "data")
	if err := os.RemoveAll(data); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(backup, data); err != nil {
		s.t.Fatal(err)
	}
	s.Restart()
}
