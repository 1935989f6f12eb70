// This file is what a tablet shows itself as on USB in each mode: descriptors (USB 2.0,
// chapter 9; USB CDC 1.2 and ECM 1.2 for the network).

package usbredir

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Function is what a device shows itself as.
type Function struct {
	vendor, product uint16
	class           uint8    // of the device
	strings         []string // from index 1: maker, product, serial, …
	speed           Speed
	settings        bool // its last interface has two, the first without endpoints
	config          []byte
	interfaces      [][3]uint8
	endpoints       []endpoint
	notices         [][]byte // that its interrupt endpoint sends once
}

type endpoint struct {
	address, kind, iface, interval uint8
	packet                         uint16
	setting                        uint8 // from which setting of its interface on it is there
}

const (
	bulkOut     = 0x01
	bulkIn      = 0x81
	interruptIn = 0x82
)

// The indexes of strings.
const (
	stringMaker = 1 + iota
	stringProduct
	stringSerial
	stringFirst // of what a function adds
)

func bulkPacket(speed Speed) uint16 {
	if speed >= HighSpeed {
		return 512
	}
	return 64
}

// bulkPair is the two endpoints through which all functions here speak.
func (u *Function) bulkPair(iface, setting uint8) []byte {
	size := bulkPacket(u.speed)
	u.endpoints = append(u.endpoints,
		endpoint{address: bulkOut, kind: 2, iface: iface, packet: size, setting: setting},
		endpoint{address: bulkIn, kind: 2, iface: iface, packet: size, setting: setting})
	return []byte{
		7, 5, bulkOut, 2, byte(size), byte(size >> 8), 0,
		7, 5, bulkIn, 2, byte(size), byte(size >> 8), 0,
	}
}

// VendorFunction is one interface of class ff/42 with two bulk endpoints: fastboot and
// ADB.
func VendorFunction(vendor, product uint16, serial, name, label string, protocol uint8, speed Speed) *Function {
	u := &Function{vendor: vendor, product: product, strings: []string{"Huawei", name, serial, label}, speed: speed,
		interfaces: [][3]uint8{{0xff, 0x42, protocol}}}
	u.config = append([]byte{9, 4, 0, 0, 2, 0xff, 0x42, protocol, stringFirst}, u.bulkPair(0, 0)...)
	return u
}

// NetworkFunction is a CDC Ethernet function, as usb-moded makes one of a booted
// tablet. mac is the address of the host's interface.
func NetworkFunction(serial, name string, mac [6]byte, speed Speed) *Function {
	u := &Function{vendor: 0x0525, product: 0xa4a2, class: 2, strings: []string{"Huawei", name, serial, fmt.Sprintf("%X", mac[:])},
		speed: speed, settings: true, interfaces: [][3]uint8{{2, 6, 0}, {10, 0, 0}}}
	interval := byte(32) // ms at full speed
	if speed >= HighSpeed {
		interval = 9 // 2^(9-1) microframes, which is 32 ms
	}
	u.endpoints = []endpoint{{address: interruptIn, kind: 3, interval: interval, packet: 16}}
	u.config = []byte{
		9, 4, 0, 0, 1, 2, 6, 0, 0,
		5, 0x24, 0, 0x20, 0x01, // CDC 1.2
		5, 0x24, 6, 0, 1, // union: control 0, data 1
		13, 0x24, 15, stringFirst, 0, 0, 0, 0, maxFrame & 0xff, maxFrame >> 8, 0, 0, 0, // Ethernet
		7, 5, interruptIn, 3, 16, 0, interval,
		9, 4, 1, 0, 0, 10, 0, 0, 0,
		9, 4, 1, 1, 2, 10, 0, 0, 0,
	}
	u.config = append(u.config, u.bulkPair(1, 1)...)
	bits := uint32(12_000_000)
	speeds := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32([]byte{0xa1, 0x2a, 0, 0, 0, 0, 8, 0}, bits), bits)
	u.notices = [][]byte{{0xa1, 0, 1, 0, 0, 0, 0, 0}, speeds} // NETWORK_CONNECTION, CONNECTION_SPEED_CHANGE
	return u
}

// maxFrame is the largest Ethernet frame, bytes, without its check sum.
const maxFrame = 1514

// descriptor gives a standard descriptor; nil is none.
func (u *Function) descriptor(kind, index uint8) []byte {
	switch kind {
	case 1: // device
		serial := uint8(stringSerial)
		if u.strings[stringSerial-1] == "" {
			serial = 0
		}
		d := []byte{18, 1, 0x00, 0x02, u.class, 0, 0, 64}
		d = binary.LittleEndian.AppendUint16(d, u.vendor)
		d = binary.LittleEndian.AppendUint16(d, u.product)
		return append(d, 0x00, 0x01, stringMaker, stringProduct, serial, 1)
	case 2: // configuration, and all that belongs to it
		n := 9 + len(u.config)
		return append([]byte{9, 2, byte(n), byte(n >> 8), byte(len(u.interfaces)), 1, 0, 0x80, 250}, u.config...)
	case 3: // strings
		if index == 0 {
			return []byte{4, 3, 0x09, 0x04}
		}
		if int(index) > len(u.strings) || u.strings[index-1] == "" {
			return nil
		}
		d := []byte{0, 3}
		for _, c := range u.strings[index-1] {
			d = binary.LittleEndian.AppendUint16(d, uint16(c))
		}
		d = d[:min(len(d), 254)]
		d[0] = byte(len(d))
		return d
	}
	return nil
}

// Addresses returns the hardware addresses of both ends of a tablet's network link: the host's and the
// tablet's, locally administered.
func Addresses(serial string) (host, tablet [6]byte) {
	sum := sha256.Sum256([]byte(serial))
	copy(host[:], sum[:])
	host[0] = 0x02
	tablet = host
	tablet[5] ^= 1
	return host, tablet
}
