// The transport over endpoints made of memory: the suite that all transports pass, and
// what happens when a transfer never comes back.

package libusb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/fastboot/fastboottest"
)

// TestSuite is the conformance suite, over the packet sizes of full, high and super
// speed, with devices that end full packets with an empty one and devices that do not.
func TestSuite(t *testing.T) {
	for _, c := range []struct {
		packet int
		zlp    bool
	}{{64, true}, {512, false}, {512, true}, {1024, false}} {
		t.Run(fmt.Sprintf("packets of %d, empty ones %v", c.packet, c.zlp), func(t *testing.T) {
			fastboottest.RunInBubble(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
				b := newBus(c.packet, c.zlp)
				return b.open(t), device{b}
			})
		})
	}
}

// wedge makes a connection whose cancelled transfers come back only with free.
func wedge(t *testing.T) (c *Conn, b *bus, free func()) {
	t.Helper()
	b = newBus(512, false)
	b.stuck = make(chan struct{})
	return b.open(t), b, func() { close(b.stuck) }
}

func wedged(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != Wedged || !strings.Contains(err.Error(), "/dev/bus/usb/001/002") {
		t.Errorf("%v, want a port that is given up", err)
	}
}

// TestWedged gives up a call that never comes back: within its time, whatever it does.
// From then on the transfer has memory of its own: what the caller does with its buffer
// changes nothing that is on its way, and nothing arrives in it.
func TestWedged(t *testing.T) {
	calls := map[string]func(ctx context.Context, c *Conn, p []byte) error{
		"WritePacket": func(ctx context.Context, c *Conn, p []byte) error { return c.WritePacket(ctx, p) },
		"ReadPacket":  func(ctx context.Context, c *Conn, p []byte) error { _, err := c.ReadPacket(ctx, p); return err },
		"ReadData":    func(ctx context.Context, c *Conn, p []byte) error { _, err := c.ReadData(ctx, p); return err },
		"WriteData": func(ctx context.Context, c *Conn, p []byte) error {
			for { // until the queue is full
				if err := c.WriteData(ctx, p); err != nil {
					return err
				}
			}
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, b, free := wedge(t)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				start := time.Now()
				p := bytes.Repeat([]byte{'a'}, pieceSize)
				wedged(t, call(ctx, c, p))
				if d := time.Since(start); d != time.Second+giveUpAfter {
					t.Errorf("given up after %v", d)
				}
				copy(p, bytes.Repeat([]byte{'b'}, len(p))) // the caller's buffer is somebody else's now
				if err := (device{b}).WriteData(bytes.Repeat([]byte{'c'}, 600)); err != nil {
					t.Error(err)
				}
				// Nothing else is tried, at once, and the port is left alone.
				start = time.Now()
				wedged(t, call(t.Context(), c, p))
				if err := c.Close(); err != nil || time.Since(start) != 0 || b.closes.Load() != 0 {
					t.Errorf("Close of a wedged port: %v after %v", err, time.Since(start))
				}
				if strings.HasPrefix(name, "Write") { // what was on its way goes on
					if took, _, err := (device{b}).take(pieceSize); err != nil || bytes.ContainsRune(took, 'b') {
						t.Errorf("the device got %q…, %v", took[:1], err)
					}
				}
				free()
				synctest.Wait()
				b.mu.Lock()
				for _, out := range b.out {
					if bytes.ContainsRune(out.data, 'b') {
						t.Error("a transfer reads the buffer of a caller who was told that it is given up")
					}
				}
				b.mu.Unlock()
				if bytes.ContainsRune(p, 'c') {
					t.Error("a late transfer arrived in the buffer of a caller who was told that it is given up")
				}
				if n := c.host.open.Load(); n != 1 {
					t.Errorf("%d tablets hold memory: the wedged one still does", n)
				}
			})
		})
	}
}

// TestCloseWedged: a call under way that does not come back does not hold up Close for
// ever.
func TestCloseWedged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, b, free := wedge(t)
		read := make(chan error, 1)
		go func() {
			_, err := c.ReadPacket(t.Context(), make([]byte, 256))
			read <- err
		}()
		synctest.Wait()
		start := time.Now()
		wedged(t, c.Close())
		wedged(t, <-read)
		if d := time.Since(start); d != giveUpAfter {
			t.Errorf("Close took %v", d)
		}
		if b.closes.Load() != 0 {
			t.Error("closed below a transfer under way")
		}
		free()
	})
}

// neverCloses is a device whose release hangs.
type neverCloses struct {
	*bus
	free chan struct{}
}

func (n neverCloses) close() error { <-n.free; return n.bus.close() }

func TestCloseHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, n := &Host{}, neverCloses{newBus(512, false), make(chan struct{})}
		c := h.newConn("/dev/bus/usb/001/002", n)
		start := time.Now()
		wedged(t, c.Close())
		wedged(t, c.Close())
		if d := time.Since(start); d != giveUpAfter {
			t.Errorf("Close took %v", d)
		}
		close(n.free)
	})
}

// TestClosed: a closed connection says so, gives its share of memory to others, and is
// closed once.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus(512, false)
		c := b.open(t)
		if err := errors.Join(c.WriteData(t.Context(), make([]byte, pieceSize+1)), c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if b.closes.Load() != 1 || c.host.open.Load() != 0 || len(b.out) != 0 {
			t.Errorf("closed %d times, %d open, %d transfers left", b.closes.Load(), c.host.open.Load(), len(b.out))
		}
		if err := c.WritePacket(t.Context(), []byte("reboot")); !errors.Is(err, errClosed) {
			t.Error(err)
		}
	})
}

// TestOversize: what is longer than its room is the device's fault, in a data phase too.
func TestOversize(t *testing.T) {
	b := newBus(512, false)
	c, d := b.open(t), device{b}
	for name, read := range map[string]func(context.Context, []byte) (int, error){"ReadPacket": c.ReadPacket, "ReadData": c.ReadData} {
		if err := d.Reply(strings.Repeat("x", 300)); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t.Context(), make([]byte, 256)); !errors.Is(err, fastboot.ErrOversize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
