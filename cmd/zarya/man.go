//go:build man

// This file writes the manual pages, for packages: go run -tags man ./cmd/zarya man FOLDER.
// The program that is released has neither this verb nor what it needs.

package main

import (
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/zarya-station/zarya/internal/build"
	"github.com/zarya-station/zarya/internal/problem"
)

func init() {
	moreVerbs = append(moreVerbs, func(a *app) *cobra.Command {
		return &cobra.Command{Use: "man FOLDER", Hidden: true, Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return a.writeManual(cmd.Root(), args[0])
		}}
	})
}

// writeManual writes a page a verb. They have the date of SOURCE_DATE_EPOCH, so that they are
// the same whenever they are made.
func (a *app) writeManual(root *cobra.Command, folder string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return problem.New(problem.Usage, "set it to the seconds of the last commit", "SOURCE_DATE_EPOCH: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // pages are for all to read
		return err
	}
	root.DisableAutoGenTag = true
	date := time.Unix(seconds, 0).UTC()
	header := &doc.GenManHeader{Title: "ZARYA", Section: "1", Source: "Zarya " + build.Version(), Manual: "Zarya", Date: &date}
	return doc.GenManTree(root, header, folder)
}
