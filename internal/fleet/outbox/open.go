// This file makes the forwarder of a station that has joined a fleet.

package outbox

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/problem"
)

// Files are what the station with the ledger at path has of a fleet.
func Files(ledger string) fleet.Files { return fleet.Files{Dir: filepath.Dir(ledger)} }

// Connector returns what opens the database at a URL as the station with the ledger at path.
// A station that has not joined, or as another one, is refused now.
func Connector(rawURL, ledger, station string) (func(context.Context) (*fleet.DB, error), error) {
	if _, err := fleet.Parse(rawURL, fleet.Login{}); err != nil {
		return nil, err
	}
	files := Files(ledger)
	joined, _, err := files.Login()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem.New(problem.Station, "ask a supervisor for a token, then: zarya fleet join URL --token TOKEN",
			"this station has not joined the fleet: there is no %s", files.LoginFile())
	case err != nil:
		return nil, err
	case joined != station:
		return nil, problem.New(problem.Station, "set fleet: {station: "+joined+"}",
			"this machine joined the fleet as %q, and is called %q", joined, station)
	}
	return func(ctx context.Context) (*fleet.DB, error) {
		_, as, err := files.Login() // it may have joined again
		if err != nil {
			return nil, err
		}
		if files.IsElsewhere() {
			return nil, FaultProblem(station, moved)
		}
		return fleet.Open(ctx, rawURL, as)
	}, nil
}

// Open makes the forwarder of the station with the ledger at path. changed is of
// [Options]; nil is none.
func Open(ctx context.Context, rawURL, ledger, station string, changed func() <-chan struct{}) (*Forwarder, error) {
	connect, err := Connector(rawURL, ledger, station)
	if err != nil {
		return nil, err
	}
	return New(ctx, Options{Ledger: ledger, Station: station, Connect: connect, Changed: changed})
}
