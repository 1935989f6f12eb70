// This file is the flags with which the targets of a verb are chosen.

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/target"
)

// targetFlags adds to a verb the choice of its targets.
func (a *app) targetFlags(cmd *cobra.Command, list *[]string) {
	cmd.Flags().StringArrayVarP(list, "target", "s", nil,
		"`TARGET` to work on, repeatable: SERIAL, usb:1-1.3, "+target.Forms())
	kindFlag(cmd, list, "port",
		"the tablet in port `P`, repeatable: 1-1.3, a path, a name, or a quoted glob (* one number, ** any depth)")
	if cmd.Flags().Lookup("serial") == nil {
		kindFlag(cmd, list, "serial", "the tablet on USB with serial `S`, repeatable")
	}
	a.waitFlag(cmd)
}

// kindFlag adds a flag for targets of a kind, such as port: that any list of targets may have.
func kindFlag(cmd *cobra.Command, list *[]string, name, usage string) {
	cmd.Flags().Func(name, usage, func(value string) error {
		if value == "" {
			return errors.New("it is empty")
		}
		*list = append(*list, name+":"+value)
		return nil
	})
}

func (a *app) waitFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.Wait, "wait-for-device", 0, "wait this long, such as 60s, for each target to appear")
}
