//go:build cgo

// The transport on a bus: the rig runs this in its guest, beside a virtual tablet.

package libusb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// TestOnBus talks to the tablet in fastboot that ZARYA_TEST_USB names by its bus and
// address, as 1:5. It writes nothing to the tablet's storage.
func TestOnBus(t *testing.T) {
	var bus, address int
	if _, err := fmt.Sscanf(os.Getenv("ZARYA_TEST_USB"), "%d:%d", &bus, &address); err != nil {
		t.Skip("ZARYA_TEST_USB names no tablet: scripts/rig.sh has some")
	}
	var h Host
	open := func() *Conn {
		t.Helper()
		c, err := h.Open(t.Context(), bus, address)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	// Transfers of all lengths around those of packets and pieces.
	c := open()
	client := fastboot.NewClient(c, fastboot.Options{})
	for _, n := range []int{
		1, 63, 64, 65, 511, 512, 513, 1024, 4096, pieceSize - 1, pieceSize, pieceSize + 1, 4*pieceSize + 512, 10*pieceSize + 17,
	} {
		if err := client.Download(t.Context(), fastboot.Bytes(bytes.Repeat([]byte{byte(n)}, n)), nil); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	var remote *fastboot.RemoteError
	if _, err := client.Command(t.Context(), "nonsense"); !errors.As(err, &remote) {
		t.Errorf("nonsense: %v", err)
	}
	if _, err := client.Getvar(t.Context(), "serialno"); err != nil {
		t.Errorf("after nonsense: %v", err)
	}

	// What is claimed is busy for anyone else.
	var e *Error
	if _, err := h.Open(t.Context(), bus, address); !errors.As(err, &e) || e.Kind != Busy {
		t.Errorf("claimed twice: %v", err)
	}

	// A read that nothing answers ends with its context, and with Close; neither gives the
	// port up, and the next one has it.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	if _, err := c.ReadPacket(ctx, make([]byte, 256)); !errors.Is(err, context.DeadlineExceeded) || c.wedged.Load() {
		t.Errorf("a read of nothing: %v", err)
	}
	cancel()
	done := make(chan error)
	go func() {
		_, err := c.ReadPacket(t.Context(), make([]byte, 256))
		done <- err
	}()
	for len(c.calls) == 0 { // until it is under way
		runtime.Gosched()
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close with a read under way: %v", err)
	}
	if err := <-done; !errors.Is(err, errClosed) {
		t.Errorf("a read that was closed: %v", err)
	}
	again := fastboot.NewClient(open(), fastboot.Options{})
	if _, err := again.Getvar(t.Context(), "serialno"); err != nil {
		t.Error(err)
	}
	if err := again.Close(); err != nil || h.open.Load() != 0 {
		t.Errorf("%v, %d are open", err, h.open.Load())
	}
}
