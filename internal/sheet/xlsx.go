// This file writes a workbook of Excel (ECMA-376, the parts that one table needs). A library
// that knows the whole of the format reads it in the tests.

package sheet

import (
	"archive/zip"
	"embed"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

//go:embed xlsx
var xlsxParts embed.FS

// bookParts are the parts of a workbook with one sheet that are the same in each, and their files,
// in the order in which programs look for them. Style 0 is plain, style 1 is bold.
var bookParts = []struct{ name, file string }{
	{"[Content_Types].xml", "types.xml"}, {"_rels/.rels", "package-rels.xml"},
	{"xl/_rels/workbook.xml.rels", "workbook-rels.xml"}, {"xl/styles.xml", "styles.xml"},
}

const mainNamespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

// WriteXLSX writes a workbook with one sheet of that name. The first row is bold and stays in
// sight. A cell is a string, an int or a float64: texts stay texts, whatever they begin with.
func WriteXLSX(out io.Writer, name string, head []string, rows [][]any) error {
	z := zip.NewWriter(out)
	part := func(name string, text []byte) error {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	for _, p := range bookParts {
		text, err := xlsxParts.ReadFile("xlsx/" + p.file)
		if err == nil {
			err = part(p.name, text)
		}
		if err != nil {
			return WriteProblem(err)
		}
	}
	err := part("xl/workbook.xml", []byte(xml.Header+`<workbook xmlns="`+mainNamespace+
		`" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="`+
		xmlText(name)+`" sheetId="1" r:id="rId1"/></sheets></workbook>`))
	if err != nil {
		return WriteProblem(err)
	}
	w, err := z.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return WriteProblem(err)
	}
	s := &bookSheet{w: w}
	s.write(xml.Header + `<worksheet xmlns="` + mainNamespace + `"><sheetViews><sheetView workbookViewId="0">` +
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>`)
	first := make([]any, len(head))
	for i, h := range head {
		first[i] = h
	}
	s.row(first, ` s="1"`)
	for _, row := range rows {
		s.row(row, "")
	}
	s.write(`</sheetData></worksheet>`)
	if s.err == nil {
		s.err = z.Close()
	}
	if s.err != nil {
		return WriteProblem(s.err)
	}
	return nil
}

// bookSheet writes rows, and keeps the first error.
type bookSheet struct {
	w    io.Writer
	rows int
	err  error
}

func (s *bookSheet) write(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

func (s *bookSheet) row(cells []any, style string) {
	s.rows++
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, s.rows)
	for i, c := range cells {
		fmt.Fprintf(&b, `<c r="%s%d"%s`, columnName(i), s.rows, style)
		switch c := c.(type) {
		case int:
			fmt.Fprintf(&b, `><v>%d</v></c>`, c)
		case float64:
			fmt.Fprintf(&b, `><v>%s</v></c>`, strconv.FormatFloat(c, 'g', -1, 64))
		default:
			fmt.Fprintf(&b, ` t="inlineStr"><is><t xml:space="preserve">%s</t></is></c>`, xmlText(fmt.Sprint(c)))
		}
	}
	s.write(b.String() + "</row>")
}

// columnName is A for 0, Z for 25, AA for 26.
func columnName(i int) string {
	name := ""
	for i++; i > 0; i = (i - 1) / 26 {
		name = string(rune('A'+(i-1)%26)) + name
	}
	return name
}

// charEscape is what a text of a workbook may not hold as it is: it stands for a character
// (ECMA-376 part 1, 22.9.2.19).
var charEscape = lazyregexp.New(`_x[0-9A-Fa-f]{4}_`)

// xmlText is text for a workbook; characters that XML cannot have become U+FFFD.
func xmlText(text string) string {
	text = charEscape.Get().ReplaceAllString(text, "_x005F$0")
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder has no errors
	return b.String()
}
