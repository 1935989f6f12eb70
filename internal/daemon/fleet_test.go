package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/outbox"
	"github.com/zarya-station/zarya/internal/station"
)

func TestHowTheStationStandsWithTheDatabase(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	begun := now.Add(-time.Hour)
	away := errors.New("no route")
	for name, c := range map[string]struct {
		state outbox.State
		want  station.Fleet
	}{
		"all is sent": {outbox.State{Sent: 5, Contact: now}, station.Fleet{}},
		"some waits": {outbox.State{Waiting: 3, Oldest: now.Add(-time.Minute), Contact: now},
			station.Fleet{Waiting: 3, Oldest: time.Minute}},
		"a clock that went back": {outbox.State{Waiting: 3, Oldest: now.Add(time.Minute), Contact: now}, station.Fleet{Waiting: 3}},
		"away": {outbox.State{Waiting: 3, Err: away, Contact: now.Add(-time.Minute)},
			station.Fleet{Waiting: 3, Away: time.Minute}},
		"away since it began": {outbox.State{Err: away}, station.Fleet{Away: time.Hour}},
		"revoked": {outbox.State{Err: &pgconn.PgError{Code: "28P01", Message: "no"}, Contact: now},
			station.Fleet{Away: 1, Refused: "no"}},
		"two ledgers go by a name": {outbox.State{Fault: &fleet.Fault{Kind: fleet.Fork}, Contact: now}, station.Fleet{Refused: "two ledgers"}},
	} {
		got := shownOf(c.state, begun, now)
		if !strings.Contains(got.Refused, c.want.Refused) || (got.Refused == "") != (c.want.Refused == "") {
			t.Errorf("%s: refused %q", name, got.Refused)
		}
		got.Refused = c.want.Refused
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}
