// A real adb server and virtual tablets in Android, over TCP; the rig has them on USB.

package adb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/virtual"
)

// server is an adb server of the test's own, and its client.
type server struct {
	Server
	t    *testing.T
	home string
	port string
}

func startServer(t *testing.T) *server {
	t.Helper()
	if _, err := exec.LookPath("adb"); err != nil {
		t.Skip("there is no program adb: scripts/setup.sh installs it")
	}
	held, err := heldaddr.Hold("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	_, port, _ := net.SplitHostPort(held.Addr())
	s := &server{Server("127.0.0.1:" + port), t, t.TempDir(), port}
	s.adb("start-server")
	t.Cleanup(func() { s.adb("kill-server") })
	return s
}

func (s *server) adb(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("adb", append([]string{"-P", s.port}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.home, "TMPDIR="+s.home)
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("adb %v: %v (scripts/setup.sh installs it)\n%s", args, err, out)
	}
	return string(out)
}

// android is a virtual tablet with debugging on; it is done when it went to its
// bootloader.
func android(t *testing.T, faults ...virtual.Fault) (address string, done <-chan error) {
	t.Helper()
	f, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := virtual.New(virtual.Config{Serial: "VT0001", Family: f, Faults: faults})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	go func() { ended <- tablet.ServeADB(ctx, l) }()
	return l.Addr().String(), ended
}

func TestServer(t *testing.T) {
	s := startServer(t)
	low, err := virtual.ParseFault("low-battery")
	if err != nil {
		t.Fatal(err)
	}
	first, _ := android(t)
	second, gone := android(t, low)
	for _, a := range []string{first, second} {
		if out := s.adb("connect", a); !strings.Contains(out, "connected to") {
			t.Fatal(out)
		}
	}
	list, err := s.Devices(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	want := map[string]Facts{
		first:  {Serial: "VT0001", Model: "AGS3-L09", Build: "AGS3-L09 10.1.1.176(C635E4R1P1)", Battery: 80},
		second: {Serial: "VT0001", Model: "AGS3-L09", Build: "AGS3-L09 10.1.1.176(C635E4R1P1)", Battery: 7},
	}
	for _, d := range list {
		f, err := s.Facts(t.Context(), d)
		if diff := cmp.Diff(want[d.Serial], f); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if d.Serial == second {
			if err := s.Bootloader(t.Context(), d); err != nil {
				t.Error(err)
			}
			if err := <-gone; err != nil {
				t.Error(err)
			}
			if _, err := s.Facts(t.Context(), d); err == nil {
				t.Error("it is still there")
			}
		}
	}
	if _, err := s.At(t.Context(), "1-1"); err == nil || !strings.Contains(err.Error(), "does not see the tablet in port 1-1") {
		t.Error(err)
	}
	if _, err := s.Facts(t.Context(), Device{State: "unauthorized"}); err == nil || !strings.Contains(err.Error(), "screen") {
		t.Error(err)
	}
	if err := s.Bootloader(t.Context(), Device{State: "offline"}); err == nil {
		t.Error("an offline tablet restarted")
	}
}

func TestNoServer(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := Server(l.Addr().String())
	ended := make(chan error)
	go func() { // somebody else's server
		conn, err := l.Accept()
		if err == nil {
			_, err = io.WriteString(conn, "HTTP/1.1 400")
			_ = conn.Close()
		}
		ended <- err
	}()
	if _, err := at.Devices(t.Context()); err == nil || errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	_ = l.Close()
	if _, err := at.Devices(t.Context()); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}

// says is a server that answers anything with one text, and then is silent or gone.
func says(t *testing.T, text string, gone bool) Server {
	t.Helper()
	var c net.ListenConfig
	l, err := c.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			if gone {
				_ = conn.(*net.TCPConn).CloseWrite()
			}
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-ended })
	return Server(l.Addr().String())
}

