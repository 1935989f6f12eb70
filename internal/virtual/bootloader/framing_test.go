// The framings: what a host that knows none of them, or another, makes of a tablet.

package bootloader_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/bootloader"
	"github.com/zarya-station/zarya/internal/virtual/device"
)

// TestStream sends what no host sends, over a stream.
func TestStream(t *testing.T) {
	size := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	for _, test := range []struct{ name, sent, err string }{
		{"no greeting", "", "EOF"},
		{"another protocol", "SSH-2.0-x", `the host said "SSH-"`},
		{"a greeting alone", "FB01", "EOF"},
		{"half a length", "FB01\x00\x00", "unexpected EOF"},
		{"a length of all bytes there are", "FB01" + size(1<<41), "a message of 2199023255552 bytes"},
		{"a command of 5000 bytes", "FB01" + size(5000), "a command of 5000 bytes"},
		{"a command cut short", "FB01" + size(20) + "getvar", "unexpected EOF"},
		{"data cut short", "FB01" + size(17) + "download:00000010" + size(16) + "zz", "EOF"},
		{"data beyond the announced", "FB01" + size(17) + "download:00000010" + size(17) + strings.Repeat("z", 17),
			"data where a command was due"},
	} {
		t.Run(test.name, func(t *testing.T) {
			host, tablet := net.Pipe()
			go func() {
				go func() { _, _ = io.Copy(io.Discard, host) }()
				_, _ = io.WriteString(host, test.sent)
				_ = host.Close()
			}()
			b := bootloader.New(newDevice(t, "mt8768-kob2"), func() error { return nil })
			defer b.Close()
			link, err := bootloader.Greet(tablet)
			if err == nil {
				err = b.Serve(t.Context(), link)
			}
			if err == nil || err.Error() != test.err {
				t.Errorf("%v, not %s", err, test.err)
			}
			_ = tablet.Close()
		})
	}
}

// datagrams is a host on UDP that counts its packets by hand.
type datagrams struct {
	net.Conn
	t *testing.T
}

func (d datagrams) send(id, flags byte, seq uint16, payload string) {
	d.t.Helper()
	if _, err := d.Write(append([]byte{id, flags, byte(seq >> 8), byte(seq)}, payload...)); err != nil {
		d.t.Fatal(err)
	}
}

// ask sends a packet until it is answered.
func (d datagrams) ask(id, flags byte, seq uint16, payload string) string {
	d.t.Helper()
	b := make([]byte, 9000)
	for range 100 {
		d.send(id, flags, seq, payload)
		_ = d.SetReadDeadline(time.Now().Add(time.Second)) // more than the tablet thinks before it is silent
		for n, err := d.Read(b); err == nil; n, err = d.Read(b) {
			if n >= 4 && binary.BigEndian.Uint16(b[2:]) == seq { // else it is a second answer to the packet before
				return string(b[:n])
			}
		}
	}
	d.t.Fatalf("packet %d was not answered", seq)
	return ""
}

// reply asks with empty packets for what the tablet has to say, from packet seq on.
func (d datagrams) reply(seq uint16) (text string, next uint16) {
	d.t.Helper()
	for {
		got := d.ask(3, 0, seq, "")
		seq++
		if text += got[4:]; got[1] == 0 {
			return text, seq
		}
	}
}

