//go:build man

// This file writes the manual pages, for packages: go run -tags man ./cmd/zarya man FOLDER.
// The program that is released has neither this verb nor what it needs.

package main

import (
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/help"
	"github.com/zarya-station/zarya/internal/manpage"
	"github.com/zarya-station/zarya/internal/problem"
)

func init() {
	moreVerbs = append(moreVerbs, func(a *app) *cobra.Command {
		return &cobra.Command{Use: "man FOLDER", Hidden: true, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			// The date of the commit: the same pages whenever they are made.
			seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
			if err != nil {
				return problem.New(problem.Usage, "set it to the seconds of the last commit", "SOURCE_DATE_EPOCH: %w", err)
			}
			help.ReadTexts(cmd.Root(), a.Words)
			return manpage.Write(cmd.Root(), args[0], build.Version(), time.Unix(seconds, 0))
		}}
	})
}
