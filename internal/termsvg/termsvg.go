// Package termsvg draws what is on a terminal as SVG: a picture, or a film of it. The pictures
// of the documentation are made with it; the program does not need it.
package termsvg

import (
	"fmt"
	"html"
	"image/color"
	"strings"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// The size of a cell in pixels, and the space around the screen.
const (
	cellWidth, cellHeight = 8.4, 18.0
	space                 = 14.0
)

// palette are the sixteen colours of a dark terminal.
var palette = [16]string{"#2b303b", "#ef6b73", "#4fd17c", "#e8c35a", "#6ea8ff", "#d08bf0", "#5fd3dc", "#d7dce5",
	"#7b8494", "#ff8b92", "#74e79b", "#ffd97a", "#93c0ff", "#e0a8ff", "#86e6ee", "#ffffff"}

const ground, ink = "#14171c", "#e3e7ee"

// Frame is what a terminal shows from a moment on: its rows, drawn.
type Frame struct {
	At   time.Duration
	Rows []string
}

// Rows draws what is on a screen now, row by row.
func Rows(screen *vt.Emulator) (rows []string) {
	for y := range screen.Height() {
		rows = append(rows, row(screen, y))
	}
	return rows
}

// row draws runs of cells that look alike.
func row(screen *vt.Emulator, y int) string {
	var b strings.Builder
	width := screen.Width()
	for x := 0; x < width; {
		first := screen.CellAt(x, y)
		from, text := x, ""
		for x < width {
			c := screen.CellAt(x, y)
			if c == nil || first == nil || !c.Style.Equal(&first.Style) {
				break
			}
			text += c.Content
			if c.Content == "" {
				text += " "
			}
			x += max(1, c.Width)
		}
		if x == from {
			x++
			continue
		}
		b.WriteString(run(from, x-from, text, first.Style))
	}
	return b.String()
}

// run draws cells of one style.
func run(x, cells int, text string, style uv.Style) string {
	front, back := colour(style.Fg, ink), colour(style.Bg, "")
	if style.Attrs&uv.AttrReverse != 0 {
		front, back = colour(style.Bg, ground), colour(style.Fg, ink)
	}
	out := ""
	if back != "" {
		out = fmt.Sprintf(`<rect x="%.1f" width="%.1f" height="%g" fill="%s"/>`, float64(x)*cellWidth, float64(cells)*cellWidth, cellHeight, back)
	}
	trimmed := strings.TrimRight(text, " ")
	if trimmed == "" {
		return out
	}
	drawn := cells - (len(text) - len(trimmed))
	lead := len(trimmed) - len(strings.TrimLeft(trimmed, " "))
	more := ""
	if front != ink {
		more += fmt.Sprintf(` fill="%s"`, front)
	}
	if style.Attrs&uv.AttrBold != 0 {
		more += ` class="b"`
	}
	if style.Attrs&uv.AttrFaint != 0 {
		more += ` opacity=".6"`
	}
	if n := drawn - lead; n > 1 {
		more += fmt.Sprintf(` textLength="%.1f"`, float64(n)*cellWidth)
	}
	return out + fmt.Sprintf(`<text x="%.1f" y="13.5"%s>%s</text>`, float64(x+lead)*cellWidth, more, html.EscapeString(trimmed[lead:]))
}

// colour is how SVG writes a colour of a terminal.
func colour(c color.Color, otherwise string) string {
	switch c := c.(type) {
	case nil:
		return otherwise
	case ansi.BasicColor:
		return palette[c&15]
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

// Still is a picture of one screen. title says what it shows, for those who do not see it.
func Still(screen *vt.Emulator, title string) string {
	var b strings.Builder
	begin(&b, screen.Width(), screen.Height(), title, "")
	for y, r := range Rows(screen) {
		if r != "" {
			fmt.Fprintf(&b, `<g transform="translate(%g,%g)">%s</g>`+"\n", space, space+float64(y)*cellHeight, r)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// Film shows frames one after the other, again and again; the last one stands for hold. Whoever
// wants no motion sees the last frame.
func Film(frames []Frame, columns, rows int, title string, hold time.Duration) string {
	ends := frames[len(frames)-1].At + hold
	wide := float64(columns) * cellWidth
	apart := wide + space // so that no letter leans into its neighbour
	var style strings.Builder
	style.WriteString("@keyframes film{")
	for i, f := range frames {
		fmt.Fprintf(&style, "%.3f%%{transform:translateX(%.1fpx)}", 100*f.At.Seconds()/ends.Seconds(), -float64(i)*apart)
	}
	last := -float64(len(frames)-1) * apart
	fmt.Fprintf(&style, "}.film{animation:film %.2fs step-end infinite}"+
		"@media(prefers-reduced-motion:reduce){.film{animation:none;transform:translateX(%.1fpx)}}", ends.Seconds(), last)
	var b strings.Builder
	begin(&b, columns, rows, title, style.String())
	known := map[string]int{}
	var defs, uses strings.Builder
	for i, f := range frames {
		for y, r := range f.Rows {
			if r == "" {
				continue
			}
			id, ok := known[r]
			if !ok {
				id = len(known)
				known[r] = id
				fmt.Fprintf(&defs, `<g id="r%d">%s</g>`+"\n", id, r)
			}
			fmt.Fprintf(&uses, `<use href="#r%d" x="%.1f" y="%g"/>`, id, float64(i)*apart, float64(y)*cellHeight)
		}
		uses.WriteString("\n")
	}
	fmt.Fprintf(&b, "<defs>%s</defs>\n"+`<svg x="%g" y="%g" width="%.1f" height="%g"><g class="film">%s</g></svg></svg>`+"\n",
		defs.String(), space, space, wide, float64(rows)*cellHeight, uses.String())
	return b.String()
}

// begin writes what pictures and films begin with.
func begin(b *strings.Builder, columns, rows int, title, style string) {
	width, height := float64(columns)*cellWidth+2*space, float64(rows)*cellHeight+2*space
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s" fill="%s">`+"\n"+
		`<style>text{font:14px ui-monospace,"SF Mono","DejaVu Sans Mono",Menlo,Consolas,monospace;white-space:pre}.b{font-weight:700}%s</style>`+
		"\n"+`<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", width, height, html.EscapeString(title), ink, style, ground)
}
