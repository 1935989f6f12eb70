// This file is the data phase to the device: what is sent, and how it is handed to the
// transport.

package fastboot

import (
	"context"
	"fmt"
	"io"
	"os"
)

// Payload is what a data phase sends. It is asked once per data phase.
type Payload interface {
	Size() int64
	WriteTo(w io.Writer) (int64, error)
}

// Bytes is a payload held in memory.
type Bytes []byte

// Size is the number of bytes.
func (b Bytes) Size() int64 { return int64(len(b)) }

// WriteTo writes the bytes to w.
func (b Bytes) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err
}

// dataWriter hands a payload to the transport in windows, each under the idle
// limit.
type dataWriter struct {
	x        *exchange
	left     int64
	progress func(int)
	err      error // the first failure; a payload that ignores it gets it again
}

// SendFile is Write of n bytes of f from off on, by a transport that can: handled is
// false, and nothing was sent, by others.
func (w *dataWriter) SendFile(f *os.File, off, n int64) (handled bool, err error) {
	t, ok := w.x.c.t.(fileSender)
	if !ok {
		return false, nil
	}
	if w.err == nil && n > w.left {
		w.err = fmt.Errorf("%s: the image is longer than it said", w.x.cmd)
	}
	for w.err == nil && n > 0 {
		part := min(n, fileWindow)
		if _, w.err = w.x.timed("data", func(ctx context.Context) (int, error) {
			return int(part), t.SendFile(ctx, f, off, part)
		}); w.err != nil {
			break
		}
		off, n, w.left = off+part, n-part, w.left-part
		if w.progress != nil {
			w.progress(int(part))
		}
	}
	return true, w.err
}

func (w *dataWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if int64(len(p)) > w.left {
		w.err = fmt.Errorf("%s: the image is longer than it said", w.x.cmd)
		return 0, w.err
	}
	done := 0
	for done < len(p) {
		part := p[done:min(done+dataWindow, len(p))]
		if _, err := w.x.timed("data", func(ctx context.Context) (int, error) {
			return len(part), w.x.c.t.WriteData(ctx, part)
		}); err != nil {
			w.err = err
			return done, err
		}
		done += len(part)
		w.left -= int64(len(part))
		if w.progress != nil {
			w.progress(len(part))
		}
	}
	return done, nil
}
