// This file is what the engine makes of slow and narrow bootloaders: a silence is reported
// and waited for, and a download that was refused for its size is sent in smaller pieces.

package flash

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// silent reports a command that has had no answer for a while. It is called while the
// worker waits for that answer, from another goroutine.
func (s *Session) silent(q fastboot.Silence) {
	s.emit(Waiting{For: "device", Hint: fmt.Sprintf("%s: no answer for %s, up to %s", q.Command, spoken(q.For), spoken(q.UpTo)),
		Seconds: (q.UpTo - q.For).Seconds(), Silent: q.For.Seconds()})
}

// spoken is a duration as people say it: seconds up to two minutes, then minutes.
func spoken(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}

// stillErasing returns the failure of an erase that was not answered in time, or nil. The
// tablet may still be erasing, so it is not begun again.
func stillErasing(err error) *Failure {
	var timeout *fastboot.TimeoutError
	if !errors.As(err, &timeout) || !strings.HasPrefix(timeout.Command, "erase:") {
		return nil
	}
	return &Failure{Class: ClassTimeout, Err: err, Message: err.Error() + " (not begun again: the tablet may still be erasing)",
		Hint: "leave the tablet alone for some minutes; if it stays silent, hold the power button until it restarts, then flash it again"}
}

// Sizes of a download.
const (
	assumedMaxDownload = 128 << 20 // for a tablet that does not report: small enough for every known bootloader's buffer
	leastMaxDownload   = 4096      // an answer below this makes no sense
	leastDownload      = 64 << 10  // smaller pieces are not tried
)

// taken is how many bytes each family of tablets was found to take in one download, where
// it told more or nothing. The zero taken is ready; tablets of a run share it.
type taken struct {
	mu       sync.Mutex
	byFamily map[string]int64 // guarded by mu
}

func (t *taken) of(family string) (int64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.byFamily[family]
	return n, ok
}

func (t *taken) remember(family string, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known, ok := t.byFamily[family]; family == "" || ok && known <= n {
		return
	}
	if t.byFamily == nil {
		t.byFamily = map[string]int64{}
	}
	t.byFamily[family] = n
}

// family names the tablets that are like this one; "" is not known.
func (s *Session) family() string {
	if known, ok := usb.Known(s.tablet.key.Product); ok {
		return known.Name
	}
	return s.tablet.key.Product
}

// MaxDownload is how many bytes one download to this tablet may have.
func (s *Session) MaxDownload(ctx context.Context) (int64, error) {
	if s.tablet.maxDownload > 0 {
		return s.tablet.maxDownload, nil
	}
	n, err := s.link.client.MaxDownload(ctx)
	if err != nil {
		return 0, err
	}
	known, _ := usb.Known(s.tablet.key.Product)
	learned, ok := s.engine.taken.of(s.family())
	switch {
	case ok:
		if n < leastMaxDownload || learned < n {
			n = learned
		}
	case known.MaxDownload > 0:
		n = known.MaxDownload
	case n < leastMaxDownload:
		n = assumedMaxDownload
		s.Warn("the tablet does not report max-download-size; pieces of 128 MiB are sent", "")
	}
	s.tablet.maxDownload = min(n, 0xffffffff)
	return s.tablet.maxDownload, nil
}

// sendLess halves what is sent at once after a download was refused for its size, for all
// tablets of this family. false: there is nothing smaller to try.
func (s *Session) sendLess(refused *fastboot.RemoteError) bool {
	size, ok := strings.CutPrefix(refused.Command, "download:")
	n, err := strconv.ParseInt(size, 16, 64)
	if !ok || err != nil {
		return false
	}
	n = n / 2 / leastMaxDownload * leastMaxDownload
	if n < leastDownload {
		return false
	}
	s.tablet.maxDownload = n
	s.engine.taken.remember(s.family(), n)
	s.Warn(fmt.Sprintf("the tablet refuses a download of %s bytes (%q): pieces of at most %d KiB are sent", decimal(size), refused.Message,
		n>>10), "")
	return true
}

// decimal writes a hexadecimal number in decimal digits.
func decimal(hex string) string {
	n, _ := strconv.ParseInt(hex, 16, 64)
	return strconv.FormatInt(n, 10)
}
