// This file is a report for a spreadsheet: as CSV, and as the workbook of Excel.

package report

import (
	"io"
	"strconv"

	"github.com/xuri/excelize/v2"

	"github.com/zarya-station/zarya/internal/sheet"
	"github.com/zarya-station/zarya/internal/stats"
)

// keyColumn is the one whose texts come from outside.
const keyColumn = 1

// CSV has one row a group; without --by one row.
func (r *Report) CSV(out io.Writer, ru bool) error {
	s, err := sheet.NewWriter(out, ru)
	if err != nil {
		return err
	}
	head, rows := r.table()
	s.Row(head...)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			switch c := c.(type) {
			case string:
				if cells[i] = c; i == keyColumn && r.By != stats.ByDay { // which is a date for spreadsheets too
					cells[i] = s.Text(c)
				}
			case int:
				cells[i] = strconv.Itoa(c)
			case decimal:
				cells[i] = s.Decimal(c.v, c.digits)
			}
		}
		s.Row(cells...)
	}
	return s.End()
}

// XLSX is the same table as a workbook: numbers are numbers and texts are texts in it,
// whatever a text begins with.
func (r *Report) XLSX(out io.Writer) (err error) {
	f := excelize.NewFile()
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = sheet.WriteProblem(cerr)
		}
	}()
	const name = "report"
	if err := f.SetSheetName(f.GetSheetName(0), name); err != nil {
		return sheet.WriteProblem(err)
	}
	w, err := f.NewStreamWriter(name)
	if err != nil {
		return sheet.WriteProblem(err)
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return sheet.WriteProblem(err)
	}
	head, rows := r.table()
	cells := make([]any, len(head))
	for i, h := range head {
		cells[i] = h
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return sheet.WriteProblem(err)
	}
	if err := w.SetRow("A1", cells, excelize.RowOpts{StyleID: bold}); err != nil {
		return sheet.WriteProblem(err)
	}
	for i, row := range rows {
		for j, c := range row {
			if d, ok := c.(decimal); ok {
				row[j] = d.v
			}
		}
		if err := w.SetRow("A"+strconv.Itoa(i+2), row); err != nil {
			return sheet.WriteProblem(err)
		}
	}
	if err := w.Flush(); err != nil {
		return sheet.WriteProblem(err)
	}
	if _, err := f.WriteTo(out); err != nil {
		return sheet.WriteProblem(err)
	}
	return nil
}
