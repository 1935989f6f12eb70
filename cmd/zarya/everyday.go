// This file has the everyday fastboot verbs: getvar, reboot, boot, oem.
// Each asks all its targets at once.

package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/target/ask"
)

func newGetvar(a *app) *cobra.Command {
	var typed []string
	cmd := &cobra.Command{
		Use:   "getvar NAME… | all",
		Short: "Ask tablets for bootloader variables",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			return runs.AskBootloaders(&a.Front, "getvar", typed, func(ctx context.Context, s ask.Session) ([]fastboot.Var, error) {
				return ask.Getvars(ctx, s, names)
			}, func(vars []fastboot.Var) (lines []string) {
				for _, v := range vars {
					lines = append(lines, v.Name+": "+v.Value)
				}
				return lines
			})
		},
	}
	a.targetFlags(cmd, &typed)
	return cmd
}

// oneLine is a text as the lines of an answer.
func oneLine(s string) []string { return []string{s} }

func newReboot(a *app) *cobra.Command {
	var typed []string
	cmd := &cobra.Command{
		Use:       "reboot [MODE]",
		Short:     "Reboot tablets to " + strings.Join(fastboot.RebootModes, ", "),
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: fastboot.RebootModes,
		RunE: func(_ *cobra.Command, args []string) error {
			mode := "system"
			if len(args) == 1 {
				mode = args[0]
			}
			if !slices.Contains(fastboot.RebootModes, mode) {
				return problem.New(problem.Usage, "choose one of "+strings.Join(fastboot.RebootModes, ", "), "no mode %q to reboot to", mode)
			}
			targets, err := a.Targets(typed)
			if err != nil {
				return err
			}
			answers, err := runs.Ask(&a.Front, func(ctx context.Context, o ask.Options) ([]ask.Answer[string], error) {
				return ask.Reboot(ctx, o, a.Locks(), targets, mode)
			})
			if err != nil {
				return err
			}
			return runs.PrintAnswers(&a.Front, "reboot", answers, oneLine)
		},
	}
	a.targetFlags(cmd, &typed)
	return cmd
}

func newBoot(a *app) *cobra.Command {
	var typed []string
	cmd := &cobra.Command{
		Use:   "boot FILE",
		Short: "Start a boot image without writing it",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			use := recipe.ImageUse{Partition: "boot", File: args[0]}
			opened, err := a.openImages(use)
			if err != nil {
				return err
			}
			im := opened.Of(use)
			defer opened.Close()
			return runs.AskBootloaders(&a.Front, "boot", typed, func(ctx context.Context, s ask.Session) (string, error) {
				pieces, err := im.Pieces(0xffffffff, image.Raw)
				if err != nil {
					return "", err
				}
				if err := s.Download(ctx, pieces.At(0), nil); err != nil {
					return "", err
				}
				return "booting " + args[0] + " " + im.Digest(), s.Boot(ctx)
			}, oneLine)
		},
	}
	a.targetFlags(cmd, &typed)
	return cmd
}

func newOEM(a *app) *cobra.Command {
	var typed []string
	cmd := &cobra.Command{
		Use:   "oem WORDS…",
		Short: "Send a vendor's question to the bootloader",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			words := strings.Join(args, " ")
			if !slices.Contains(ask.OEMAllowed, words) {
				return problem.New(problem.Usage, "allowed are "+strings.Join(ask.OEMAllowed, ", "),
					"oem %s is not passed on: it could wipe or lock the tablet", words)
			}
			return runs.AskBootloaders(&a.Front, "oem", typed, func(ctx context.Context, s ask.Session) ([]string, error) {
				return s.OEMLines(ctx, words)
			}, func(lines []string) []string { return lines })
		},
	}
	a.targetFlags(cmd, &typed)
	return cmd
}
