// This file acts out the faults of a connection and of an answer.

package bootloader

import (
	"context"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// stallTime is how long a stalled tablet reads nothing; longer than any host's
// patience with silence in a data phase. After that it reads and says nothing.
const stallTime = 45 * time.Second

// actOut lets the host see a fault of the connection or of an answer.
func (b *Bootloader) actOut(ctx context.Context, l Link, f *device.Fault) error {
	switch f.Kind {
	case "unplug":
		return device.Unplug(f)
	case "stall":
		if err := device.Pause(ctx, stallTime); err != nil {
			return err
		}
		buf := make([]byte, 64<<10)
		for {
			if _, err := l.ReadData(buf); err != nil {
				return err
			}
		}
	case "fail":
		if f.Arg == "" {
			return refusal("remote failure")
		}
		return refusal(f.Arg)
	case "flood":
		for {
			if err := l.Respond("INFO" + strings.Repeat("~", 250)); err != nil {
				return err
			}
		}
	case "garbage":
		if err := l.Respond("INFO\x1b[2J\x1b]0;owned\x07\u202e\xff\x00text"); err != nil {
			return err
		}
		return l.Respond("OKAY" + strings.Repeat("\x1b[31m", 60))
	}
	return nil
}
