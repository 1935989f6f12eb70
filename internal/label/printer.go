// This file takes labels to printers.

package label

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
)

// Printer is where labels go: tcp:HOST[:PORT] (9100, where printers take ZPL), or the path of a
// device or of a file, such as /dev/usb/lp0.
type Printer string

// patience is how long a printer may take until it answers, and until it has taken a label.
const patience = 10 * time.Second

// Print sends a label. A device that takes none, because its printer has no paper, is given up.
func (p Printer) Print(ctx context.Context, label []byte) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		if address, network := strings.CutPrefix(string(p), "tcp:"); network {
			done <- send(ctx, address, label)
		} else {
			done <- write(string(p), label)
		}
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = fmt.Errorf("it takes no label: %w", ctx.Err())
	}
	if err != nil {
		return problem.New(problem.Station, "switch the printer on and give it labels, then print again: zarya label", "printer %s: %w", p, err)
	}
	return nil
}

func send(ctx context.Context, address string, label []byte) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), "9100")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	_, err = conn.Write(label)
	return errors.Join(err, conn.Close())
}

// write writes to a device, or to a file.
func write(path string, label []byte) error {
	how := os.O_WRONLY | os.O_TRUNC
	if !strings.HasPrefix(path, "/dev/") { // a device that is not there is no file either
		how |= os.O_CREATE
	}
	f, err := os.OpenFile(path, how, 0o644) //nolint:gosec // the printer that was named
	if err != nil {
		return err
	}
	_, err = f.Write(label)
	return errors.Join(err, f.Close())
}
