// This file arranges a label: one drawing, which each form draws in its own way.

package label

import (
	"fmt"
	"strings"
	"sync"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/code128"
	"github.com/boombuler/barcode/qr"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// drawing is a label in dots.
type drawing struct {
	size  Size
	w, h  int
	texts []text
	boxes []box
	codes []code
}

// text is a line whose letters are so many dots high, with its left upper corner.
type text struct {
	x, y, height int
	s            string
	bold, white  bool
}

// box is a filled rectangle.
type box struct{ x, y, w, h int }

// code is a barcode: its modules are so many dots wide; a linear one is h dots high.
type code struct {
	x, y, module, h int
	data            string
	modules         barcode.Barcode
}

func (c code) qr() bool { return c.modules.Metadata().Dimensions == 2 }

// fonts are Go's, which have Latin, Greek and Cyrillic letters.
var fonts = sync.OnceValues(func() (both [2]*opentype.Font, err error) {
	if both[0], err = opentype.Parse(goregular.TTF); err == nil {
		both[1], err = opentype.Parse(gobold.TTF)
	}
	return both, err
})

// face is a font whose lines are so many dots high.
func face(height int, bold bool) (font.Face, error) {
	both, err := fonts()
	if err != nil {
		return nil, err
	}
	f := both[0]
	if bold {
		f = both[1]
	}
	return opentype.NewFace(f, &opentype.FaceOptions{Size: float64(height) * letters, DPI: 72, Hinting: font.HintingFull})
}

// letters is how much of a line's height the size of its font is.
const letters = 0.86

// fit makes a line no wider than width: smaller, but not below least, and then shorter.
func (t text) fit(width, least int) (text, error) {
	for ; ; t.height-- {
		f, err := face(t.height, t.bold)
		if err != nil {
			return t, err
		}
		wide := fixed.I(width)
		if font.MeasureString(f, t.s) <= wide {
			return t, f.Close()
		}
		if t.height > least {
			continue
		}
		runes := []rune(t.s)
		for len(runes) > 0 && font.MeasureString(f, string(runes)+"…") > wide {
			runes = runes[:len(runes)-1]
		}
		t.s = string(runes) + "…"
		return t, f.Close()
	}
}

// layout puts the QR code to the left, the result and the texts beside it, and barcodes below.
func (l Label) layout(s Size) (*drawing, error) {
	d := &drawing{size: s, w: s.Width * s.Dots, h: s.Height * s.Dots}
	margin := 2 * s.Dots
	square, err := qr.Encode(l.Data(), qr.M, qr.Unicode)
	if err != nil {
		return nil, fmt.Errorf("the QR code: %w", err)
	}
	side := min(d.h/2, d.w*2/5)
	n := square.Bounds().Dx()
	module := max(side/(n+2), 1) // with what must stay white around it
	d.codes = append(d.codes, code{x: margin, y: margin, module: module, h: n * module, data: l.Data(), modules: square})
	if err := l.texts(d, margin+max(side, n*module)+2*s.Dots, margin, margin+max(side, n*module)); err != nil {
		return nil, err
	}
	return d, l.barcodes(d, margin+max(side, n*module)+s.Dots, margin)
}

// texts writes the lines between y and bottom, from x on.
func (l Label) texts(d *drawing, x, y, bottom int) error {
	width := d.w - 2*d.size.Dots - x
	result := text{x: x, y: y, height: (bottom - y) * 3 / 10, s: l.Said, bold: true}
	if !l.Good { // white in black: nobody takes it for the other one
		d.boxes = append(d.boxes, box{x, y, width, result.height})
		result.x, result.white = x+d.size.Dots, true
	}
	result, err := result.fit(width-2*(result.x-x), result.height/2) // it must be read in full
	if err != nil {
		return err
	}
	d.texts = append(d.texts, result)
	lines := []text{{s: l.Inventory, bold: true}, {s: l.Serial}, {s: l.Model}, {s: l.Record}, {s: l.Ended}}
	if l.Copy > 1 {
		lines[3].s += " " + l.words.Sayf("copy %d", l.Copy)
	}
	if l.Golden {
		lines[2].s += " " + l.words.Say("golden")
	}
	y += (bottom-y)*3/10 + d.size.Dots
	step := (bottom - y) / len(lines)
	for _, t := range lines {
		if t.s = strings.TrimSpace(t.s); t.s == "" {
			continue
		}
		t.x, t.y, t.height = x, y, step
		if t, err = t.fit(width, step*2/3); err != nil {
			return err
		}
		d.texts = append(d.texts, t)
		y += step
	}
	return nil
}

// barcodes draws the inventory's and the serial number's, with the text below, as wide as there
// is room for. What Code 128 has no letters for has none, nor what is too long to be read.
func (l Label) barcodes(d *drawing, y, margin int) error {
	var numbers []string
	for _, s := range []string{l.Inventory, l.Serial} {
		if linear(s) {
			numbers = append(numbers, s)
		}
	}
	if len(numbers) > 1 && (d.h-margin-y)/2 < 5*d.size.Dots {
		numbers = numbers[1:] // there is room for one
	}
	if len(numbers) == 0 {
		return nil
	}
	share := (d.h - margin - y) / len(numbers)
	letter := min(share/3, 3*d.size.Dots)
	for _, s := range numbers {
		modules, err := code128.Encode(s)
		if err != nil {
			return fmt.Errorf("the barcode of %q: %w", s, err)
		}
		n := modules.Bounds().Dx()
		module := min((d.w-margin)/(n+20), d.size.Dots*3/8) // ten modules must stay white on each side
		if module*8 < d.size.Dots || share-letter < 3*d.size.Dots {
			continue
		}
		x := (d.w - n*module) / 2
		d.codes = append(d.codes, code{x: x, y: y, module: module, h: share - letter - d.size.Dots/2, data: s, modules: modules})
		t, err := text{x: x, y: y + share - letter - d.size.Dots/4, height: letter, s: s}.fit(d.w-x-margin, letter*2/3)
		if err != nil {
			return err
		}
		d.texts = append(d.texts, t)
		y += share
	}
	return nil
}

// linear reports whether a text has a barcode of one dimension: visible ASCII, but > , which
// changes the alphabet in a printer.
func linear(s string) bool {
	return s != "" && len(s) <= 48 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '>' })
}
