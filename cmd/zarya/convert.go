// This file is zarya image convert: raw to sparse and back.

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/convert"
	"github.com/zarya-station/zarya/internal/problem"
)

func newImageConvert(a *app) *cobra.Command {
	var to string
	var raw bool
	cmd := &cobra.Command{
		Use:   "convert FILE… OUT",
		Short: "Make a sparse image of a raw one, or a raw one of a sparse one; join pieces",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if !slices.Contains([]string{"", "raw", "sparse"}, to) {
				return problem.New(problem.Usage, "known are raw, sparse", "--to: no format %q", to)
			}
			last := len(args) - 1
			return a.convert(args[:last], args[last], image.Format(to), raw)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "`FORMAT` of OUT: raw, sparse (default: the other one; that of the pieces)")
	cmd.Flags().BoolVar(&raw, "raw", false, rawHelp)
	return cmd
}

func (a *app) convert(files []string, out string, to image.Format, raw bool) error {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.Usage, "name another file", "%s is there already", out)
	}
	im, err := image.OpenPieces(a.ctx, files, image.Options{Cache: a.ImageCache(), Raw: raw})
	if err != nil {
		return problem.New(problem.Invalid, "check the file; nothing was written", "%w", err)
	}
	defer func() { _ = im.Close() }() // it was only read
	to = convert.Format(im, len(files), to)
	if kept := im.Sums()[image.DontCare].Bytes; to == image.FormatRaw && kept > 0 {
		a.warn("%s leaves %d bytes as they are on the tablet; in %s they are zeros, which are written", files[0], kept, out)
	}
	if err := convert.Write(a.ctx, im, out, to); err != nil {
		if a.ctx.Err() != nil {
			return context.Cause(a.ctx)
		}
		return problem.New(problem.Station, "nothing was made", "%w", err)
	}
	return a.inspect([]string{out}, 0, true)
}
