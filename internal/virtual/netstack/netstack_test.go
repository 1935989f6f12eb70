package netstack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// cable is one end of a cable of frames.
type cable struct {
	in, out chan []byte
	pulled  chan struct{}
	pull    *sync.Once
}

func newCable() (a, b cable) {
	one, other := make(chan []byte, 64), make(chan []byte, 64)
	pulled, once := make(chan struct{}), new(sync.Once)
	return cable{one, other, pulled, once}, cable{other, one, pulled, once}
}

var errPulled = errors.New("the cable is pulled")

func (c cable) Pull() { c.pull.Do(func() { close(c.pulled) }) }

func (c cable) ReadTransfer() ([]byte, error) {
	select {
	case b := <-c.in:
		return b, nil
	case <-c.pulled:
		return nil, errPulled
	}
}

func (c cable) Write(frame []byte) (int, error) {
	select {
	case c.out <- bytes.Clone(frame):
		return len(frame), nil
	case <-c.pulled:
		return 0, errPulled
	}
}

// TestEcho connects a host's stack with a tablet's by a cable, and pulls it.
func TestEcho(t *testing.T) {
	hostMAC, tabletMAC := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	host, err := New(hostMAC)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	tablet, err := New(tabletMAC)
	if err != nil {
		t.Fatal(err)
	}
	defer tablet.Close()
	l, err := tablet.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := tablet.Listen(); err == nil {
		t.Error("the port was given twice")
	}
	a, b := newCable()
	var wg sync.WaitGroup
	wg.Go(func() { host.Run(t.Context(), a) })
	wg.Go(func() { tablet.Run(t.Context(), b) })
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn)
	}()
	b.out <- []byte("too short for a frame")[:5]
	b.out <- make([]byte, MaxFrame+1)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // only against a hang
	defer cancel()
	to := tcpip.FullAddress{NIC: nic, Addr: header.LinkLocalAddr(tcpip.LinkAddress(tabletMAC[:])), Port: sshPort}
	conn, err := gonet.DialContextTCP(ctx, host.stack, to, ipv6.ProtocolNumber)
	if err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("0123456789"), 2000) // many frames
	go func() { _, _ = conn.Write(text) }()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the echo differs (%v)", err)
	}
	_ = conn.Close()
	<-echoed
	a.Pull()
	wg.Wait()
}

// TestEnds ends the tablet's frames with its context, too.
func TestEnds(t *testing.T) {
	n, err := New([6]byte{2, 0, 0, 0, 0, 3})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, cancel := context.WithCancel(t.Context())
	a, _ := newCable()
	cancel()
	a.Pull()
	n.Run(ctx, a)
}
