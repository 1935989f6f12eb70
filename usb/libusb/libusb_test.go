//go:build cgo

// What needs no bus; the rest is proved in the rig, on one.

package libusb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/gousb"
)

func TestDepth(t *testing.T) {
	for _, c := range []struct{ budget, tablets, want int }{{16 << 20, 1, 4}, {16 << 20, 12, 4}, {16 << 20, 16, 3}, {16 << 20, 30, 1}, {16 << 20, 100, 1}, {1 << 30, 100, 4}, {0, 1, 1}} {
		if got := depthFor(c.budget, c.tablets); got != c.want {
			t.Errorf("%d bytes for %d tablets: %d, not %d", c.budget, c.tablets, got, c.want)
		}
	}
}

// TestWedged gives up a call that never comes back.
func TestWedged(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	c := &Conn{node: node(1, 2)}
	err := c.bounded(ctx, func() error { <-never; return nil })
	var e *Error
	if !errors.As(err, &e) || e.Kind != Wedged || !strings.Contains(err.Error(), "/dev/bus/usb/001/002") {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestExplain knows libusb's errors also where gousb only quotes them.
func TestExplain(t *testing.T) {
	c := &Conn{node: node(1, 2)}
	for err, want := range map[error]Kind{
		gousb.ErrorAccess: Permission,
		errors.New("failed to claim interface 0: " + gousb.ErrorBusy.Error()): Busy,
		fmt.Errorf("x: %w", gousb.TransferNoDevice):                           Gone,
		errors.New("no idea"): Unavailable,
	} {
		var e *Error
		if !errors.As(c.explain(err), &e) || e.Kind != want {
			t.Errorf("%v is of kind %d, not %d", err, e.Kind, want)
		}
	}
	if !errors.Is(noMemory(errors.New("submit: "+gousb.ErrorNoMem.Error())), errNoMemory) || noMemory(nil) != nil {
		t.Error("ENOMEM is not known")
	}
}

func TestNothingThere(t *testing.T) {
	_, err := Open(t.Context(), 99, 99)
	var e *Error
	if !errors.As(err, &e) || e.Kind != Gone && e.Kind != Unavailable {
		t.Error(err)
	}
}
