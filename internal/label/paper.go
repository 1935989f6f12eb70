// This file draws a label as a picture and as a page.

package label

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/math/fixed"
)

// bars are the black parts of a barcode, as rows of boxes.
func (c code) bars() (all []box) {
	b := c.modules.Bounds()
	height := c.h
	if c.qr() {
		height = c.module
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			from := x
			for ; x < b.Max.X && c.modules.At(x, y) == color.Black; x++ {
			}
			if x > from {
				all = append(all, box{c.x + (from-b.Min.X)*c.module, c.y + (y-b.Min.Y)*height, (x - from) * c.module, height})
			}
		}
	}
	return all
}

// black are all black parts but letters.
func (d *drawing) black() []box {
	all := d.boxes
	for _, c := range d.codes {
		all = append(all, c.bars()...)
	}
	return all
}

func (d *drawing) png() ([]byte, error) {
	im := image.NewPaletted(image.Rect(0, 0, d.w, d.h), color.Palette{color.White, color.Black})
	for _, b := range d.black() {
		draw.Draw(im, image.Rect(b.x, b.y, b.x+b.w, b.y+b.h), image.Black, image.Point{}, draw.Src)
	}
	for _, t := range d.texts {
		f, err := face(t.height, t.bold)
		if err != nil {
			return nil, err
		}
		ink := image.Black
		if t.white {
			ink = image.White
		}
		w := font.Drawer{Dst: im, Src: ink, Face: f, Dot: fixed.P(t.x, t.y+t.base())}
		w.DrawString(t.s)
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return nil, err
	}
	return sized(b.Bytes(), uint32(d.size.Dots)*1000), nil //nolint:gosec // 8, 12 or 24
}

// base is where the letters of a line stand, below its upper edge.
func (t text) base() int { return t.height * 4 / 5 }

// sized puts into a PNG how many dots a metre has, so that it is printed in its size.
func sized(b []byte, dots uint32) []byte {
	const header = 8 + 4 + 4 + 13 + 4 // the signature and IHDR, which is always first
	chunk := []byte("pHYs")
	chunk = binary.BigEndian.AppendUint32(chunk, dots)
	chunk = binary.BigEndian.AppendUint32(chunk, dots)
	chunk = append(chunk, 1) // the unit is the metre
	out := append([]byte{}, b[:header]...)
	out = binary.BigEndian.AppendUint32(out, 9)
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, b[header:]...)
}

func (d *drawing) pdf(l Label) ([]byte, error) {
	mm := func(dots int) float64 { return float64(dots) / float64(d.size.Dots) }
	p := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm", Size: fpdf.SizeType{Wd: mm(d.w), Ht: mm(d.h)}})
	p.SetMargins(0, 0, 0)
	p.SetAutoPageBreak(false, 0)
	p.SetCatalogSort(true) // the same label, the same bytes
	p.SetCreationDate(l.ended.UTC())
	p.SetModificationDate(l.ended.UTC())
	p.SetTitle(l.Record, true)
	p.AddUTF8FontFromBytes("go", "", goregular.TTF)
	p.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	p.AddPageFormat("P", fpdf.SizeType{Wd: mm(d.w), Ht: mm(d.h)})
	p.SetFillColor(0, 0, 0)
	for _, b := range d.black() {
		p.Rect(mm(b.x), mm(b.y), mm(b.w), mm(b.h), "F")
	}
	for _, t := range d.texts {
		style, ink := "", 0
		if t.bold {
			style = "B"
		}
		if t.white {
			ink = 255
		}
		p.SetTextColor(ink, ink, ink)
		p.SetFont("go", style, mm(t.height)*letters*72/25.4)
		p.Text(mm(t.x), mm(t.y+t.base()), t.s)
	}
	var b bytes.Buffer
	err := p.Output(&b)
	return b.Bytes(), err
}
