// This file writes ZPL II, which label printers speak: the printer draws letters and barcodes
// itself. What stands on the label reaches it as hexadecimal (^FH) wherever it is not a plain
// letter or digit, so nothing in it is a command.

package label

import (
	"bytes"
	"fmt"
	"strings"
)

// field is a text as the data of a field, and its end.
func field(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte(" .:/-+=?&%", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String() + "^FS\n"
}

func (d *drawing) zpl() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "^XA\n^CI28\n^PW%d\n^LL%d\n^LH0,0\n", d.w, d.h) // texts are UTF-8
	for _, x := range d.boxes {
		fmt.Fprintf(&b, "^FO%d,%d^GB%d,%d,%d^FS\n", x.x, x.y, x.w, x.h, min(x.w, x.h))
	}
	for _, c := range d.codes {
		if c.qr() {
			// The printer leaves ten dots above it.
			fmt.Fprintf(&b, "^FO%d,%d^BQN,2,%d%s", c.x, max(c.y-10, 0), min(c.module, 10), "^FH^FDMA,"+field(c.data))
			continue
		}
		fmt.Fprintf(&b, "^FO%d,%d^BY%d^BCN,%d,N,N,N,A^FH^FD%s", c.x, c.y, c.module, c.h, field(c.data))
	}
	for _, t := range d.texts {
		reverse := ""
		if t.white {
			reverse = "^FR"
		}
		fmt.Fprintf(&b, "^FO%d,%d%s%s^FH^FD%s", t.x, t.y, reverse, printerFont(t), field(t.s))
	}
	b.WriteString("^XZ\n")
	return b.Bytes()
}

// printerFont is the printer's scalable font 0, or the one that has more than Latin letters.
func printerFont(t text) string {
	if strings.ContainsFunc(t.s, func(r rune) bool { return r > 0xff }) {
		return fmt.Sprintf("^A@N,%d,%d,E:TT0003M_.FNT", t.height, t.height)
	}
	return fmt.Sprintf("^A0N,%d,%d", t.height, t.height)
}
