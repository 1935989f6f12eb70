// This file is the data phase to the device: what is sent, and how it is handed to the
// transport.

package fastboot

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"
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

// Delivered returns how many bytes the transport knows to have reached the device since
// the connection began; ok is false for a transport that does not know. It may be called
// while a command is under way.
func (c *Client) Delivered() (n int64, ok bool) {
	if t, has := c.t.(deliveryCounter); has {
		return t.Delivered()
	}
	return 0, false
}

// dataWriter hands a payload to the transport in windows, each under the idle
// limit.
type dataWriter struct {
	x        *exchange
	left     int64
	progress func(int)
	pace     func() int64 // nil: as fast as it goes
	err      error        // the first failure; a payload that ignores it gets it again
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
		part := w.next(min(n, fileWindow))
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

// next returns how much of n bytes may be written now, and moves the deadline by the time
// that the pace took.
func (w *dataWriter) next(n int64) int64 {
	if w.pace == nil {
		return n
	}
	start := time.Now()
	n = min(n, w.pace())
	if held := time.Since(start); held > time.Millisecond {
		x := w.x
		x.cancel()
		x.until = x.until.Add(held)
		x.ctx, x.cancel = context.WithDeadline(x.parent, x.until)
	}
	return n
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
		part := p[done : done+int(w.next(int64(min(dataWindow, len(p)-done))))]
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
