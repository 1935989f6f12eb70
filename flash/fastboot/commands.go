// This file has one method for each command of the protocol.

package fastboot

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// Getvar asks for one variable. A refusal is a *RemoteError; an answer that says
// nothing (empty, "undefine") is returned as it is. See Fact methods for answers
// that can be relied on.
func (c *Client) Getvar(ctx context.Context, name string) (string, error) {
	return c.query(ctx, "getvar:"+name, c.onLine)
}

// Var is one line of getvar all.
type Var struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// GetvarAll asks for everything the device likes to tell, in its order.
func (c *Client) GetvarAll(ctx context.Context) ([]Var, error) {
	var vars []Var
	_, err := c.query(ctx, "getvar:all", func(line string) {
		vars = append(vars, splitVar(line))
	})
	return vars, err
}

// splitVar cuts "partition-size:boot_a: 0x4000000" after the variable's argument
// and "version-bootloader:a:b" after its name.
func splitVar(line string) Var {
	name, value, _ := strings.Cut(line, ":")
	switch name {
	case "partition-size", "partition-type", "has-slot", "is-logical",
		"slot-successful", "slot-unbootable", "slot-retry-count", "slot-suffixes":
		if arg, rest, ok := strings.Cut(value, ":"); ok {
			name, value = name+":"+arg, rest
		}
	}
	return Var{strings.TrimSpace(name), strings.TrimSpace(value)}
}

// Flash writes what was downloaded last to a partition; expanded is how many
// bytes the device has to write for it, which sets the deadline.
func (c *Client) Flash(ctx context.Context, partition string, expanded int64) error {
	_, err := c.do(ctx, "flash:"+partition, c.writeLimit(expanded), c.onLine)
	return err
}

// Erase empties a partition of size bytes. Where the size is not known (0), unsized is how
// long it may take; 0 is Limits.Unsized. After a *TimeoutError the device may go on erasing.
func (c *Client) Erase(ctx context.Context, partition string, size int64, unsized time.Duration) error {
	l := c.writeLimit(min(size, 64<<30) / 16)
	if size <= 0 && unsized > 0 {
		l = limit{unsized, unsized}
	}
	_, err := c.do(ctx, "erase:"+partition, l, c.onLine)
	return err
}

// writeLimit is how long a write of n bytes may take; 0 is not known.
func (c *Client) writeLimit(n int64) limit {
	total := c.limits.Action + bytesAt(n, c.limits.MinWrite)
	if n <= 0 {
		total = c.limits.Unsized
	}
	return limit{total, total}
}

// Boot starts what was downloaded last without writing it.
func (c *Client) Boot(ctx context.Context) error { return c.simple(ctx, "boot") }

// RebootModes are what Reboot takes, in the words of the command line.
var RebootModes = []string{"system", "bootloader", "fastboot", "recovery"}

// Reboot restarts the device into system, bootloader, fastboot (userspace) or
// recovery. The connection is of no use afterwards.
func (c *Client) Reboot(ctx context.Context, mode string) error {
	switch mode {
	case "", "system":
		return c.simple(ctx, "reboot")
	case "bootloader", "fastboot", "recovery":
		return c.simple(ctx, "reboot-"+mode)
	}
	return &UsageError{"reboot-" + mode, "choose one of " + strings.Join(RebootModes, ", ")}
}

// OEM sends a vendor's command, literally with a space.
func (c *Client) OEM(ctx context.Context, words string) (string, error) {
	return c.Command(ctx, "oem "+words)
}

// OEMLines sends a vendor's command and returns its INFO lines and the text of
// its OKAY, if there is one.
func (c *Client) OEMLines(ctx context.Context, words string) ([]string, error) {
	var lines []string
	text, err := c.query(ctx, "oem "+words, func(l string) { lines = append(lines, l) })
	if text != "" {
		lines = append(lines, text)
	}
	return lines, err
}

// Flashing sends "flashing" with lock, unlock or get_unlock_ability. After an
// unlock the status read can fail although it worked: read the state again.
func (c *Client) Flashing(ctx context.Context, what string) (string, error) {
	switch what {
	case "lock", "unlock", "get_unlock_ability":
		return c.Command(ctx, "flashing "+what)
	}
	return "", &UsageError{"flashing " + what, "choose one of lock, unlock, get_unlock_ability"}
}

// Fetch reads size bytes from offset of a partition into w, in one data phase;
// the device tells how many it takes at once as max-fetch-size.
func (c *Client) Fetch(ctx context.Context, partition string, offset, size int64, w io.Writer) error {
	cmd := fmt.Sprintf("fetch:%s:0x%x:0x%x", partition, offset, size)
	if offset < 0 || size <= 0 || size > 0xffffffff {
		return &UsageError{cmd, fmt.Sprintf("%d bytes from %d cannot be fetched at once", size, offset)}
	}
	return c.upload(ctx, cmd, size, w)
}

// ResizeLogical gives a logical partition another size in bytes.
func (c *Client) ResizeLogical(ctx context.Context, partition string, size int64) error {
	return c.simple(ctx, fmt.Sprintf("resize-logical-partition:%s:%d", partition, size))
}

func (c *Client) simple(ctx context.Context, cmd string) error {
	_, err := c.Command(ctx, cmd)
	return err
}