// TestHostileServer: whatever a server says ends a call with a short, clean error.
func TestHostileServer(t *testing.T) {
	for answer, want := range map[string]string{
		"":                                       "EOF",
		"OK":                                     "EOF",
		"WHAT":                                   `it answers "WHAT"`,
		"\x1b[2J":                                `it answers "\x1b[2J"`,
		"FAIL":                                   "EOF",
		"FAILzzzz":                               `it says "zzzz" for a length`,
		"FAIL-001x":                              `it says "-001" for a length`,
		"FAIL0010no":                             "EOF",
		"FAIL000d\x1b[2Jno\u202e way":            "adb server: host:devices-l: [2Jno way",
		"OKAY":                                   "EOF",
		"OKAYffff" + strings.Repeat("x", 9):      "EOF",
		"FAILffff" + strings.Repeat("x", 0xffff): "…",
	} {
		_, err := says(t, answer, true).Devices(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\x1b\u202e") {
			t.Errorf("%.20q: %v, want %q", answer, err, want)
		}
	}
}

// TestSilentServer: a call ends with its context, and says so.
func TestSilentServer(t *testing.T) {
	why := errors.New("the operator stopped it")
	for _, answer := range []string{"", "OKAY", "OKAY0010half"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		s := says(t, answer, false)
		done := make(chan error)
		go func() {
			_, err := s.Devices(ctx)
			done <- err
		}()
		cancel(why)
		if err := <-done; !errors.Is(err, why) {
			t.Errorf("%q: %v", answer, err)
		}
		if _, err := s.Devices(ctx); !errors.Is(err, why) {
			t.Errorf("an ended context: %v", err)
		}
	}
}

func TestAt(t *testing.T) {
	const list = "VT0001\tdevice usb:1-1.3 transport_id:4\n"
	d, err := says(t, fmt.Sprintf("OKAY%04x%s", len(list), list), true).At(t.Context(), "1-1.3")
	if err != nil || d.Transport != 4 || d.Serial != "VT0001" {
		t.Errorf("%+v, %v", d, err)
	}
	if err := Server("127.0.0.1:1").Bootloader(t.Context(), Device{State: "recovery"}); !errors.Is(err, ErrNoServer) {
		t.Error(err)
	}
}

func TestDefault(t *testing.T) {
	for _, c := range []struct {
		host, port string
		want       Server
	}{{"", "", "127.0.0.1:5037"}, {"bench", "", "bench:5037"}, {"", "5038", "127.0.0.1:5038"}, {"::1", "1", "[::1]:1"}} {
		t.Setenv("ANDROID_ADB_SERVER_ADDRESS", c.host)
		t.Setenv("ANDROID_ADB_SERVER_PORT", c.port)
		if got := Default(); got != c.want {
			t.Errorf("%q %q: %s", c.host, c.port, got)
		}
	}
}

func TestParse(t *testing.T) {
	got := parseDevices("TWIN                   device usb:1-5.3.1 product:x model:AGS3_L09 device:y transport_id:3\n" +
		"TWIN unauthorized usb:1-2 transport_id:x\nemulator-5554 offline\n\nbad\n")
	want := []Device{{"TWIN", "device", "1-5.3.1", 3}, {"TWIN", "unauthorized", "1-2", 0}, {"emulator-5554", "offline", "", 0}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for text, want := range map[string]int{"  level: 55\n": 55, "level: 101": -1, "": -1, "level: x": -1, "scale: 3": -1} {
		if got := batteryLevel(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// FuzzAnswer is a server that says anything.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("OKAY0004abcd"), true)
	f.Add([]byte("FAIL0003no\x1b"), false)
	f.Add([]byte("OKAYffff"), true)
	f.Fuzz(func(t *testing.T, answer []byte, counted bool) {
		text, err := exchange(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(string(answer)), io.Discard}, []string{"host:devices-l"}, counted)
		if err == nil {
			for _, d := range parseDevices(text) {
				for _, word := range []string{d.Serial, d.State, d.Port} {
					if len(word) > maxText || strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
						t.Errorf("%+v", d)
					}
				}
			}
			if n := batteryLevel(text); n < -1 || n > 100 {
				t.Errorf("%d %%", n)
			}
		} else if len(err.Error()) > 2*maxText || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", err)
		}
	})
}
