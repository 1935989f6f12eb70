// UDP sessions with a device that answers oddly.

package fastboot_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/heldaddr"
)

// answers is a device that answers the nth packet with what f makes of it; nil
// is no answer.
func answers(t *testing.T, f func(n int, packet []byte) [][]byte) (address string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for n := 0; ; n++ {
			m, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, p := range f(n, buf[:m]) {
				_, _ = conn.WriteTo(p, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().String()
}

// like is an answer to packet p: its header, another payload.
func like(p []byte, payload string) []byte { return append(bytes.Clone(p[:4]), payload...) }

func TestUDPHello(t *testing.T) {
	one := func(p []byte) [][]byte { return [][]byte{p} }
	hello := func(init string) func(int, []byte) [][]byte {
		return func(n int, p []byte) [][]byte {
			if n == 0 {
				return one(like(p, "\x12\x34"))
			}
			return one(like(p, init))
		}
	}
	for _, c := range []struct {
		name   string
		device func(int, []byte) [][]byte
		want   string // in the error
	}{
		{"good", hello("\x00\x01\x02\x00"), ""},
		{"newer", hello("\x00\x07\x20\x00more"), ""},
		{"version 0", hello("\x00\x00\x20\x00"), "does not speak fastboot"},
		{"short init", hello("\x00\x01\x20"), "does not speak fastboot"},
		{"short query", func(_ int, p []byte) [][]byte { return one(like(p, "\x00")) }, "does not speak fastboot"},
		{"packets of 511 bytes", hello("\x00\x01\x01\xff"), "511 bytes"},
		{"packets of nothing", hello("\x00\x01\x00\x00"), "0 bytes"},
		{"error packet", func(_ int, p []byte) [][]byte { return one(like([]byte{0, 0, p[2], p[3]}, "busy\x1b[2J")) }, `"busy[2J"`},
		{"noise first", func(n int, p []byte) [][]byte {
			if n == 0 { // none of these is an answer
				return [][]byte{{}, {1}, {1, 0, 0}, {1, 0, 0xff, 0xff, 9, 9}, {3, 0, 0, 0, 9, 9}, {0, 0, 9, 9, 'x'}, like(p, "\x12\x34")}
			}
			return one(like(p, "\x00\x01\x20\x00"))
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := dialUDP(t, answers(t, c.device), time.Minute)
			if u != nil {
				_ = u.Close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestUDPRestarted: a device that restarts after it told its number counts from another; it is
// asked again.
func TestUDPRestarted(t *testing.T) {
	restarted := false
	device := func(_ int, p []byte) [][]byte {
		switch {
		case p[0] == 1 && !restarted:
			restarted = true
			return [][]byte{like(p, "\x00\x05")}
		case p[0] == 1:
			return [][]byte{like(p, "\x00\x09")}
		case p[3] == 9:
			return [][]byte{like(p, "\x00\x01\x02\x00")}
		}
		return nil // not the packet that is due
	}
	u, err := dialUDP(t, answers(t, device), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	_ = u.Close()
}

// TestUDPNobody: a port where nothing listens is refused at once, not after a
// deadline; a host that never answers is waited for as long as the caller says.
func TestUDPNobody(t *testing.T) {
	gone, err := heldaddr.Hold("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if _, err := fastboot.DialUDP(t.Context(), gone.Addr()); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	cause := errors.New("waited enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	if _, err := fastboot.DialUDP(ctx, answers(t, func(int, []byte) [][]byte { cancel(cause); return nil })); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
}

// session is a device past its hello that answers fastboot packets with f.
func session(t *testing.T, f func(n int, packet []byte) [][]byte) *fastboot.Client {
	t.Helper()
	u, err := dialUDP(t, answers(t, func(n int, p []byte) [][]byte {
		switch n {
		case 0:
			return [][]byte{like(p, "\x00\x05")}
		case 1:
			return [][]byte{like(p, "\x00\x01\x02\x00")}
		}
		return f(n-2, p)
	}), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := fastboot.NewClient(u, fastboot.Options{})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestUDPErrorPacket(t *testing.T) {
	c := session(t, func(_ int, p []byte) [][]byte { return [][]byte{like([]byte{0, 0, p[2], p[3]}, "lost\x07 it")} })
	_, err := c.Getvar(t.Context(), "product")
	var gaveUp *fastboot.DeviceError
	if !errors.As(err, &gaveUp) || gaveUp.Command != "getvar:product" || gaveUp.Message != "lost it" || c.Broken() == nil {
		t.Errorf("got %v, broken: %v", err, c.Broken())
	}
}

// TestUDPConnectFaults: whatever a device says before the first command has the type of a
// fault of the device.
func TestUDPConnectFaults(t *testing.T) {
	query := func(p []byte) [][]byte { return [][]byte{like(p, "\x00\x05")} }
	for name, c := range map[string]struct {
		answer func(n int, p []byte) [][]byte
		is     func(error) bool
	}{
		"error packet to the query": {func(_ int, p []byte) [][]byte { return [][]byte{like([]byte{0, 0, p[2], p[3]}, "busy\x00x")} },
			func(err error) bool {
				var e *fastboot.DeviceError
				return errors.As(err, &e) && e.Message == "busy"
			}},
		"error packet to init": {func(n int, p []byte) [][]byte {
			if n == 0 {
				return query(p)
			}
			return [][]byte{like([]byte{0, 0, p[2], p[3]}, "")}
		}, func(err error) bool {
			var e *fastboot.DeviceError
			return errors.As(err, &e)
		}},
		"packets too small": {func(n int, p []byte) [][]byte {
			if n == 0 {
				return query(p)
			}
			return [][]byte{like(p, "\x00\x01\x01\xff")}
		}, func(err error) bool {
			var e *fastboot.ProtocolError
			return errors.As(err, &e) && strings.Contains(e.Problem, "511")
		}},
	} {
		if _, err := dialUDP(t, answers(t, c.answer), time.Hour); !c.is(err) {
			t.Errorf("%s: %T: %v", name, err, err)
		}
	}
}

// TestUDPStaleAnswers: answers to earlier packets, and answers twice, are
// dropped wherever they turn up.
func TestUDPStaleAnswers(t *testing.T) {
	var before [][]byte
	c := session(t, func(n int, p []byte) [][]byte {
		answer := like(p, []string{"", "INFOone", "INFOtwo", "OKAYend", ""}[n%4])
		sent := append(before, answer, answer)
		before = [][]byte{answer, like(answer, "FAILstale")}
		return sent
	})
	for range 3 {
		if text, err := c.OEM(t.Context(), "x"); err != nil || text != "end" {
			t.Fatalf("got %q, %v", text, err)
		}
	}
}

// TestUDPEarlyAnswer: a device may put its response into the answer to the
// command, and only so much.
func TestUDPEarlyAnswer(t *testing.T) {
	c := session(t, func(_ int, p []byte) [][]byte { return [][]byte{like(p, "OKAYearly")} })
	if text, err := c.Getvar(t.Context(), "product"); err != nil || text != "early" {
		t.Errorf("got %q, %v", text, err)
	}
	c = session(t, func(_ int, p []byte) [][]byte {
		if bytes.HasPrefix(p[4:], []byte("download")) {
			return [][]byte{like(p, "DATA01000000")}
		}
		return [][]byte{like(p, strings.Repeat("x", 200))} // with each packet of data
	})
	err := c.Download(t.Context(), fastboot.Bytes(make([]byte, 16<<20)), nil)
	var protocol *fastboot.ProtocolError
	if !errors.As(err, &protocol) {
		t.Errorf("got %v", err)
	}
}

// TestUDPContinued: a response in several packets is one response, and bounded.
func TestUDPContinued(t *testing.T) {
	parts := func(texts ...string) func(int, []byte) [][]byte {
		return func(n int, p []byte) [][]byte {
			if n == 0 {
				return [][]byte{like(p, "")}
			}
			answer := like(p, texts[(n-1)%len(texts)])
			if (n-1)%len(texts) < len(texts)-1 {
				answer[1] = 1
			}
			return [][]byte{answer}
		}
	}
	if text, err := session(t, parts("OK", "", "AYone ", "text")).OEM(t.Context(), "x"); err != nil || text != "one text" {
		t.Errorf("got %q, %v", text, err)
	}
	long := strings.Repeat("x", 100)
	_, err := session(t, parts("OKAY", long, long, long, "")).OEM(t.Context(), "x")
	var protocol *fastboot.ProtocolError
	if !errors.As(err, &protocol) {
		t.Errorf("got %v", err)
	}
}

// TestUDPCancel: a cancelled call ends at once, not when it is time to send
// again.
func TestUDPCancel(t *testing.T) {
	cause := errors.New("the operator stopped it")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c := session(t, func(int, []byte) [][]byte { cancel(cause); return nil })
	if _, err := c.Getvar(ctx, "product"); !errors.Is(err, cause) {
		t.Errorf("got %v, want the cause", err)
	}
}
