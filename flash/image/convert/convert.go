// Package convert writes an image to a file in another form: raw or sparse. [Make] is all of it,
// from the names of files; [Format] chooses the form where none was asked for, [Write] writes an
// image that is open.
//
// The file appears complete or not at all. Blocks that a sparse image leaves untouched on the
// tablet (don't-care) become holes in a raw file, which read as zeros and would be flashed as
// zeros; Make warns of that. Compressed files and archives are unpacked by package image.
package convert

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

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/ctxio"
	"github.com/zarya-station/zarya/internal/problem"
)

// Make makes the file out of an image, or of its pieces, in the form that is wanted: raw, sparse,
// or "" for the one that [Format] chooses. warn is told of what the new file says otherwise.
func Make(ctx context.Context, files []string, out, wanted string, o image.Options, warn func(format string, args ...any)) error {
	if !slices.Contains([]string{"", "raw", "sparse"}, wanted) {
		return problem.New(problem.Usage, "choose one of raw, sparse", "--to: no format %q", wanted)
	}
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return problem.New(problem.Usage, "name another file", "%s is there already", out)
	}
	im, err := image.OpenPieces(ctx, files, o)
	if err != nil {
		return problem.New(problem.Invalid, "check the file; nothing was written", "%w", err)
	}
	defer func() { _ = im.Close() }() // it was only read
	to := Format(im, len(files), image.Format(wanted))
	if kept := im.Sums()[image.DontCare].Bytes; to == image.FormatRaw && kept > 0 {
		warn("%s leaves %d bytes as they are on the tablet; in %s they are zeros, which are written", files[0], kept, out)
	}
	if err := Write(ctx, im, out, to); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return problem.New(problem.Station, "nothing was made", "%w", err)
	}
	return nil
}

// Format is the form of a file that is made of an image: the one that is wanted, or else that
// of its pieces if there are several, or else the other one.
func Format(im *image.Image, pieces int, wanted image.Format) image.Format {
	switch {
	case wanted != "":
		return wanted
	case pieces > 1:
		return im.Format()
	case im.Format() == image.FormatSparse:
		return image.FormatRaw
	}
	return image.FormatSparse
}

// Write makes the file out of an image, whole or not at all.
func Write(ctx context.Context, im *image.Image, out string, to image.Format) error {
	return writeWhole(out, func(f *os.File) error { return writeImage(ctx, f, im, to) })
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
		w := bufio.NewWriterSize(ctxio.Writer{Context: ctx, W: f}, 1<<20)
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
		if _, err := io.Copy(ctxio.Writer{Context: ctx, W: at}, io.NewSectionReader(im, e.Offset, e.Length)); err != nil {
			return fmt.Errorf("at byte %d: %w", e.Offset, err)
		}
	}
	return f.Truncate(im.Size())
}
