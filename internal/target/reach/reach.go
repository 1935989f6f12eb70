// Package reach connects to the booted tablet in a port: [Dial] opens a TCP connection to it, [Pipe]
// joins that to two streams, and [SSH] makes a shell by this machine's OpenSSH, with such a
// connection as its ProxyCommand. It runs no steps and keeps no keys; provisioning has its own SSH
// client (package overssh).
package reach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

const dialEvery = 250 * time.Millisecond

// Dial connects to a TCP port of a booted tablet, SSH's if it is 0, as soon as something
// answers there, but waits no longer than wait.
func Dial(ctx context.Context, t target.Target, port int, wait time.Duration) (net.Conn, error) {
	for deadline := time.Now().Add(wait); ; {
		conn, err := t.Dial(ctx, port)
		if err == nil {
			return conn, nil
		}
		if ctx.Err() != nil || time.Now().Add(dialEvery).After(deadline) {
			f := flash.Classify(err)
			if errors.As(err, new(*net.OpError)) {
				f.Hint = "check that the tablet is connected and has booted, with developer mode on"
			}
			return nil, problem.New(kindOf(f.Class), f.Hint, "%s: %w", t, err)
		}
		select {
		case <-time.After(dialEvery):
		case <-ctx.Done():
		}
	}
}

// kindOf is the kind of problem that a verb for one tablet has when it cannot be reached.
func kindOf(c flash.Class) problem.Kind {
	switch {
	case c == flash.ClassBug:
		return problem.Internal
	case c.Bench():
		return problem.NoDevice
	}
	return problem.Failed
}

// Pipe copies both ways until the tablet closes, or ctx ends.
func Pipe(ctx context.Context, conn net.Conn, in io.Reader, out io.Writer) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	go func() { // ends with the program: standard input cannot be given up
		_, err := io.Copy(conn, in)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
			_ = half.CloseWrite()
		}
	}()
	if _, err := io.Copy(out, conn); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return problem.New(problem.Bench, "check the cable, then try again", "the connection broke: %w", err)
	}
	return nil
}

// SSH is OpenSSH's client with a shell on a booted tablet, or a command there. The
// connection is made by this program, self, as zarya connect.
func SSH(self string, t target.Target, user string, wait time.Duration, command []string) (*exec.Cmd, error) {
	program, err := exec.LookPath("ssh")
	if err != nil {
		return nil, problem.New(problem.Station, "install openssh-client", "%w", err)
	}
	proxy := fmt.Sprintf("%s connect --wait-for-device %s %s", quote(self), wait, quote(t.String()))
	args := []string{"-o", "ProxyCommand=" + strings.ReplaceAll(proxy, "%", "%%"), "-o", "UserKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15", "-l", user, "--", "tablet"}
	//nolint:gosec,noctx // OpenSSH, with what was typed; it ends by its own signals
	return exec.Command(program, append(args, command...)...), nil
}

// quote makes one word for the shell that starts a ProxyCommand.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
