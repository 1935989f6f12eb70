//go:build linux

// This file enrols stations in a server's database.

package fleettest

import (
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
