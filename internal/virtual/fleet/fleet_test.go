package fleet

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
)

func TestServeGivesEachTabletItsPlace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Count: 3, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir()}
	var places []Place
	err := Serve(ctx, o, func(p []Place) {
		places = p
		for _, place := range p {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(place.Target, "tcp:"))
			if err != nil {
				t.Error(err)
				continue
			}
			hello := make([]byte, 4)
			if _, err := conn.Write([]byte("FB01")); err != nil {
				t.Error(err)
			}
			if _, err := conn.Read(hello); err != nil || string(hello) != "FB01" {
				t.Errorf("%s answers %q, %v", place.Serial, hello, err)
			}
			_ = conn.Close()
		}
		cancel()
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) != 3 || places[0].Serial != "VT0001" || places[2].Serial != "VT0003" {
		t.Errorf("places %v", places)
	}
}

func TestServePutsTabletsIntoSockets(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	err := Serve(ctx, Options{Count: 2, Listen: "usbredir:" + dir, Family: "kirin710a-ags3"}, func(p []Place) {
		if len(p) != 2 || p[1] != (Place{"VT0002", "usbredir:" + filepath.Join(dir, "port-2")}) {
			t.Errorf("places %v", p)
		}
		cancel()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestServeRefusesWhatDoesNotGoTogether(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no tablets":              func(o *Options) { o.Count = 0 },
		"no address":              func(o *Options) { o.Listen = "tcp:nowhere" },
		"no room for all ports":   func(o *Options) { o.Listen = "tcp:127.0.0.1:65535" },
		"no such family":          func(o *Options) { o.Family = "toaster" },
		"no size":                 func(o *Options) { o.Rate = "fast" },
		"no fault":                func(o *Options) { o.Faults = []string{"mood"} },
		"a fault of no tablet":    func(o *Options) { o.FaultsOn = []string{"VT0009=locked"} },
		"ports without USB":       func(o *Options) { o.Ports = 4 },
		"supply without follower": func(o *Options) { o.Supply = 8 },
	} {
		o := Options{Count: 2, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir()}
		change(&o)
		err := Serve(t.Context(), o, func([]Place) { t.Errorf("%s: served", name) })
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}
