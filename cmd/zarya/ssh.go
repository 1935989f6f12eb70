// This file is zarya ssh and zarya connect: into the booted tablet in a port.

package main

import (
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target/reach"
)

func newConnect(a *app) *cobra.Command {
	var port uint16
	cmd := &cobra.Command{
		Use:   "connect TARGET",
		Short: "Connect standard input and output to the booted tablet in a port",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			t, err := a.One(args[0])
			if err != nil {
				return err
			}
			conn, err := reach.Dial(a.Context, t, int(port), a.Wait)
			if err != nil {
				return err
			}
			return reach.Pipe(a.Context, conn, a.In, a.Out)
		},
	}
	a.waitFlag(cmd)
	cmd.Flags().Uint16Var(&port, "tcp-port", 0, "another TCP `PORT` of the tablet than SSH's")
	return cmd
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
	t, err := a.One(name)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return problem.New(problem.Station, "", "%w", err)
	}
	cmd, err := reach.SSH(self, t, user, a.Wait, command)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Out, a.Err
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
