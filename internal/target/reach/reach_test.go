package reach

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place listens, and is a target at which it can be reached.
func place(t *testing.T) (net.Listener, target.Target) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, err := target.ParseNetwork("ssh:" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return l, n
}

func TestPipeCarriesBothWays(t *testing.T) {
	l, n := place(t)
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			var line string
			if line, err = bufio.NewReader(conn).ReadString('\n'); err == nil {
				_, err = io.WriteString(conn, "you said "+line)
			}
			_ = conn.Close()
		}
		served <- err
	}()
	conn, err := Dial(t.Context(), n, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Pipe(t.Context(), conn, strings.NewReader("hello\n"), &out); err != nil || out.String() != "you said hello\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestPipeEndsWithItsContext(t *testing.T) {
	l, n := place(t)
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := Dial(ctx, n, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, typing := io.Pipe()
	defer typing.Close()
	ended := make(chan error, 1)
	go func() { ended <- Pipe(ctx, conn, in, io.Discard) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A tablet that is not there yet is waited for, and one that never comes is said to be absent.
func TestDialWaits(t *testing.T) {
	held, err := heldaddr.Hold("tcp", "127.0.0.1:0") // nobody else is given the address
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	n, err := target.ParseNetwork("ssh:" + held.Addr())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Dial(t.Context(), n, 0, 0)
	if kind, _ := problem.KindOf(err); err == nil || kind != problem.NoDevice {
		t.Errorf("nobody there: %v", err)
	}
	first := make(chan struct{})
	dialled := make(chan error, 1)
	go func() {
		close(first)
		conn, err := Dial(t.Context(), n, 0, 5*time.Minute)
		if err == nil {
			err = conn.Close()
		}
		dialled <- err
	}()
	<-first
	again, err := held.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := <-dialled; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = again.Close()
	if _, err := Dial(ctx, n, 0, time.Minute); err == nil {
		t.Error("a connection after the end")
	}
}

func TestSSHSurvivesAnyNames(t *testing.T) {
	_, n := place(t)
	cmd, err := SSH("/opt/it's %h/zarya", n, "me", 5*time.Second, []string{"cat", "/etc/os-release"})
	if err != nil {
		t.Skip(err)
	}
	got := strings.Join(cmd.Args, " ")
	for _, want := range []string{
		`ProxyCommand='/opt/it'\''s %%h/zarya' connect --wait-for-device 5s 'ssh:127.0.0.1:`, "-l me -- tablet cat /etc/os-release",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}
