// This file is the tablet in Android with debugging on: enough of the ADB protocol
// (AOSP adb/protocol.txt) for an adb server to list it, ask it and restart it.

package virtual

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// The messages, as little-endian text.
const (
	adbConnect = 0x4e584e43 // CNXN
	adbOpen    = 0x4e45504f // OPEN
	adbOkay    = 0x59414b4f // OKAY
	adbClose   = 0x45534c43 // CLSE
	adbWrite   = 0x45545257 // WRTE
)

const (
	adbVersion = 0x01000000
	adbMax     = 4096 // bytes of one message
)

// adbWire is a connection of messages: USB transfers, or a stream.
type adbWire interface {
	io.Reader
	// send sends one message, header and payload apart.
	send(header, payload []byte) error
}

type adbUSB struct{ r *redir }

func (u adbUSB) Read(p []byte) (int, error) { return u.r.ReadData(p) }

func (u adbUSB) send(header, payload []byte) error {
	err := u.r.WriteData(header)
	if err == nil && len(payload) > 0 {
		err = u.r.WriteData(payload)
	}
	return err
}

type adbStream struct{ net.Conn }

func (s adbStream) send(header, payload []byte) error {
	_, err := (&net.Buffers{header, payload}).WriteTo(s.Conn)
	return err
}

// ServeADB is a tablet in Android that is debugged over TCP: it answers adb servers on
// l until one of them sends it to the bootloader, or ctx ends.
func (t *Tablet) ServeADB(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		end := context.AfterFunc(ctx, func() { _ = conn.Close() })
		err = t.android(adbStream{conn})
		end()
		_ = conn.Close()
		var gone *leave
		if errors.As(err, &gone) {
			return nil
		}
	}
}

// android answers one adb server; a *leave is a restart.
func (t *Tablet) android(w adbWire) error {
	send := func(command, arg0, arg1 uint32, payload string) error {
		var sum uint32
		for _, b := range []byte(payload) {
			sum += uint32(b)
		}
		var head []byte
		for _, n := range []uint32{command, arg0, arg1, uint32(len(payload)), sum, command ^ 0xffffffff} {
			head = binary.LittleEndian.AppendUint32(head, n)
		}
		return w.send(head, []byte(payload))
	}
	for id := uint32(1); ; {
		command, theirs, _, payload, err := adbMessage(w)
		if err != nil {
			return err
		}
		switch command {
		case adbConnect:
			product := t.config.Family.Product
			err = send(adbConnect, adbVersion, adbMax, fmt.Sprintf("device::ro.product.name=%s;ro.product.model=%s;ro.product.device=%s;", product, product, product))
		case adbOpen:
			service := string(bytes.TrimRight(payload, "\x00"))
			t.config.Log("adb %s", service)
			text, gone := t.service(service)
			err = send(adbOkay, id, theirs, "")
			if err == nil && text != "" {
				err = send(adbWrite, id, theirs, text)
			}
			if err == nil {
				err = send(adbClose, id, theirs, "")
			}
			if err == nil && gone != nil {
				return gone
			}
			id++
		}
		if err != nil {
			return err
		}
	}
}

// adbMessage reads one message.
func adbMessage(r io.Reader) (command, arg0, arg1 uint32, payload []byte, err error) {
	head := make([]byte, 24)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, 0, 0, nil, err
	}
	word := func(n int) uint32 { return binary.LittleEndian.Uint32(head[4*n:]) }
	if word(5) != word(0)^0xffffffff || word(3) > 1<<20 {
		return 0, 0, 0, nil, errors.New("not an ADB message")
	}
	payload = make([]byte, word(3))
	_, err = io.ReadFull(r, payload)
	return word(0), word(1), word(2), payload, err
}

// service is what a tablet's adbd does with one service.
func (t *Tablet) service(name string) (string, *leave) {
	t.mu.Lock()
	serial := t.serial
	t.mu.Unlock()
	command, shell := strings.CutPrefix(name, "shell:")
	switch {
	case name == "reboot:bootloader":
		var gone *leave
		if errors.As(t.reboot("fastboot"), &gone) {
			return "", gone
		}
	case command == "getprop ro.serialno":
		return serial + "\n", nil
	case command == "getprop ro.product.model":
		return t.config.Family.Product + "\n", nil
	case command == "getprop ro.build.display.id":
		return strings.TrimPrefix(t.config.Family.OEM["get-build-number"], ":") + "\n", nil
	case command == "dumpsys battery":
		level := 80
		if t.lowBattery {
			level = 7
		}
		return fmt.Sprintf("Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: %d\n  scale: 100\n", level), nil
	case shell:
		return fmt.Sprintf("/system/bin/sh: %s: inaccessible or not found\n", command), nil
	}
	return "", nil
}
