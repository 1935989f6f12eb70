package uevent

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	wake, err := Listen(ctx)
	if err != nil { // a sandbox without netlink: a watcher polls, and says why
		if !strings.HasPrefix(err.Error(), "kernel events: ") {
			t.Error(err)
		}
		cancel()
		return
	}
	cancel()
	for range wake { // until it is closed
	}
}

func TestConcerns(t *testing.T) {
	for message, want := range map[string]bool{
		"add@/devices/x\x00ACTION=add\x00DEVPATH=/devices/x\x00SUBSYSTEM=usb\x00SEQNUM=1\x00": true,
		"move@/x\x00SUBSYSTEM=net\x00": true, "add@/x\x00SUBSYSTEM=block\x00": false, "": false, "\x00SUBSYSTEM=usb2": false,
	} {
		if got := concerns([]byte(message)); got != want {
			t.Errorf("%q: %v", message, got)
		}
	}
}

// TestWakes: each message that matters wakes once, so does a loss of messages, and an error
// ends it.
func TestWakes(t *testing.T) {
	const usb, block = "add@/x\x00SUBSYSTEM=usb\x00", "add@/x\x00SUBSYSTEM=block\x00"
	for _, c := range []struct {
		name string
		said []any // string or error, one after the other
		wake bool
	}{
		{"a device", []any{usb}, true},
		{"many are one", []any{usb, usb, usb}, true},
		{"a disk", []any{block, block}, false},
		{"nothing", []any{unix.EAGAIN, unix.EINTR}, false},
		{"lost", []any{unix.ENOBUFS}, true},
		{"after other things", []any{block, unix.EAGAIN, usb}, true},
		{"empty", []any{""}, false},
	} {
		ended := false
		wake := listen(t.Context(), func(buf []byte) (int, error) {
			if len(c.said) == 0 {
				return 0, errors.New("the socket is closed")
			}
			next := c.said[0]
			c.said = c.said[1:]
			if err, ok := next.(error); ok {
				return 0, err
			}
			return copy(buf, next.(string)), nil
		}, func() { ended = true })
		n := 0
		for range wake {
			n++
		}
		if (n > 0) != c.wake || !ended {
			t.Errorf("%s: woken %d times, ended %v", c.name, n, ended)
		}
	}
}

// TestKernel has the kernel say that something changed, as root may.
func TestKernel(t *testing.T) {
	const trigger = "/sys/class/net/lo/uevent"
	wake, err := Listen(t.Context())
	if err != nil {
		t.Skip("no netlink here: ", err)
	}
	if err := os.WriteFile(trigger, []byte("change"), 0); err != nil {
		t.Skip("the kernel is asked for an event by root only: ", err)
	}
	if _, ok := <-wake; !ok {
		t.Error("it ended")
	}
}

// FuzzConcerns: only a field of its own that names one of the two subsystems counts.
func FuzzConcerns(f *testing.F) {
	f.Add([]byte("add@/x\x00SUBSYSTEM=usb"))
	f.Add([]byte("SUBSYSTEM=block\x00SUBSYSTEM=usb"))
	f.Add([]byte("\x00XSUBSYSTEM=usb\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fields := "\x00" + string(b) + "\x00"
		if concerns(b) && !strings.Contains(fields, "\x00SUBSYSTEM=usb\x00") && !strings.Contains(fields, "\x00SUBSYSTEM=net\x00") {
			t.Errorf("%q", b)
		}
	})
}
