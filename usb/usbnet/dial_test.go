// What needs no tablet; the rig reaches them, by IPv6 and IPv4, without root.

package usbnet

import (
	"context"
	"net"
	"strings"
	"testing"
)

func TestNobody(t *testing.T) {
	if _, err := Dial(t.Context(), "nosuch0", 22); err == nil || !strings.Contains(err.Error(), "network interface nosuch0") {
		t.Error(err)
	}
	// This machine itself is nobody's neighbour.
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if list, err := neighbours(t.Context(), lo); err == nil {
		t.Errorf("%v", list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, "lo", 22); err == nil {
		t.Error("an ended context connects")
	}
}