func TestDatagrams(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := bootloader.New(newDevice(t, "fastbootd"), func() error { return nil })
	defer b.Close()
	served := make(chan error, 1)
	go func() { served <- b.ServePackets(context.Background(), conn) }()
	host, err := net.Dial("udp", conn.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	d := datagrams{host, t}
	d.send(9, 0, 0, "") // of no kind: silence
	if _, err := d.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := d.ask(1, 0, 0, ""); got != "\x01\x00\x00\x00\x00\x00" {
		t.Errorf("query: %q", got)
	}
	if got := d.ask(3, 0, 0, "getvar:product"); got != "\x00\x00\x00\x00no session" {
		t.Errorf("a command before a session: %q", got)
	}
	if got := d.ask(2, 0, 0, "\x00"); !strings.HasPrefix(got, "\x00\x00\x00\x00init needs") {
		t.Errorf("a short init: %q", got)
	}
	if got := d.ask(2, 0, 0, "\x00\x01\x04\x00"); got != "\x02\x00\x00\x00\x00\x01\x20\x00" {
		t.Errorf("init: %q", got)
	}
	d.send(3, 0, 7, "getvar:product") // out of turn: silence
	if got := d.ask(3, 1, 1, "getvar:"); got != "\x03\x00\x00\x01" {
		t.Errorf("the first part of a command: %q", got)
	}
	again := d.ask(3, 1, 1, "getvar:") // as if the answer had got lost
	if again != "\x03\x00\x00\x01" {
		t.Errorf("repeated: %q", again)
	}
	if got := d.ask(3, 0, 2, "product"); got != "\x03\x00\x00\x02" {
		t.Errorf("its last part: %q", got)
	}
	text, seq := d.reply(3)
	if text != "OKAYaurora_gsi" {
		t.Errorf("product is %q", text)
	}
	_ = d.ask(3, 0, seq, "download:00000800")
	if text, seq = d.reply(seq + 1); text != "DATA00000800" {
		t.Errorf("download: %q", text)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 128)
	_ = d.ask(3, 1, seq, string(data[:1000]))
	_ = d.ask(3, 0, seq+1, string(data[1000:]))
	if text, seq = d.reply(seq + 2); text != "OKAY" {
		t.Errorf("the data: %q", text)
	}
	_ = d.ask(3, 0, seq, "flash:cache")
	if text, seq = d.reply(seq + 1); text != "OKAY" {
		t.Errorf("flash: %q", text)
	}
	// More than one packet of the host's 1024 bytes comes in several.
	_ = d.ask(3, 0, seq, "fetch:cache:0:2048")
	if text, seq = d.reply(seq + 1); text != "DATA00000800" {
		t.Errorf("fetch: %q", text)
	}
	if text, seq = d.reply(seq); text != string(data) {
		t.Errorf("%d bytes were fetched: %.20q", len(text), text)
	}
	if text, seq = d.reply(seq); text != "OKAY" {
		t.Errorf("after the bytes: %q", text)
	}
	// A new session ends the one before.
	_ = d.ask(2, 0, seq, "\x00\x01\x02\x00")
	_ = d.ask(3, 0, seq+1, "reboot-bootloader")
	if text, _ = d.reply(seq + 2); text != "OKAY" {
		t.Errorf("reboot: %q", text)
	}
	var gone *device.Departure
	if err := <-served; !errors.As(err, &gone) || gone.Mode != device.ModeFastboot {
		t.Errorf("the session ended with %v", err)
	}
	_ = conn.Close()
	if err := b.ServePackets(t.Context(), conn); err == nil {
		t.Error("a closed connection was served")
	}
}

// transfers is a host at the other end of USB transfers.
type transfers struct {
	packets [][]byte // that it still sends
	rest    []byte   // of the last one
	out     []string // what it was answered
}

func (u *transfers) ReadTransfer() ([]byte, error) {
	if len(u.packets) == 0 {
		return nil, io.EOF
	}
	p := u.packets[0]
	u.packets = u.packets[1:]
	return p, nil
}

func (u *transfers) Read(p []byte) (int, error) {
	if len(u.rest) == 0 {
		b, err := u.ReadTransfer()
		if err != nil {
			return 0, err
		}
		u.rest = b
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

func (u *transfers) Write(p []byte) (int, error) {
	u.out = append(u.out, string(p))
	return len(p), nil
}

func (u *transfers) Unread() int { return len(u.rest) }

func TestTransfers(t *testing.T) {
	long := strings.Repeat("x", 4097)
	for _, test := range []struct {
		name, said, err string
		packets         []string
	}{
		{"a command, an empty transfer, a command", "OKAYKOB2-W09 OKAYS1", "EOF", []string{"getvar:product", "", "getvar:serialno"}},
		{"a download in pieces", "DATA00000010 OKAY", "EOF", []string{"download:00000010", "01234567", "89abcdef"}},
		{"more than was announced", "DATA00000008 OKAY", "the host sent 2 bytes more than it announced",
			[]string{"download:00000008", "0123456789"}},
		{"a command too long", "", fmt.Sprintf("a command of %d bytes", len(long)), []string{long}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := bootloader.New(newDevice(t, "mt8768-kob2"), func() error { return nil })
			defer b.Close()
			var u transfers
			for _, p := range test.packets {
				u.packets = append(u.packets, []byte(p))
			}
			err := b.Serve(t.Context(), bootloader.OverUSB(&u))
			if err == nil || err.Error() != test.err || strings.Join(u.out, " ") != test.said {
				t.Errorf("said %q, ended with %v", u.out, err)
			}
		})
	}
}
