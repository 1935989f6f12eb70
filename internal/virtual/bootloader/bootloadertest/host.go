// Package bootloadertest is a host for tests of a tablet's bootloader: it sends packets over
// a network in memory and gathers what comes back. It shares no code with the framing that
// it tests.
package bootloadertest

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

// Host is a host of a few lines, which knows only the framing.
type Host struct{ net.Conn }

// Send sends one packet.
func (h Host) Send(p string) error {
	_, err := h.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(p))), p...))
	return err
}

// Receive waits for one packet.
func (h Host) Receive() (string, error) {
	var head [8]byte
	if _, err := io.ReadFull(h, head[:]); err != nil {
		return "", err
	}
	b := make([]byte, binary.BigEndian.Uint64(head[:]))
	_, err := io.ReadFull(h, b)
	return string(b), err
}

// Say sends packets and gathers what comes back until OKAY, FAIL, DATA or the end.
func (h Host) Say(packets ...string) string {
	var said []string
	for _, p := range packets {
		if err := h.Send(p); err != nil {
			return strings.Join(append(said, "gone"), "|")
		}
		for {
			r, err := h.Receive()
			if err != nil {
				return strings.Join(append(said, "gone"), "|")
			}
			said = append(said, r)
			if !strings.HasPrefix(r, "INFO") && !strings.HasPrefix(r, "TEXT") {
				break
			}
		}
	}
	return strings.Join(said, "|")
}

// Connect greets the tablet that listens at address.
func Connect(t *testing.T, n *memnet.Net, address string) Host {
	t.Helper()
	conn, err := n.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "FB01"); err != nil {
		t.Fatal(err)
	}
	var hello [4]byte
	if _, err := io.ReadFull(conn, hello[:]); err != nil || string(hello[:]) != "FB01" {
		t.Fatalf("%q %v", hello, err)
	}
	return Host{conn}
}
