// This file listens to the kernel (netlink, NETLINK_KOBJECT_UEVENT). Anybody may.

package uevent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	kernelGroup = 1 // what the kernel itself says; group 2 is udev's
	pollEvery   = 500 * time.Millisecond
)

// Listen gives a value after devices or their network interfaces came or went, until
// ctx ends; several events may be one value.
func Listen(ctx context.Context) (<-chan struct{}, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("kernel events: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup})
	if err == nil {
		t := unix.NsecToTimeval(int64(pollEvery)) // so that the end of ctx is seen
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &t)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("kernel events: %w", err), unix.Close(fd))
	}
	return listen(ctx, func(buf []byte) (int, error) {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		return n, err
	}, func() { _ = unix.Close(fd) }), nil // nothing is kept in it
}

// listen is Listen for messages that receive gives; it ends with end.
func listen(ctx context.Context, receive func([]byte) (int, error), end func()) <-chan struct{} {
	wake := make(chan struct{}, 1)
	go func() {
		defer close(wake)
		defer end()
		buf := make([]byte, 64<<10)
		for ctx.Err() == nil {
			n, err := receive(buf)
			switch {
			case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.ENOBUFS): // some were lost
			case err != nil:
				return
			case !concerns(buf[:n]):
				continue
			}
			select {
			case wake <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	return wake
}

// concerns reports whether a kernel message is about USB or a network interface. The
// message is "ACTION@PATH", then KEY=VALUE, each ended by a zero byte.
func concerns(message []byte) bool {
	for _, field := range bytes.Split(message, []byte{0}) {
		if s, ok := bytes.CutPrefix(field, []byte("SUBSYSTEM=")); ok {
			return string(s) == "usb" || string(s) == "net"
		}
	}
	return false
}
