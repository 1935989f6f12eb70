package target

import (
	"net"
	"strconv"
	"strings"
	"testing"
)

func TestParseNetwork(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"tcp:10.0.0.5", "tcp:10.0.0.5:5554"},
		{"udp:10.0.0.5:7", "udp:10.0.0.5:7"},
		{"ssh:tablet.local", "ssh:tablet.local:22"},
		{"tcp:LOCALHOST:1", "tcp:127.0.0.1:1"},
		{"tcp:Tablet-7", "tcp:tablet-7:5554"},
		{"tcp:[::1]", "tcp:[::1]:5554"},
		{"tcp:[0:0::1]:7", "tcp:[::1]:7"},
		{"tcp:fe80::1%eth0", "tcp:[fe80::1%eth0]:5554"},
		{"unix:/run/x/../tablet:1.sock", "unix:/run/tablet:1.sock"},
		{"unix:", `usage: target "unix:" has no path of a socket`},
		{"unix:/.", `usage: target "unix:/." has no path of a socket`},
		{"unix:/run/", `usage: target "unix:/run/" has no path of a socket`},
		{"unix:/" + strings.Repeat("x", 103), `usage: target "unix:/` + strings.Repeat("x", 103) +
			`" has a path of 104 bytes, and a socket's has at most 103`},
		{"usb:1-1", `usage: target "usb:1-1" is not on the network`},
		{"tcp", `usage: target "tcp" is not on the network`},
		{"tcp:", `usage: target "tcp:" has no valid host`},
		{"tcp::5", `usage: target "tcp::5" has no valid host`},
		{"tcp:a b", `usage: target "tcp:a b" has no valid host`},
		{"tcp:h:0", `usage: target "tcp:h:0" has "0" for a port, which is a number from 1 to 65535`},
		{"tcp:h:65536", `usage: target "tcp:h:65536" has "65536" for a port, which is a number from 1 to 65535`},
		{"tcp:h:ssh", `usage: target "tcp:h:ssh" has "ssh" for a port, which is a number from 1 to 65535`},
	} {
		n, err := ParseNetwork(test.name)
		got := n.String()
		if err != nil {
			got = outcome(err)
		}
		if got != test.want {
			t.Errorf("%q: %q, not %q", test.name, got, test.want)
		}
	}
}

// TestNetworkDial reaches the system on the same host: at the port that is asked for, or
// at that of the name.
func TestNetworkDial(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, _ := strconv.Atoi(text)
	for _, test := range []struct {
		name string
		port int
	}{
		{"tcp:127.0.0.1:9", port},
		{"tcp:127.0.0.1:" + text, 0},
		{"ssh:127.0.0.1:" + text, 0},
		{"ssh:127.0.0.1:" + text, 9}, // the name says where its SSH is
	} {
		n, err := ParseNetwork(test.name)
		must(t, err)
		conn, err := n.Dial(t.Context(), test.port)
		if err != nil {
			t.Errorf("%s, port %d: %v", test.name, test.port, err)
			continue
		}
		_ = conn.Close()
	}
}

// TestNetworkFastboot finds nothing where nothing listens, and asks no booted tablet.
func TestNetworkFastboot(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	closed := l.Addr().String()
	must(t, l.Close())
	if _, err := (Network{"tcp", closed}).Fastboot(t.Context()); err == nil {
		t.Error("a closed port speaks fastboot")
	}
	udp, err := (Network{"udp", closed}).Fastboot(t.Context())
	if err == nil {
		t.Error("a closed port speaks fastboot", udp.Close())
	}
	_, err = Network{"ssh", "h:22"}.Fastboot(t.Context())
	const want = "device: ssh:h:22 names a booted tablet, which does not speak fastboot → name it as tcp: or udp: to flash it"
	if outcome(err) != want {
		t.Errorf("%q", outcome(err))
	}
}

func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"tcp:10.0.0.5", "udp:[::1]:5554", "tcp:LOCALHOST:1", "usb:1-1.3", "VT0001", "tcp::5", "tcp:a b", "tcp:[::1",
		"port:A3", "unix:a/../b", "unix:/", "unix:/.", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNetwork(s)
		if err != nil {
			return
		}
		again, err := ParseNetwork(n.String())
		if err != nil || again != n {
			t.Fatalf("%q is %v, which is %v (%v)", s, n, again, err)
		}
	})
}
