// This file keeps hold of the scanner: it waits for it, grabs it, and reads it until it
// goes away.

package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"
)

// Kind says what an Event is.
type Kind int

// What happens.
const (
	Ready   Kind = iota // the scanner is there and grabbed; Name is what it calls itself
	Scanned             // Scan was understood
	Dropped             // something was scanned that does nothing; Err says why, Text what was read of it
	Away                // the scanner cannot be used; Err says why; it is waited for
)

// Event is one thing to act on or to show.
type Event struct {
	Kind Kind
	Name string
	Scan Scan
	Text string
	Err  error
}

// retryEvery is how long a scanner that is away is left alone.
const retryEvery = time.Second

// Run reads the scanner at path until ctx ends, and tells what happens, one event at a
// time. A scanner that is not there, or that leaves, is waited for; each absence is told
// once.
func Run(ctx context.Context, path string, tell func(Event)) {
	run(ctx, func() (device, error) { return grab(path) }, tell)
}

// device is a scanner that is ours. Close ends a Read.
type device interface {
	io.ReadCloser
	Name() string
}

func run(ctx context.Context, open func() (device, error), tell func(Event)) {
	var said, last string
	for ctx.Err() == nil {
		d, err := open()
		if err == nil {
			said, last = "", ""
			tell(Event{Kind: Ready, Name: d.Name()})
			err = read(ctx, d, tell)
		}
		if ctx.Err() != nil {
			return
		}
		// A device that was just plugged in is refused for a moment, until udev has given
		// the rights: another reason is told when it stays.
		if why := reason(err); said == "" || why != said && why == last {
			said = why
			tell(Event{Kind: Away, Err: err})
		} else {
			last = why
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

// reason is the same for all errors of a scanner that is not there.
func reason(err error) string {
	for _, gone := range []error{fs.ErrNotExist, syscall.ENODEV, syscall.ENXIO, io.EOF} {
		if errors.Is(err, gone) {
			return "gone"
		}
	}
	return err.Error()
}

// read tells what a scanner scans, until it is gone or ctx ends. It closes the device.
func read(ctx context.Context, d device, tell func(Event)) error {
	strokes, ended := make(chan stroke, 2*MaxText), make(chan error, 1)
	stop := make(chan struct{})
	go func() {
		ended <- strokesOf(d, strokes, stop)
		close(strokes)
	}()
	defer func() {
		_ = d.Close() // it ends the reading
		close(stop)
		<-ended //nolint:errcheck // it was told to end
	}()
	var l line
	idle := time.NewTimer(maxGap)
	defer idle.Stop()
	for {
		var text, why string
		var done bool
		select {
		case <-ctx.Done():
			return ctx.Err()
		case s, ok := <-strokes:
			if !ok {
				err := <-ended
				ended <- nil
				return err
			}
			text, why, done = l.add(s)
			idle.Reset(maxGap)
		case <-idle.C:
			if len(strokes) > 0 {
				continue // this process slept, not the scanner: the strokes have their times
			}
			text, why, done = l.lapse()
		}
		if done {
			tell(understood(text, why))
		}
	}
}

// understood is what a scan means.
func understood(text, why string) Event {
	if why != "" {
		return Event{Kind: Dropped, Text: text, Err: fmt.Errorf("the scan %q does nothing: %s", text, why)}
	}
	s, err := Parse(text)
	if err != nil {
		return Event{Kind: Dropped, Text: text, Err: fmt.Errorf("the scan %q does nothing: %w", text, err)}
	}
	return Event{Kind: Scanned, Scan: s, Text: text}
}

// strokesOf reads events of the kernel until the device ends.
func strokesOf(d io.Reader, to chan<- stroke, stop <-chan struct{}) error {
	buf := make([]byte, 64*eventSize)
	have := 0 // bytes of an event that was read in part, as a pipe may give it
	for {
		n, err := d.Read(buf[have:])
		now := time.Now()
		have += n
		at := 0
		for ; have-at >= eventSize; at += eventSize {
			select {
			case to <- decode(buf[at:], now):
			case <-stop:
				return nil
			}
		}
		have = copy(buf, buf[at:have])
		if err != nil {
			return err
		}
	}
}
