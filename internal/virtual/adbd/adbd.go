// This file is the messages and services of an adb daemon.

package adbd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// The messages, as little-endian text.
const (
	messageConnect = 0x4e584e43 // CNXN
	messageOpen    = 0x4e45504f // OPEN
	messageOkay    = 0x59414b4f // OKAY
	messageClose   = 0x45534c43 // CLSE
	messageWrite   = 0x45545257 // WRTE
)

const (
	protocolVersion = 0x01000000
	maxMessage      = 4096 // bytes of one message
)

// Serve answers one adb server until the connection ends, or the tablet leaves, which is a
// *device.Departure. Header and payload of a message are written apart, since over USB each
// is a transfer.
func Serve(d *device.Device, w io.ReadWriter) error {
	send := func(command, arg0, arg1 uint32, payload string) error {
		var sum uint32
		for _, b := range []byte(payload) {
			sum += uint32(b)
		}
		var head []byte
		for _, n := range []uint32{command, arg0, arg1, uint32(len(payload)), sum, command ^ 0xffffffff} {
			head = binary.LittleEndian.AppendUint32(head, n)
		}
		_, err := w.Write(head)
		if err == nil && payload != "" {
			_, err = io.WriteString(w, payload)
		}
		return err
	}
	for id := uint32(1); ; {
		command, theirs, _, payload, err := readMessage(w)
		if err != nil {
			return err
		}
		switch command {
		case messageConnect:
			product := d.Config.Family.Product
			err = send(messageConnect, protocolVersion, maxMessage,
				fmt.Sprintf("device::ro.product.name=%s;ro.product.model=%s;ro.product.device=%s;", product, product, product))
		case messageOpen:
			service := string(bytes.TrimRight(payload, "\x00"))
			d.Log("adb %s", service)
			text, gone := answerService(d, service)
			err = send(messageOkay, id, theirs, "")
			if err == nil && text != "" {
				err = send(messageWrite, id, theirs, text)
			}
			if err == nil {
				err = send(messageClose, id, theirs, "")
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

// readMessage reads one message.
func readMessage(r io.Reader) (command, arg0, arg1 uint32, payload []byte, err error) {
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

// answerService returns what adbd answers to one service, and whether the tablet leaves.
func answerService(d *device.Device, name string) (string, *device.Departure) {
	command, shell := strings.CutPrefix(name, "shell:")
	switch {
	case name == "reboot:bootloader":
		return "", d.Reboot(device.ModeFastboot)
	case command == "getprop ro.serialno":
		return d.Serial() + "\n", nil
	case command == "getprop ro.product.model":
		return d.Config.Family.Product + "\n", nil
	case command == "getprop ro.build.display.id":
		return strings.TrimPrefix(d.Config.Family.OEM["get-build-number"], ":") + "\n", nil
	case command == "dumpsys battery":
		level := 80
		if d.Flaws().LowBattery {
			level = 7
		}
		return fmt.Sprintf("Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: %d\n  scale: 100\n", level), nil
	case shell:
		return fmt.Sprintf("/system/bin/sh: %s: inaccessible or not found\n", command), nil
	}
	return "", nil
}
