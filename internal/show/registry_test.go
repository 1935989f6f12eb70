package show

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/registry"
)

func TestBundlesOnTheirWay(t *testing.T) {
	r, err := registry.Parse("oci://h/r:5.1")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	OfPush(&out, nil, &registry.Pushed{Reference: r, Name: "census", Version: "5.1", Size: 3e6, Sent: 2e6, Shared: 1e6}, "not signed", false)
	OfPull(&out, nil, &registry.Pulled{Reference: r, Name: "census", Version: "5.1", Size: 3e6, Fetched: 3e6}, "signed by x", false)
	holds(t, out.String(), "oci://h/r:5.1", "  census 5.1, 3 MB: 2 MB were sent, 1 MB were there; not signed",
		"  census 5.1, 3 MB: 3 MB were fetched, 0 B were here; signed by x")
	out.Reset()
	OfPush(&out, nil, &registry.Pushed{Reference: r}, "", true)
	OfPull(&out, nil, &registry.Pulled{Reference: r}, "", true)
	if out.String() != "oci://h/r:5.1\noci://h/r:5.1\n" {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	Pruned(&out, nil, &registry.Pruned{Bundles: []registry.Kept{{Name: "a", Version: "1", Digest: "d", Removed: true},
		{Name: "b", Version: "2", Digest: "e", Why: "in use"}},
		Freed: 5e6}, "/store")
	holds(t, out.String(), "a 1  d  removed", "b 2  e  kept: in use", "5 MB freed in /store")
}
