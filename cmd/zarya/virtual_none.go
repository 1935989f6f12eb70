//go:build novirtual

// This file stands in for virtual.go and try.go in a program for stations that will never
// run virtual tablets: it is smaller, and the verbs say why they do nothing.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
)

// hasVirtual is whether this program was built with virtual tablets.
const hasVirtual = false

func newVirtual(*app) *cobra.Command {
	cmd := leftOut("virtual", "Run virtual tablets (not in this build)")
	cmd.AddCommand(leftOut("images", "Build images for virtual tablets (not in this build)"))
	return cmd
}

func newTry(*app) *cobra.Command {
	return leftOut("try", "Show what zarya does with virtual tablets (not in this build)")
}

// leftOut is a verb that this program was built without. It takes any arguments.
func leftOut(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:                name,
		Short:              short,
		Long:               short,
		Args:               cobra.ArbitraryArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE: func(*cobra.Command, []string) error {
			return problem.New(problem.Station, "install a zarya that was built without the tag novirtual",
				"this zarya was built without virtual tablets (-tags novirtual)")
		},
	}
}
