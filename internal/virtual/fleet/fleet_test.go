package fleet

import (
	"context"
	"net"
	"os"
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
		"less supply than places": func(o *Options) { o.Supply, o.Follow = 1, "pipe" },
		"more than all cables":    func(o *Options) { o.Pull, o.Follow = 101, "pipe" },
		"a fault of no kind":      func(o *Options) { o.FaultsOn = []string{"VT0001=mood"} },
		"a fault of no port":      func(o *Options) { o.Faults = []string{"unplug=port:3"} },
		"no folder":               func(o *Options) { o.Listen = "usbredir:" },
		"fewer ports than tablets": func(o *Options) {
			o.Listen, o.Ports = "usbredir:"+o.State, 1
		},
		"Android on no tablet": func(o *Options) {
			o.Listen, o.Android = "usbredir:"+o.State, []string{"VT0009"}
		},
	} {
		o := Options{Count: 2, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir()}
		change(&o)
		err := Serve(t.Context(), o, func([]Place) { t.Errorf("%s: served", name) })
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestServeSaysWhatIsTaken: an address, a socket or a folder that somebody else has is the
// station's trouble, not a mistake of the one who asks.
func TestServeSaysWhatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sockets, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	for _, path := range []string{filepath.Join(sockets, "port-2"), file} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, listen := range []string{"tcp:" + l.Addr().String(), "usbredir:" + sockets, "usbredir:" + file} {
		o := Options{Count: 2, Listen: listen, Family: "kirin710a-ags3", State: t.TempDir()}
		err := Serve(t.Context(), o, func([]Place) { t.Errorf("%s: served", listen) })
		if kind, ok := problem.KindOf(err); !ok || kind != problem.Station {
			t.Errorf("%s: %v", listen, err)
		}
	}
}

// TestServeUDP gives tablets places on UDP too, with what each does told line by line.
func TestServeUDP(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines := make(chan string, 100)
	o := Options{Count: 1, Listen: "udp:127.0.0.1:0", Family: "kirin710a-ags3", Rate: "1GB", BusRate: "1GB",
		Faults: []string{"locked"}, FaultsOn: []string{"VT0001=low-battery"},
		Log: func(serial, line string) { lines <- serial + " " + line }}
	err := Serve(ctx, o, func(p []Place) {
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", strings.TrimPrefix(p[0].Target, "udp:"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		answer := make([]byte, 64)
		query := "\x01\x00\x00\x00" // AOSP fastboot README, "UDP": which sequence number comes next
		if _, err := conn.Write([]byte(query)); err != nil {
			t.Error(err)
		}
		if n, err := conn.Read(answer); err != nil || n != 6 || answer[0] != 1 {
			t.Errorf("%q %v", answer[:n], err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
