// This file feeds noise to everything that reads what a device says.

package fastboot

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// noiseConn is a connection on which the device's words are fixed.
type noiseConn struct {
	net.Conn // nil
	io.Reader
	wrote func([]byte)
}

func (c noiseConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func (c noiseConn) Write(p []byte) (int, error) {
	if c.wrote != nil {
		c.wrote(p)
	}
	return len(p), nil
}

func (noiseConn) Close() error                    { return nil }
func (noiseConn) SetDeadline(time.Time) error     { return nil }
func (noiseConn) SetReadDeadline(time.Time) error { return nil }
func (noiseConn) RemoteAddr() net.Addr            { return &net.TCPAddr{} }

// chunks cuts data into pieces of a byte of length and that many bytes.
func chunks(data []byte) (pieces [][]byte) {
	for len(data) > 0 {
		n := min(int(data[0]), len(data)-1)
		pieces, data = append(pieces, data[1:1+n]), data[1+n:]
	}
	return pieces
}

func join(packets ...string) []byte {
	var b []byte
	for _, p := range packets {
		b = append(append(b, byte(len(p))), p...)
	}
	return b
}

func checkClean(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) || s != strings.TrimSpace(s) {
		t.Errorf("%q is not clean", s)
	}
}

// converse says a bit of everything to a device and checks what comes back.
func converse(t *testing.T, tr Transport) {
	ctx := context.Background()
	lines, size := 0, 0
	c := NewClient(tr, Options{Line: func(l string) {
		checkClean(t, l)
		lines, size = lines+1, size+len(l)
	}})
	defer c.Close()
	commands := 0
	check := func(s string, err error) {
		commands++
		checkClean(t, s)
		if len(s) > maxResponse {
			t.Errorf("a text of %d bytes", len(s))
		}
		if err != nil {
			checkClean(t, strings.TrimSpace(err.Error()))
		}
	}
	var got bytes.Buffer
	check(c.Getvar(ctx, "product"))
	vars, err := c.GetvarAll(ctx)
	check("", err)
	if len(vars) > maxLines {
		t.Errorf("%d variables", len(vars))
	}
	for _, v := range vars {
		checkClean(t, v.Name)
		checkClean(t, v.Value)
	}
	check("", c.Download(ctx, Bytes("payload!"), nil))
	check("", c.Fetch(ctx, "boot", 0, 8, &got))
	if got.Len() > 8 {
		t.Errorf("%d bytes fetched, 8 were asked", got.Len())
	}
	_, _, err = c.Unlocked(ctx)
	check("", err)
	n, err := c.MaxDownload(ctx)
	check("", err)
	if n < 0 {
		t.Errorf("a size of %d", n)
	}
	f, err := c.Serial(ctx)
	check(f.Value, err)
	if lines > maxLines*commands || size > maxText*commands {
		t.Errorf("%d lines, %d bytes", lines, size)
	}
}

