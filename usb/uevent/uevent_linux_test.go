package uevent

import (
	"context"
	"strings"
	"testing"
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

func FuzzConcerns(f *testing.F) {
	f.Add([]byte("add@/x\x00SUBSYSTEM=usb"))
	f.Fuzz(func(_ *testing.T, b []byte) { concerns(b) })
}
