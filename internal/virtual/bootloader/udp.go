// This file is the device's side of fastboot over UDP (AOSP fastboot README, "UDP
// Protocol v1"): the device only ever answers; an answer that got lost is given
// again when the host repeats its packet.

package bootloader

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
)

const (
	udpError, udpQuery, udpInit, udpFastboot = 0, 1, 2, 3

	udpHeader    = 4
	udpMaxPacket = 8192
	udpMinPacket = 512
	udpPatience  = 200 * time.Millisecond // well below the host's 500 ms
)

// ServePackets answers hosts on conn until conn is closed, or a session ends as Serve does.
func (b *Bootloader) ServePackets(ctx context.Context, conn net.PacketConn) error {
	s := &udpServer{serve: b.Serve, ctx: ctx, conn: conn, size: udpMinPacket}
	defer s.endSession()
	return s.run()
}

// udpServer is one UDP port. Its own goroutine answers packets; the session under way runs
// beside it behind a udpLink.
type udpServer struct {
	serve func(context.Context, Link) error
	ctx   context.Context
	conn  net.PacketConn
	seq   uint16 // of the next packet
	size  int    // largest packet
	last  []byte // the answer to the packet before
	link  *udpLink
}

// udpLink hands messages between the server and the session.
type udpLink struct {
	ctx     context.Context
	cancel  context.CancelFunc
	in      chan udpPart
	out     chan []byte
	done    chan struct{} // the session ended with err
	err     error
	rest    udpPart // read in part
	sending []byte  // of the message under way to the host; the server's
}

type udpPart struct {
	bytes []byte
	last  bool // of its message
}

func (s *udpServer) endSession() {
	if s.link != nil {
		s.link.cancel()
		<-s.link.done
		s.link = nil
	}
}

func (s *udpServer) beginSession() {
	s.endSession()
	l := &udpLink{in: make(chan udpPart), out: make(chan []byte), done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	s.link = l
	go func() {
		l.err = s.serve(l.ctx, l)
		close(l.done)
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // wake the server, after there is something to see
	}()
}

func (s *udpServer) run() error {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		woken := errors.Is(err, os.ErrDeadlineExceeded)
		if woken { // rest, before looking why
			_ = s.conn.SetReadDeadline(time.Time{})
		}
		if s.link != nil {
			select {
			case <-s.link.done:
				err := s.link.err
				var gone *device.Departure
				var broken *storage.Error
				if errors.As(err, &gone) || errors.As(err, &broken) {
					return err
				}
				s.link = nil
			default:
			}
		}
		if woken {
			continue
		}
		if err != nil {
			return err
		}
		if n < udpHeader {
			continue
		}
		if answer := s.answer(buf[0], buf[1], binary.BigEndian.Uint16(buf[2:]), buf[udpHeader:n]); answer != nil {
			if _, err := s.conn.WriteTo(answer, from); err != nil {
				return err
			}
		}
	}
}

// answer is the packet that answers a packet; nil is silence.
func (s *udpServer) answer(id, flags byte, seq uint16, payload []byte) []byte {
	packet := func(flags byte, payload ...byte) []byte {
		return append([]byte{id, flags, byte(seq >> 8), byte(seq)}, payload...)
	}
	if id == udpQuery {
		return packet(0, byte(s.seq>>8), byte(s.seq))
	}
	if seq != s.seq {
		if seq == s.seq-1 {
			return s.last // repeated: the answer got lost
		}
		return nil
	}
	switch id {
	case udpInit:
		if len(payload) < 4 {
			id = udpError
			return packet(0, []byte("init needs version and size")...)
		}
		s.size = max(udpMinPacket, min(udpMaxPacket, int(binary.BigEndian.Uint16(payload[2:]))))
		s.beginSession()
		s.last = packet(0, 0, 1, byte(udpMaxPacket>>8), byte(udpMaxPacket&0xff))
	case udpFastboot:
		if s.link == nil {
			id = udpError
			return packet(0, []byte("no session")...)
		}
		if len(payload) > 0 {
			if !s.link.deliver(udpPart{append([]byte(nil), payload...), flags&1 == 0}) {
				return nil // busy; the host repeats it
			}
			s.last = packet(0)
			break
		}
		part, more := s.link.collect(s.size - udpHeader)
		if part == nil {
			return nil // nothing to say yet: AOSP's host takes an empty answer for an unknown status
		}
		s.last = packet(more, part...)
	default:
		return nil
	}
	s.seq++
	return s.last
}

// deliver gives a part to the session; false if it does not take it in time.
func (l *udpLink) deliver(p udpPart) bool {
	timer := time.NewTimer(udpPatience)
	defer timer.Stop()
	select {
	case l.in <- p:
		return true
	case <-l.done:
	case <-timer.C:
	}
	return false
}

// collect takes up to n bytes that the session has to say; nil if there are none yet.
func (l *udpLink) collect(n int) (part []byte, more byte) {
	if len(l.sending) == 0 {
		timer := time.NewTimer(udpPatience)
		defer timer.Stop()
		select {
		case l.sending = <-l.out:
		case <-l.done:
			return nil, 0
		case <-timer.C:
			return nil, 0
		}
	}
	part = l.sending[:min(n, len(l.sending))]
	l.sending = l.sending[len(part):]
	if len(l.sending) > 0 {
		more = 1
	}
	return part, more
}

// receive waits for the next part from the host.
func (l *udpLink) receive() error {
	select {
	case l.rest = <-l.in:
		return nil
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

func (l *udpLink) ReadCommand() (string, error) {
	var cmd []byte
	for {
		if err := l.receive(); err != nil {
			return "", err
		}
		cmd = append(cmd, l.rest.bytes...)
		if len(cmd) > maxCommand {
			return "", errors.New("command too long")
		}
		if l.rest.last {
			l.rest.bytes = nil
			return string(cmd), nil
		}
	}
}

func (l *udpLink) ReadData(p []byte) (int, error) {
	if len(l.rest.bytes) == 0 {
		if err := l.receive(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.rest.bytes)
	l.rest.bytes = l.rest.bytes[n:]
	return n, nil
}

func (l *udpLink) Respond(packet string) error { return l.WriteData([]byte(packet)) }

func (l *udpLink) WriteData(p []byte) error {
	select {
	case l.out <- append([]byte(nil), p...):
		return nil
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}
