// This file is zarya ssh and zarya connect: into the booted tablet in a port.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
)

const dialEvery = 250 * time.Millisecond

func newConnect(a *app) *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use:   "connect TARGET",
		Short: "Connect standard input and output to the booted tablet in a port",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, cancel := a.untilSignal()
			defer cancel()
			conn, err := a.dialTarget(ctx, args[0], int(port))
			if err != nil {
				return err
			}
			return a.pipe(ctx, conn)
		},
	}
	a.waitFlag(cmd)
	cmd.Flags().Uint16Var(&port, "tcp-port", 0, "another TCP `PORT` of the tablet than SSH's")
	return cmd
}

// dialTarget reaches the one tablet that is named.
func (a *app) dialTarget(ctx context.Context, name string, port int) (net.Conn, error) {
	t, err := a.one(name)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(a.wait); ; {
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

// one resolves a name that must mean one tablet.
func (a *app) one(name string) (target.Target, error) {
	list, err := a.targets([]string{name})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, problem.New(problem.Usage, "name one tablet", "%q is %d tablets: %s", name, len(list), target.Join(list))
	}
	return list[0], nil
}

// pipe copies both ways until the tablet closes.
func (a *app) pipe(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	go func() { // ends with the program: standard input cannot be given up
		_, err := io.Copy(conn, a.stdin)
		if half, ok := conn.(interface{ CloseWrite() error }); ok && err == nil {
			_ = half.CloseWrite()
		}
	}()
	if _, err := io.Copy(a.stdout, conn); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		return problem.New(problem.Bench, "check the cable, then try again", "the connection broke: %w", err)
	}
	return nil
}

func newSSH(a *app) *cobra.Command {
	user := "defaultuser"
	cmd := &cobra.Command{
		Use:   "ssh TARGET [-- COMMAND...]",
		Short: "Open a shell on the booted tablet in a port, with OpenSSH",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() > 1 || cmd.ArgsLenAtDash() < 0 && len(args) > 1 {
				return problem.New(problem.Usage, "write zarya ssh TARGET -- COMMAND", "one target, and the command after --")
			}
			return a.ssh(args[0], user, args[1:])
		},
	}
	a.waitFlag(cmd)
	cmd.Flags().StringVarP(&user, "user", "l", user, "the `USER` to log in as")
	return cmd
}

func (a *app) ssh(name, user string, command []string) error {
	t, err := a.one(name)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	program, err := exec.LookPath("ssh")
	if err != nil {
		return problem.New(problem.Station, "install openssh-client", "%w", err)
	}
	proxy := fmt.Sprintf("%s connect --wait-for-device %s %s", shellQuote(self), a.wait, shellQuote(t.String()))
	args := []string{"-o", "ProxyCommand=" + strings.ReplaceAll(proxy, "%", "%%"), "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no",
		"-o", "LogLevel=ERROR", "-o", "ServerAliveInterval=15", "-l", user, "--", "tablet"}
	cmd := exec.Command(program, append(args, command...)...) //nolint:gosec,noctx // OpenSSH, with what was typed; it ends by its own signals
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stdout, a.stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exitStatus(exit.ExitCode())
	}
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	return nil
}

// shellQuote makes one word for the shell that starts a ProxyCommand.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
