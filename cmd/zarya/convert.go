// This file is zarya image convert: raw to sparse and back.

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
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
	switch {
	case to != "":
	case len(files) > 1:
		to = im.Format()
	case im.Format() == image.FormatSparse:
		to = image.FormatRaw
	default:
		to = image.FormatSparse
	}
	if kept := im.Sums()[image.DontCare].Bytes; to == image.FormatRaw && kept > 0 {
		a.warn("%s leaves %d bytes as they are on the tablet; in %s they are zeros, which are written", files[0], kept, out)
	}
	if err := writeWhole(out, func(f *os.File) error { return writeImage(ctx, f, im, to) }); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return problem.New(problem.Station, "nothing was made", "%w", err)
	}
	return a.inspect([]string{out}, 0, true)
}

// writeWhole makes a file that is there whole or not at all.
func writeWhole(out string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(out), "."+filepath.Base(out)+".part-")
	if err != nil {
		return err
	}
	if err = write(f); err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), out)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// writeImage writes an image in a format. Zeros of a raw one are holes.
func writeImage(ctx context.Context, f *os.File, im *image.Image, to image.Format) error {
	if to == image.FormatSparse {
		pieces, err := im.Pieces(1<<62, image.Sparse)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(&until{ctx, f}, 1<<20)
		if _, err := pieces.At(0).WriteTo(w); err != nil {
			return err
		}
		return w.Flush()
	}
	for _, e := range im.Extents() {
		if e.Kind == image.DontCare || e.Kind == image.Fill && e.Fill == 0 {
			continue
		}
		at := io.NewOffsetWriter(f, e.Offset)
		if _, err := io.Copy(&until{ctx, at}, io.NewSectionReader(im, e.Offset, e.Length)); err != nil {
			return fmt.Errorf("at byte %d: %w", e.Offset, err)
		}
	}
	return f.Truncate(im.Size())
}

// until is a writer that ends with its context.
type until struct {
	ctx context.Context
	w   io.Writer
}

func (u *until) Write(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.w.Write(p)
}