func FuzzReply(f *testing.F) {
	f.Add(false, join("OKAYAGS2", "INFOa:b", "OKAY", "DATA00000008", "OKAY", "DATA00000008", "payload!", "OKAY", "OKAYno"))
	f.Add(false, join("FAILno", "FAIL\x1b[2J", "FAILx", "DATA00000008", "12345678OKAY"))
	f.Add(false, join("TEXTx", "INFO\u202e", "", "OKAY"))
	f.Add(false, join("DATA-0000008", "DATAffffffff"))
	f.Add(true, []byte("\x00\x00\x00\x00\x00\x00\x00\x04OKAY\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(true, []byte("\x00\x00\x00\x00\x00\x00\x01\x01OKAY"))
	f.Fuzz(func(t *testing.T, raw bool, data []byte) {
		said := []byte(greeting)
		if raw {
			said = append(said, data...)
		} else {
			for _, p := range chunks(data) {
				said = append(binary.BigEndian.AppendUint64(said, uint64(len(p))), p...)
			}
		}
		s, err := NewStream(context.Background(), noiseConn{Reader: bytes.NewReader(said)})
		if err != nil {
			t.Fatal(err)
		}
		converse(t, s)
	})
}

func FuzzGreeting(f *testing.F) {
	f.Add([]byte("FB01"))
	f.Add([]byte("SSH-2.0-x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := NewStream(context.Background(), noiseConn{Reader: bytes.NewReader(data)}); err != nil {
			checkClean(t, err.Error())
		}
	})
}

// datagrams gives one piece a Read, with the sequence number and kind of the
// packet that was written last unless they are left raw; then it is closed.
type datagrams struct {
	pieces [][]byte
	head   [4]byte
	raw    bool
	again  bool // the next Read has no answer
}

func (d *datagrams) Read(p []byte) (int, error) {
	if len(d.pieces) == 0 {
		return 0, net.ErrClosed
	}
	next := d.pieces[0]
	d.pieces = d.pieces[1:]
	if len(next) == 0 && !d.again {
		d.again = true
		return 0, os.ErrDeadlineExceeded
	}
	d.again = false
	n := copy(p, next)
	if !d.raw && n > 0 { // the first byte of a piece is its flags
		n = copy(p, append([]byte{d.head[0], next[0], d.head[2], d.head[3]}, next[1:]...))
	}
	return n, nil
}

func FuzzUDPAnswer(f *testing.F) {
	hello := []string{"\x00\x12\x34", "\x00\x00\x01\x20\x00"}
	f.Add(false, join(append(hello, "\x00", "\x00OKAYAGS2", "\x00", "\x00INFOa:b", "\x00OKAY", "\x00", "\x00DATA00000008", "\x00", "\x00OKAY",
		"\x00", "\x00DATA00000008", "\x01pay", "\x00load!", "\x00OKAY")...))
	f.Add(false, join(append(hello, "\x01OKAYearly", "\x01more", "\x00")...))
	f.Add(false, join("\x00\x00", "\x00\x00\x00"))
	f.Add(true, join("\x01\x00\x00\x00\x00\x00", "\x02\x00\x00\x00\x00\x01\x02\x00", "\x03\x00\x00\x01OKAY", "\x00\x00\x00\x02bad\x1b"))
	f.Fuzz(func(t *testing.T, raw bool, data []byte) {
		d := &datagrams{pieces: chunks(data), raw: raw}
		u, err := NewDatagram(context.Background(), noiseConn{Reader: d, wrote: func(p []byte) {
			copy(d.head[:], p)
			if len(p) > udpMaxPacket {
				t.Errorf("a packet of %d bytes", len(p))
			}
		}})
		if err != nil {
			checkClean(t, strings.TrimSpace(err.Error()))
			return
		}
		converse(t, u)
		if cap(u.unread) > 2*len(u.in) {
			t.Errorf("%d bytes are kept", cap(u.unread))
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"471859200", "0x1c000000", "\t0x20000000", "1c000000", "-1", "0x", "99999999999999999999", "+1", "1_0"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, decimal bool) {
		n, err := ParseSize(s, decimal)
		digits := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "0x")
		if err != nil {
			if n != 0 {
				t.Errorf("%q: %d with an error", s, n)
			}
			return
		}
		if n < 0 || digits == "" || strings.Trim(digits, "0123456789abcdef") != "" {
			t.Errorf("%q is %d", s, n)
		}
	})
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31mred", "\u202eevil\u2066", "\xff\xfe", "a\tb\nc\r", " \u00a0 x ", "\u2028", "\ufffd",
		"e\u0301", "\x9b", "😀\u200d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		checkClean(t, got)
		if Clean(got) != got {
			t.Errorf("%q is cleaned to %q, and that to %q", s, got, Clean(got))
		}
		if len(got) > len(s) {
			t.Errorf("%q grew to %q", s, got)
		}
	})
}
