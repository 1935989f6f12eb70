// This file is tablets behind a Unix socket: fastboot's framing over TCP, spoken by a
// program of this machine (a relay, a virtual tablet).

package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// socketPathMax is how long a socket's path may be on every system (unix(7): 108 with the
// final NUL; 104 elsewhere).
const socketPathMax = 103

// socketPath reads a path, and makes it the one way to spell that socket from anywhere.
func socketPath(rest string) (string, error) {
	errNone := errors.New("has no path of a socket")
	if rest == "" || strings.HasSuffix(rest, "/") || strings.Contains(rest, "\x00") {
		return "", errNone
	}
	path, err := filepath.Abs(rest)
	if err != nil {
		return "", fmt.Errorf("has a path that leads nowhere: %w", err)
	}
	if path == "/" { // /., say
		return "", errNone
	}
	if len(path) > socketPathMax {
		return "", fmt.Errorf("has a path of %d bytes, and a socket's has at most %d", len(path), socketPathMax)
	}
	return path, nil
}

// dialUnix connects to the socket and greets.
func dialUnix(ctx context.Context, path string) (fastboot.Transport, error) {
	conn, err := dialSocket(ctx, path, 0)
	if err != nil {
		return nil, err
	}
	s, err := fastboot.NewStream(ctx, conn)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// dialSocket connects to the socket. There are no ports: a booted tablet is met there too.
func dialSocket(ctx context.Context, path string, _ int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}
