// This file is the device's side of fastboot over a byte stream (AOSP fastboot
// README, "TCP Protocol v1").

package bootloader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// stream frames packets with their length, eight bytes, big-endian.
type stream struct {
	conn net.Conn
	left int64
}

// Greet exchanges "FB01" with a host and returns the link to it.
func Greet(conn net.Conn) (Link, error) {
	if _, err := io.WriteString(conn, "FB01"); err != nil {
		return nil, err
	}
	var said [4]byte
	if _, err := io.ReadFull(conn, said[:]); err != nil {
		return nil, err
	}
	if string(said[:2]) != "FB" {
		return nil, fmt.Errorf("the host said %q", said)
	}
	return &stream{conn: conn}, nil
}

func (s *stream) header() error {
	var h [8]byte
	if _, err := io.ReadFull(s.conn, h[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint64(h[:])
	if n > 1<<40 {
		return fmt.Errorf("a message of %d bytes", n)
	}
	s.left = int64(n)
	return nil
}

func (s *stream) ReadCommand() (string, error) {
	if s.left > 0 {
		return "", errors.New("data where a command was due")
	}
	if err := s.header(); err != nil {
		return "", err
	}
	if s.left > maxCommand {
		return "", fmt.Errorf("a command of %d bytes", s.left)
	}
	b := make([]byte, s.left)
	_, err := io.ReadFull(s.conn, b)
	s.left = 0
	return string(b), err
}

func (s *stream) ReadData(p []byte) (int, error) {
	for s.left == 0 {
		if err := s.header(); err != nil {
			return 0, err
		}
	}
	n, err := s.conn.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

func (s *stream) Respond(packet string) error { return s.WriteData([]byte(packet)) }

func (s *stream) WriteData(p []byte) error {
	var h [8]byte
	binary.BigEndian.PutUint64(h[:], uint64(len(p)))
	bufs := net.Buffers{h[:], p}
	_, err := bufs.WriteTo(s.conn)
	return err
}
