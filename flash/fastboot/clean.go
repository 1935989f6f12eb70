// This file makes what a device says safe to show, log and store.

package fastboot

import "github.com/zarya-station/zarya/internal/untrusted"

// Clean returns what a device said as one line of text, up to the first NUL and of no
// more bytes than a response may have; see package untrusted.
func Clean(s string) string { return untrusted.Reply(s, maxResponse) }
