// A real adb server and virtual tablets in Android, over TCP; the rig has them on USB.

package adb

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
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

func TestParse(t *testing.T) {
	got := parseDevices("TWIN                   device usb:1-5.3.1 product:x model:AGS3_L09 device:y transport_id:3\nTWIN unauthorized usb:1-2 transport_id:x\nemulator-5554 offline\n\nbad\n")
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
				if strings.ContainsAny(d.Serial+d.State+d.Port, "\x1b\n\x00") {
					t.Errorf("%+v", d)
				}
			}
			batteryLevel(text)
		}
	})
}
