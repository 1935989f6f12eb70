// This file enrols stations in a server's database.

package fleettest

import (
	"testing"

	"github.com/zarya-station/zarya/internal/fleet"
)

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
	if err := fleet.Join(t.Context(), s.StationURL(), token, files, recipient); err != nil {
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
