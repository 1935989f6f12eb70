package systemd

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// manager is a service manager's end of NOTIFY_SOCKET.
type manager struct {
	t *testing.T
	*net.UnixConn
}

func listen(t *testing.T, socket string) manager {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	return manager{t, c}
}

func (m manager) next() string {
	m.t.Helper()
	b := make([]byte, 4096)
	if err := m.SetReadDeadline(time.Now().Add(10 * time.Minute)); err != nil {
		m.t.Fatal(err)
	}
	n, err := m.Read(b)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b[:n])
}

func TestNotify(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "notify"), "@zarya-test-" + strconv.Itoa(os.Getpid())} {
		m := listen(t, socket)
		n, err := FromEnvironment()
		if err != nil {
			t.Fatal(err)
		}
		if v, there := os.LookupEnv("NOTIFY_SOCKET"); there {
			t.Errorf("a program that is started would speak to %s", v)
		}
		before := monotonic()
		for want, tell := range map[string]func() error{
			"READY=1\nSTATUS=16 ports":             func() error { return n.Ready("16 ports") },
			"STOPPING=1\nSTATUS=2 jobs end":        func() error { return n.Stopping("2 jobs end") },
			"STATUS=SN1 STOPPING=1 MAINPID=7 [31m": func() error { return n.Status("SN1\nSTOPPING=1\x00 MAINPID=7 \x1b[31m") },
		} {
			if err := tell(); err != nil {
				t.Fatal(err)
			}
			if got := m.next(); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		if err := n.Reloading(); err != nil {
			t.Fatal(err)
		}
		got, ok := strings.CutPrefix(m.next(), "RELOADING=1\nMONOTONIC_USEC=")
		usec, err := strconv.ParseInt(got, 10, 64)
		if at := time.Duration(usec) * time.Microsecond; !ok || err != nil || at < before-time.Microsecond || at > monotonic() {
			t.Errorf("reloading at %q (%v), not between %v and now", got, err, before)
		}
		if err := n.Status(strings.Repeat("x", 1<<20)); err != nil || len(m.next()) > 1100 {
			t.Error("a long status", err)
		}
		_ = m.Close()
		_ = os.Remove(socket)
		if err := n.Ready(""); err == nil || !strings.HasPrefix(err.Error(), "tell the service manager: ") {
			t.Errorf("nobody listens: %v", err)
		}
	}
}

// TestNobody: without a service manager everything is said to nobody.
func TestNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "5")
	n, err := FromEnvironment()
	if n != nil || err != nil {
		t.Fatal(n, err)
	}
	if err := errors.Join(n.Ready(""), n.Reloading(), n.Stopping(""), n.Status("x")); err != nil {
		t.Error(err)
	}
	n.Watchdog(t.Context(), func() error { t.Error("asked"); return nil }, nil)
}

func TestEnvironment(t *testing.T) {
	me := strconv.Itoa(os.Getpid())
	for _, test := range []struct {
		socket, usec, pid string
		want              time.Duration
		err               string
	}{
		{"/run/x", "30000000", me, 30 * time.Second, ""},
		{"/run/x", "30000000", "", 30 * time.Second, ""},
		{"/run/x", "30000000", "1", 0, ""}, // for another process
		{"/run/x", "", "", 0, ""},
		{"/run/x", "soon", me, 0, "WATCHDOG_USEC: "},
		{"/run/x", "0", me, 0, "WATCHDOG_USEC: "},
		{"/run/x", "-1", me, 0, "WATCHDOG_USEC: "},
		{"/run/x", "9223372036854775807", me, 0, "WATCHDOG_USEC: "},
		{"vsock:2:1", "", "", 0, "NOTIFY_SOCKET: "},
	} {
		t.Setenv("NOTIFY_SOCKET", test.socket)
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", test.pid)
		n, err := FromEnvironment()
		if (err == nil) != (test.err == "") || err != nil && !strings.HasPrefix(err.Error(), test.err) || err == nil && n.interval != test.want {
			t.Errorf("%+v: %+v, %v", test, n, err)
		}
	}
}

// TestWatchdog: signs of life come at half the interval, and only from who is well.
func TestWatchdog(t *testing.T) {
	const interval = 100 * time.Millisecond
	m := listen(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(interval.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", "")
	n, err := FromEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	stuck := errors.New("the ledger is\nstuck")
	answers := []error{nil, nil, stuck, stuck, nil, stuck, nil}
	var sick []error
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		n.Watchdog(ctx, func() (err error) {
			err, answers = answers[0], answers[1:]
			if len(answers) == 0 {
				cancel()
			}
			return err
		}, func(err error) { sick = append(sick, err) })
		if took := time.Since(start); took != 6*interval/2 { // the first is asked at once
			t.Errorf("seven questions took %v", took)
		}
	})
	const ill = "STATUS=not well: the ledger is stuck"
	for at, want := range []string{"WATCHDOG=1", "WATCHDOG=1", ill, "WATCHDOG=1", ill, "WATCHDOG=1"} {
		if got := m.next(); got != want {
			t.Errorf("message %d: %q, not %q", at, got, want)
		}
	}
	if len(sick) != 2 || !errors.Is(sick[0], stuck) {
		t.Errorf("told %v", sick)
	}
}
