// Package convert writes an image to a file in the form that somebody wants: raw or sparse.
//
// A file is there whole or not at all. What a sparse image leaves as it is on the tablet
// (don't-care) is a hole in a raw file, and so zeros, which would be written: whoever converts
// says so ([image.Image.Sums]).
package convert

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zarya-station/zarya/flash/image"
)

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
