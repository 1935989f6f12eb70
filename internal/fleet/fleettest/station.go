//go:build linux

// This file enrols stations in a server's database.

package fleettest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/fleet"
)

// Key makes a station's signing key.
func Key(t testing.TB) *evidence.Key {
	t.Helper()
	key, err := evidence.OpenKey(filepath.Join(t.TempDir(), "signing_key"), "test")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// OnMachine makes this another machine until the test ends, with the name that its system and the
// address that its network card has. The disk is the same.
func OnMachine(t testing.TB, id, address string) {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{"etc/machine-id": id, "sys/class/net/eth0/address": address,
		"sys/class/net/eth0/addr_assign_type": "0"} {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	was := fleet.Root
	fleet.Root = root
	t.Cleanup(func() { fleet.Root = was })
}

// Enrol makes a station of the fleet, as zarya fleet enrol and join do, and returns its
// files. Its database is [Server.StationURL], its login Files.Login's.
func (s *Server) Enrol(t testing.TB, station, recipient string) fleet.Files {
	t.Helper()
	db := Open(t, s.URL(Supervisor), fleet.Login{})
	token, _, err := db.Enrol(t.Context(), station, 24, false)
	if err != nil {
		t.Fatal(err)
	}
	files := fleet.Files{Dir: t.TempDir()}
	if err := fleet.Join(t.Context(), s.StationURL(), token, files, Key(t), recipient); err != nil {
		t.Fatal(err)
	}
	return files
}

// OpenAs opens the database as the station that files are of.
func (s *Server) OpenAs(t testing.TB, files fleet.Files) *fleet.DB {
	t.Helper()
	_, as, err := files.Login()
	if err != nil {
		t.Fatal(err)
	}
	return Open(t, s.StationURL(), as)
}

// Connector opens the database as the station whose files these are, as its outbox does.
func (s *Server) Connector(files fleet.Files) func(context.Context) (*fleet.DB, error) {
	return func(ctx context.Context) (*fleet.DB, error) {
		_, as, err := files.Login()
		if err != nil {
			return nil, err
		}
		return fleet.Open(ctx, s.StationURL(), as)
	}
}
