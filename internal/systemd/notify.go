// This file tells the service manager how this process is.

package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/untrusted"
)

// Notifier tells the service manager how this process is. A nil Notifier tells nobody.
type Notifier struct {
	socket   string
	interval time.Duration // of the watchdog; 0: there is none
}

// FromEnvironment returns who wants to be told, nil if nobody does. It takes the variables
// out of the environment, so that programs which this one starts do not speak for it.
func FromEnvironment() (*Notifier, error) {
	socket, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if err := os.Unsetenv(v); err != nil {
			return nil, err
		}
	}
	switch {
	case socket == "":
		return nil, nil //nolint:nilnil // nobody is told, as the comment says
	case socket[0] != '/' && socket[0] != '@':
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q is no path", socket)
	}
	n := &Notifier{socket: socket}
	if usec != "" && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		us, err := strconv.ParseInt(usec, 10, 64)
		if err != nil || us <= 0 || us > int64(24*time.Hour/time.Microsecond) {
			return nil, fmt.Errorf("WATCHDOG_USEC: %q is no time within a day", usec)
		}
		n.interval = time.Duration(us) * time.Microsecond
	}
	return n, nil
}

// Ready says that jobs can begin, at the start and after Reloading.
func (n *Notifier) Ready(status string) error { return n.tell("READY=1", statusLine(status)) }

// Reloading says that settings are read again; Ready ends it.
func (n *Notifier) Reloading() error {
	return n.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic()/time.Microsecond))
}

// Stopping says that the process is about to end.
func (n *Notifier) Stopping(status string) error { return n.tell("STOPPING=1", statusLine(status)) }

// Status is shown by systemctl status.
func (n *Notifier) Status(status string) error { return n.tell(statusLine(status)) }

// statusLine is one line, whatever a tablet put into it: each line of a message is an
// assignment that systemd believes.
func statusLine(status string) string { return "STATUS=" + untrusted.Line(status, untrusted.Message) }

// Watchdog gives signs of life at half the interval that the service manager wants, as
// long as healthy returns nil, until ctx ends. Without one, the process is killed and
// started again. The first error after a success goes to the status and to sick. A healthy
// that does not return gives no sign of life either. Without a watchdog it returns at once.
func (n *Notifier) Watchdog(ctx context.Context, healthy func() error, sick func(error)) {
	if n == nil || n.interval == 0 {
		return
	}
	tick := time.NewTicker(n.interval / 2)
	defer tick.Stop()
	ill := false
	for {
		err := healthy()
		switch {
		case err == nil:
			ill = false
			err = n.tell("WATCHDOG=1")
			if err != nil {
				sick(err)
			}
		case !ill:
			ill = true
			sick(err)
			_ = n.Status("not well: " + err.Error()) // sick was told
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell sends one message of assignments.
func (n *Notifier) tell(assignments ...string) error {
	if n == nil {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer func() { _ = conn.Close() }() // the message is out or was refused
	err = conn.SetWriteDeadline(time.Now().Add(time.Second))
	if err == nil {
		_, err = conn.Write([]byte(strings.Join(assignments, "\n")))
	}
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}
