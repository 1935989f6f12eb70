// This file is fastboot over UDP (AOSP fastboot README, "UDP Protocol v1").
//
// Every packet has four bytes of header: id, flags, sequence number. The host
// speaks first and the device answers each packet with one of the same sequence
// number; so a lost packet is sent again after 500 ms, a stale or repeated
// answer is dropped, and to read, the host sends an empty packet.

package fastboot

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const (
	udpError, udpQuery, udpInit, udpFastboot = 0, 1, 2, 3

	udpContinued  = 1
	udpHeader     = 4
	udpVersion    = 1
	udpMinPacket  = 512
	udpMaxPacket  = 8192
	udpRetransmit = 500 * time.Millisecond
	udpInitTries  = 4 // packets to a device that told its sequence number, before it is asked again
)

// errUnanswered is that a packet was sent as often as it may be.
var errUnanswered = errors.New("no answer")

// Datagram is a Transport over UDP.
type Datagram struct {
	conn   net.Conn
	seq    uint16
	size   int           // largest packet, header included, that both sides take
	again  time.Duration // how long to wait before a packet is sent again
	unread []byte        // what the device said beyond what the caller took
	more   bool          // the message that unread ends with goes on
	data   bool          // unread belongs to a data phase
	in     []byte
	out    []byte
}

// DialUDP asks ADDRESS (HOST:PORT) for its sequence number and agrees on a
// packet size.
func DialUDP(ctx context.Context, address string) (*Datagram, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	u, err := NewDatagram(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return u, nil
}

// NewDatagram begins a session over a connected packet connection, which it owns
// if it succeeds.
func NewDatagram(ctx context.Context, conn net.Conn) (*Datagram, error) {
	return newDatagram(ctx, conn, udpRetransmit)
}

func newDatagram(ctx context.Context, conn net.Conn, again time.Duration) (*Datagram, error) {
	u := &Datagram{conn: conn, size: udpMinPacket, again: again, in: make([]byte, 64<<10), out: make([]byte, udpMaxPacket)}
	answer, err := u.greet(ctx)
	for errors.Is(err, errUnanswered) { // it restarted in between, and counts from another number
		answer, err = u.greet(ctx)
	}
	if err != nil {
		return nil, err
	}
	if len(answer) < 4 || binary.BigEndian.Uint16(answer) < udpVersion {
		return nil, &NotFastbootError{conn.RemoteAddr().String(), Clean(string(answer))}
	}
	u.size = min(udpMaxPacket, int(binary.BigEndian.Uint16(answer[2:])))
	if u.size < udpMinPacket {
		return nil, &ProtocolError{"connect", fmt.Sprintf("it takes packets of %d bytes, at least %d are due", u.size, udpMinPacket)}
	}
	return u, nil
}

// greet asks for the sequence number and begins the session; it returns the device's version
// and packet size.
func (u *Datagram) greet(ctx context.Context) ([]byte, error) {
	u.seq = 0
	answer, _, err := u.exchange(ctx, udpQuery, 0, nil, 0)
	if err != nil {
		return nil, err
	}
	if len(answer) < 2 {
		return nil, &NotFastbootError{u.conn.RemoteAddr().String(), Clean(string(answer))}
	}
	u.seq = binary.BigEndian.Uint16(answer)
	var hello [4]byte
	binary.BigEndian.PutUint16(hello[:2], udpVersion)
	binary.BigEndian.PutUint16(hello[2:], udpMaxPacket)
	answer, _, err = u.exchange(ctx, udpInit, 0, hello[:], udpInitTries)
	return answer, err
}

// exchange sends one packet until it is answered, at most so many times (0: until ctx ends), and
// returns the answer's bytes (valid until the next call) and whether more follow.
func (u *Datagram) exchange(ctx context.Context, id, flags byte, payload []byte, tries int) ([]byte, bool, error) {
	packet := append(u.out[:0], id, flags, byte(u.seq>>8), byte(u.seq)) //nolint:gosec // the two bytes of a sequence number
	packet = append(packet, payload...)
	defer endReads(ctx, u.conn)()
	for sent := 0; ; sent++ {
		if err := ctx.Err(); err != nil {
			return nil, false, context.Cause(ctx)
		}
		if tries > 0 && sent == tries {
			return nil, false, errUnanswered
		}
		if _, err := u.conn.Write(packet); err != nil {
			return nil, false, err
		}
		_ = u.conn.SetReadDeadline(time.Now().Add(u.again))
		if ctx.Err() != nil { // the line above may have overwritten what AfterFunc set
			return nil, false, context.Cause(ctx)
		}
		for {
			n, err := u.conn.Read(u.in)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break // send again
			}
			if err != nil {
				return nil, false, err
			}
			answer := u.in[:n]
			if n < udpHeader || binary.BigEndian.Uint16(answer[2:]) != u.seq {
				continue // stale, repeated, or not ours
			}
			if answer[0] == udpError {
				return nil, false, &DeviceError{"connect", Clean(text(answer[udpHeader:]))}
			}
			if answer[0] != id {
				continue
			}
			u.seq++
			return answer[udpHeader:], answer[1]&udpContinued != 0, nil
		}
	}
}

// WritePacket sends a command.
func (u *Datagram) WritePacket(ctx context.Context, p []byte) error { return u.WriteData(ctx, p) }

// WriteData sends p as a message of as many packets as it takes.
func (u *Datagram) WriteData(ctx context.Context, p []byte) error {
	for room := u.size - udpHeader; ; {
		part, flags := p, byte(0)
		if len(p) > room {
			part, flags = p[:room], udpContinued
		}
		// A device may answer before it is asked to.
		if err := u.say(ctx, flags, part, maxResponse); err != nil {
			return err
		}
		if p = p[len(part):]; len(p) == 0 {
			return nil
		}
	}
}

// ReadPacket asks until the device has something to say, and reads one message.
func (u *Datagram) ReadPacket(ctx context.Context, p []byte) (int, error) {
	if u.data && (u.more || len(u.unread) > 0) {
		return 0, fmt.Errorf("%w (%d bytes)", ErrUnexpectedData, len(u.unread))
	}
	u.data = false
	for u.more || len(u.unread) == 0 {
		if err := u.say(ctx, 0, nil, len(p)); err != nil {
			return 0, err
		}
	}
	return u.take(p), nil
}

// ReadData reads the next bytes of a message.
func (u *Datagram) ReadData(ctx context.Context, p []byte) (int, error) {
	u.data = true
	for len(u.unread) == 0 {
		if err := u.say(ctx, 0, nil, len(u.in)); err != nil {
			return 0, err
		}
	}
	return u.take(p), nil
}

// say sends one packet and keeps what the answer brings, at most bytes of it
// together with what is unread.
func (u *Datagram) say(ctx context.Context, flags byte, p []byte, most int) error {
	answer, more, err := u.exchange(ctx, udpFastboot, flags, p, 0)
	if err != nil {
		return err
	}
	if n := len(u.unread) + len(answer); n > most {
		return fmt.Errorf("%w (%d bytes)", ErrOversize, n)
	}
	u.unread, u.more = append(u.unread, answer...), more
	return nil
}

func (u *Datagram) take(p []byte) int {
	n := copy(p, u.unread)
	u.unread = append(u.unread[:0], u.unread[n:]...)
	return n
}

// Close ends the session.
func (u *Datagram) Close() error { return u.conn.Close() }
