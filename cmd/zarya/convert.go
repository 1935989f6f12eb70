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
		Long: `Make a sparse image of a raw one, or a raw one of a sparse one. FILE may be packed, or
a member of an archive. What a sparse image leaves as it is on the tablet (don't-care) is
zeros in a raw one: those zeros would be written.

Several FILEs are the pieces of one image, in their order, and OUT has the form that they
have: sparse ones as simg2simg and vendors make them (super.img_sparsechunk.0 …), raw ones
one behind the other (super.img.001 …).`,
		Example: `  zarya image convert system.img system.simg
  zarya image convert --to raw system.simg.xz system.img
  zarya image convert super.img_sparsechunk.* super.simg
  zarya image convert UPDATE.APP/SUPER super.img`,
		Args: cobra.MinimumNArgs(2),
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
	ctx, cancel := a.untilSignal()
	defer cancel()
	im, err := image.OpenPieces(ctx, files, image.Options{Cache: a.imageCache(), Raw: raw})
	if err != nil {
		return problem.New(problem.Invalid, "check the file; nothing was written", "%w", err)
	}
	defer func() { _ = im.Close() }() // it was only read
	to = convert.Format(im, len(files), to)
	if kept := im.Sums()[image.DontCare].Bytes; to == image.FormatRaw && kept > 0 {
		a.warn("%s leaves %d bytes as they are on the tablet; in %s they are zeros, which are written", files[0], kept, out)
	}
	if err := convert.Write(ctx, im, out, to); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return problem.New(problem.Station, "nothing was made", "%w", err)
	}
	return a.inspect([]string{out}, 0, true)
}
