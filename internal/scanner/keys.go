// This file makes lines of text of what the kernel says of keys.

package scanner

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Types and codes of linux/input-event-codes.h.
const (
	evSyn, evKey = 0, 1
	synDropped   = 3
	keyEnter     = 28
	keyKPEnter   = 96
	keyLeftShift = 42
	keyRightShft = 54
)

// Values of a key's event.
const (
	released = 0
	pressed  = 1 // 2 is a repetition by the kernel
)

// plain and shifted are the characters of a US layout that a barcode can have.
var plain, shifted = layout()

func layout() (plain, shifted map[uint16]byte) {
	plain, shifted = map[uint16]byte{}, map[uint16]byte{}
	for first, row := range map[uint16]string{2: "1234567890-", 16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm", 52: "./"} {
		for n := range len(row) {
			code := first + uint16(n)
			plain[code] = row[n]
			if row[n] >= 'a' && row[n] <= 'z' {
				shifted[code] = row[n] - 'a' + 'A'
			}
		}
	}
	shifted[4], shifted[12], shifted[39] = '#', '_', ':' // over 3, - and ;
	return plain, shifted
}

// stroke is one event of the kernel, and when it was read.
type stroke struct {
	kind, code uint16
	value      int32
	at         time.Time
}

// eventSize is that of struct input_event where a long has 64 bits.
const eventSize = 24

// decode reads one struct input_event.
func decode(b []byte, at time.Time) stroke {
	return stroke{
		binary.NativeEndian.Uint16(b[16:]), binary.NativeEndian.Uint16(b[18:]),
		int32(binary.NativeEndian.Uint32(b[20:])), at, //nolint:gosec // it is one
	}
}

// maxGap is the longest time between two characters of a scan.
const maxGap = 2 * time.Second

const noEnter = "its Enter did not come within 2 s: set the scanner to end each scan with Enter"

// line collects the characters of one scan.
type line struct {
	text    []byte
	spoiled string // why the scan is dropped at its end; "" is not
	shift   [2]bool
	last    time.Time // of its last character
	begun   bool
}

// add takes a stroke. Where a scan ended, done is true, and text is what was scanned or
// why says why it does not count. A line of nothing is no scan.
func (l *line) add(s stroke) (text, why string, done bool) {
	if s.kind == evSyn && s.code == synDropped {
		l.shift = [2]bool{}
		l.begin(s.at)
		l.spoil("this machine was too slow to read all of it: scan again")
		return "", "", false
	}
	if s.kind != evKey {
		return "", "", false
	}
	switch s.code {
	case keyLeftShift:
		l.shift[0] = s.value != released
		return "", "", false
	case keyRightShft:
		l.shift[1] = s.value != released
		return "", "", false
	}
	if s.value != pressed {
		return "", "", false
	}
	if l.begun && s.at.Sub(l.last) > maxGap {
		text, why = l.end(noEnter)
		done = true
	}
	if s.code == keyEnter || s.code == keyKPEnter {
		if !l.begun {
			return text, why, done
		}
		text, why = l.end("")
		return text, why, true
	}
	l.begin(s.at)
	table := plain
	if l.shift[0] || l.shift[1] {
		table = shifted
	}
	switch c, known := table[s.code]; {
	case !known:
		l.spoil(fmt.Sprintf("key %d is none that barcodes have here: set the scanner to a US keyboard", s.code))
	case len(l.text) == MaxText:
		l.spoil(fmt.Sprintf("it has more than %d characters", MaxText))
	default:
		l.text = append(l.text, c)
	}
	return text, why, done
}

func (l *line) begin(at time.Time) { l.begun, l.last = true, at }

func (l *line) spoil(why string) {
	if l.spoiled == "" {
		l.spoiled = why
	}
}

// end ends a scan, which does not count if it was spoiled or there is a reason.
func (l *line) end(reason string) (text, why string) {
	text, why = string(l.text), l.spoiled
	if why == "" {
		why = reason
	}
	*l = line{text: l.text[:0], shift: l.shift}
	return text, why
}

// lapse ends a scan after which nothing came for maxGap.
func (l *line) lapse() (text, why string, done bool) {
	if !l.begun {
		return "", "", false
	}
	text, why = l.end(noEnter)
	return text, why, true
}
