// This file is what the virtual machine asks for, and the answers.

package usbredir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// handle does what one packet of the virtual machine asks for.
func (c *Connection) handle(kind uint32, id uint64, body []byte) error {
	short := func(n int) bool { return len(body) < n }
	switch kind {
	case typeSetConfiguration:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		c.mu.Lock()
		c.config = body[0]
		usb := c.usb
		c.mu.Unlock()
		if usb == nil {
			return nil
		}
		if err := c.sendDescription(usb); err != nil {
			return err
		}
		return c.send(typeConfiguration, id, []byte{statusOK, body[0]})
	case typeGetConfiguration:
		c.mu.Lock()
		config := c.config
		c.mu.Unlock()
		return c.send(typeConfiguration, id, []byte{statusOK, config})
	case typeSetAlt:
		if short(2) {
			return io.ErrUnexpectedEOF
		}
		c.mu.Lock()
		usb := c.usb
		if usb != nil && usb.settings {
			c.alt = body[1]
		}
		c.mu.Unlock()
		if usb == nil {
			return nil
		}
		if err := c.sendDescription(usb); err != nil {
			return err
		}
		return c.send(typeAlt, id, []byte{statusOK, body[0], body[1]})
	case typeGetAlt:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		c.mu.Lock()
		alt := c.alt
		c.mu.Unlock()
		return c.send(typeAlt, id, []byte{statusOK, body[0], alt})
	case typeStartInterrupt:
		return c.startInterrupt(id, body)
	case typeStopInterrupt:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		return c.send(typeInterruptStatus, id, []byte{statusOK, body[0]})
	case typeReset:
		c.mu.Lock()
		c.out, c.in, c.rest = nil, nil, nil
		c.mu.Unlock()
	case typeDisconnectAck:
		c.mu.Lock()
		c.acked = true
		c.changed.Broadcast()
		c.mu.Unlock()
	case typeCancel:
		return c.cancelTransfer(id)
	case typeControl:
		if short(10) {
			return io.ErrUnexpectedEOF
		}
		return c.answerControl(id, body)
	case typeBulk:
		return c.queueBulk(id, body)
	}
	return nil
}

// startInterrupt starts a network function's notices: that there is a link.
func (c *Connection) startInterrupt(id uint64, body []byte) error {
	c.mu.Lock()
	usb := c.usb
	c.mu.Unlock()
	if len(body) < 1 {
		return io.ErrUnexpectedEOF
	}
	status := []byte{statusOK, body[0]}
	if usb == nil || len(usb.notices) == 0 {
		status[0] = statusStall
	}
	err := c.send(typeInterruptStatus, id, status)
	if status[0] != statusOK {
		return err
	}
	for n, notice := range usb.notices {
		head := []byte{body[0], statusOK, byte(len(notice)), 0}
		err = errors.Join(err, c.send(typeInterrupt, uint64(n), head, notice))
	}
	return err
}

// sendDescription sends what interfaces and endpoints there are.
func (c *Connection) sendDescription(usb *Function) error {
	c.mu.Lock()
	alt := c.alt
	c.mu.Unlock()
	info := make([]byte, 4+4*32)
	binary.LittleEndian.PutUint32(info, uint32(len(usb.interfaces)))
	for n, class := range usb.interfaces {
		info[4+n] = byte(n)                                                     //nolint:gosec // a function has at most 32 interfaces
		info[4+32+n], info[4+64+n], info[4+96+n] = class[0], class[1], class[2] //nolint:gosec // a function has at most 32 interfaces
	}
	kinds := bytes.Repeat([]byte{255}, 32) // 255 is none, 0 control, 2 bulk, 3 interrupt
	intervals, interfaces, sizes := make([]byte, 32), make([]byte, 32), make([]byte, 64)
	kinds[0], kinds[16] = 0, 0
	for _, e := range append([]endpoint{{packet: 64}, {address: 0x80, packet: 64}}, usb.endpoints...) {
		if e.setting > alt {
			continue
		}
		n := int(e.address&0x80)>>3 | int(e.address&15)
		kinds[n], intervals[n], interfaces[n] = e.kind, e.interval, e.iface
		binary.LittleEndian.PutUint16(sizes[2*n:], e.packet)
	}
	ends := slices.Concat(kinds, intervals, interfaces)
	if c.caps&(1<<capMaxPacketSize) != 0 {
		ends = append(ends, sizes...)
	}
	return errors.Join(c.send(typeInterfaceInfo, 0, info), c.send(typeEndpointInfo, 0, ends))
}

// answerControl answers requests on endpoint 0: descriptors are all there is to ask.
func (c *Connection) answerControl(id uint64, body []byte) error {
	head := slices.Clone(body[:10])
	head[3] = statusOK // QEMU sends what was there before
	value, length := binary.LittleEndian.Uint16(head[4:]), int(binary.LittleEndian.Uint16(head[8:]))
	c.mu.Lock()
	usb := c.usb
	c.mu.Unlock()
	var data []byte
	ok := usb != nil
	if ok && head[2]&0x80 != 0 {
		switch {
		case head[1] == 6 && head[2] == 0x80: // GET_DESCRIPTOR
			data = usb.descriptor(uint8(value>>8), uint8(value))
			ok = data != nil
		case head[1] == 0: // GET_STATUS
			data = []byte{0, 0}
		default:
			ok = false
		}
	}
	if !ok {
		head[3] = statusStall
		binary.LittleEndian.PutUint16(head[8:], 0)
		return c.send(typeControl, id, head)
	}
	if head[2]&0x80 != 0 {
		data = data[:min(len(data), length)]
		binary.LittleEndian.PutUint16(head[8:], uint16(len(data)))
	}
	return c.send(typeControl, id, head, data)
}
