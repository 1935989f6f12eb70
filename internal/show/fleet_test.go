package show

import (
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
)

func TestStationsOfAFleet(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	seen := now.Add(-90 * time.Second)
	var out, said strings.Builder
	err := Stations(&out, &said, nil, []fleet.Status{
		{Station: "bench-1", State: "joined", Proven: true, Last: 42, Waiting: 3, Seen: &seen},
		{Station: "bench-2", State: "joined", Rewound: 7},
		{Station: "bench-3", State: "joined", Proven: true, Fault: &fleet.Fault{Kind: "fork", Seq: 9, Note: "two entries"}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	holds(t, out.String(), "bench-1  joined  42       3        1m30s ago  -", "bench-2  joined  0        0        -          key not proven",
		"bench-3  joined  0        0        -          fork from record bench-3-9")
	if !strings.Contains(said.String(), "bench-3: ") || !strings.Contains(said.String(), "bench-2 had sent up to 7") {
		t.Error(said.String())
	}
}
