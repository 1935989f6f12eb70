package scanner

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// codeOf is where a character is on a US keyboard, from linux/input-event-codes.h.
var codeOf = map[rune]uint16{
	'1': 2, '2': 3, '3': 4, '4': 5, '5': 6, '6': 7, '7': 8, '8': 9, '9': 10, '0': 11, '-': 12, '_': 12, '#': 4, ':': 39, '/': 53, '.': 52,
	'Q': 16, 'W': 17, 'E': 18, 'R': 19, 'T': 20, 'Y': 21, 'U': 22, 'I': 23, 'O': 24, 'P': 25, 'A': 30, 'S': 31, 'D': 32, 'F': 33, 'G': 34,
	'H': 35, 'J': 36, 'K': 37, 'L': 38, 'Z': 44, 'X': 45, 'C': 46, 'V': 47, 'B': 48, 'N': 49, 'M': 50,
	'\n': 28, '\r': 96, ' ': 57, ';': 39, '@': 3, '\t': 15,
}

// event is a struct input_event.
func event(kind, code uint16, value int32) []byte {
	b := make([]byte, 24)
	binary.NativeEndian.PutUint64(b, 1_800_000_000) // its own time is not looked at
	binary.NativeEndian.PutUint16(b[16:], kind)
	binary.NativeEndian.PutUint16(b[18:], code)
	binary.NativeEndian.PutUint32(b[20:], uint32(value))
	return b
}

// typed is what the kernel says when a scanner types a text.
func typed(text string) (all []byte) {
	for _, c := range text {
		code, ok := codeOf[c]
		lower := c >= 'a' && c <= 'z'
		if lower {
			code, ok = codeOf[c-'a'+'A'], true
		}
		if !ok {
			panic("no key for " + string(c))
		}
		shift := c >= 'A' && c <= 'Z' || strings.ContainsRune("_#:@", c)
		if shift {
			all = append(append(all, event(1, 42, 1)...), event(0, 0, 0)...)
		}
		for _, value := range []int32{1, 0} { // with MSC_SCAN, as HID devices have it
			all = append(append(append(all, event(4, 4, 458_756)...), event(1, code, value)...), event(0, 0, 0)...)
		}
		if shift {
			all = append(append(all, event(1, 42, 0)...), event(0, 0, 0)...)
		}
	}
	return all
}

// scans gives the strokes to a line and returns what it says: texts, and "text! why" for
// those that do not count.
func scans(l *line, events []byte, at time.Time) (all []string) {
	for ; len(events) >= 24; events = events[24:] {
		if text, why, done := l.add(decode(events, at)); done && why != "" {
			all = append(all, text+"! "+why)
		} else if done {
			all = append(all, text)
		}
	}
	return all
}

func TestKeys(t *testing.T) {
	all := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.:#"
	join := func(parts ...[]byte) (b []byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
		return b
	}
	for name, test := range map[string]struct {
		events []byte
		want   string
	}{
		"every character": {typed(all + "\n"), all},
		"two scans":       {typed("OP:17\nLOT:p-1\r"), "OP:17|LOT:p-1"},
		"no end":          {typed("OP:17"), ""},
		"only ends":       {typed("\n\n\r"), ""},
		"128 characters":  {typed(long(128) + "\n"), long(128)},
		"129 characters":  {typed(long(129) + "\nOP:1\n"), long(128) + "! it has more than 128 characters|OP:1"},
		"a space": {typed("OP: 7\nOP:1\n"),
			"OP:7! key 57 is none that barcodes have here: set the scanner to a US keyboard|OP:1"},
		"a key without shift":     {typed("A;\n"), "A! key 39 is none that barcodes have here: set the scanner to a US keyboard"},
		"another with":            {typed("A@\n"), "A! key 3 is none that barcodes have here: set the scanner to a US keyboard"},
		"the right shift":         {join(event(1, 54, 1), typed("a"), event(1, 54, 0), typed("a\n")), "Aa"},
		"both shifts, one leaves": {join(event(1, 54, 1), event(1, 42, 1), event(1, 42, 0), typed("a"), event(1, 54, 0), typed("a\n")), "Aa"},
		"a key that is held":      {join(typed("a"), event(1, 30, 2), event(1, 30, 2), typed("\n")), "a"},
		"control": {join(event(1, 29, 1), typed("a\n")),
			"a! key 29 is none that barcodes have here: set the scanner to a US keyboard"},
		"no keys at all": {join(event(2, 30, 1), event(4, 4, 30), event(0, 0, 0), typed("\n")), ""},
		"lost events": {join(typed("OP:1"), event(1, 42, 1), event(0, 3, 0), typed("7\nop\n")),
			"OP:17! this machine was too slow to read all of it: scan again|op"},
	} {
		var l line
		if got := strings.Join(scans(&l, test.events, time.Time{}), "|"); got != test.want {
			t.Errorf("%s: %q, not %q", name, got, test.want)
		}
	}
}

func TestGap(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for gap, want := range map[time.Duration]string{
		2 * time.Second:                  "OP:17",
		2*time.Second + time.Millisecond: "OP:! its Enter did not come within 2 s: set the scanner to end each scan with Enter|17",
	} {
		var l line
		got := append(scans(&l, typed("OP:"), at), scans(&l, typed("17\n"), at.Add(gap))...)
		if strings.Join(got, "|") != want {
			t.Errorf("after %v: %q, not %q", gap, got, want)
		}
		got = append(scans(&l, typed("OP:1"), at), scans(&l, typed("\n"), at.Add(gap))...)
		if late := gap > 2*time.Second; len(got) != 1 || strings.HasPrefix(got[0], "OP:1! ") != late {
			t.Errorf("Enter after %v: %q", gap, got)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(typed("OP:17\nLOT:P-118\n"))
	f.Add(append(event(0, 3, 0), typed("\n")...))
	f.Add(append(event(1, 42, 1), typed("x\n")...))
	f.Fuzz(func(t *testing.T, events []byte) {
		var l line
		at := time.Unix(0, 0)
		ends := 0
		for ; len(events) >= 24; events = events[24:] {
			s := decode(events, at)
			at = at.Add(time.Duration(events[0]) * 10 * time.Millisecond)
			text, why, done := l.add(s)
			if done {
				ends++
			}
			if len(text) > MaxText || !done && text+why != "" || strings.ContainsFunc(text, func(r rune) bool { return !readable(r) }) {
				t.Fatalf("%q, %q, %v", text, why, done)
			}
			if done && why == "" && s.code != 28 && s.code != 96 {
				t.Fatalf("%q ended by key %d", text, s.code)
			}
		}
		if _, _, done := l.lapse(); done && l.begun {
			t.Fatal("begun again")
		}
	})
}
