//go:build linux

package jobs_test

import (
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/jobs"
)

// TestOnlyTheStationsThatAreNamedAreRead: by the database, before a report filters again.
func TestOnlyTheStationsThatAreNamedAreRead(t *testing.T) {
	s := fleettest.Start(t)
	fill(t, s, 20)
	db := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	read := func(named ...string) map[string]int {
		got := map[string]int{}
		for j, err := range (jobs.Reader{DB: db, Stations: named}).Ended(t.Context(), time.Time{}, time.Time{}) {
			if err != nil {
				t.Fatal(err)
			}
			got[j.Station]++
		}
		return got
	}
	if all := read(); len(all) != len(stations) {
		t.Fatalf("of %d stations jobs were read of %v", len(stations), all)
	}
	if got := read(stations[1]); len(got) != 1 || got[stations[1]] == 0 {
		t.Errorf("asked for %s, it read %v", stations[1], got)
	}
	if got := read("nobody"); len(got) != 0 {
		t.Errorf("asked for a station that is not there, it read %v", got)
	}
}
