// This file is a report for a spreadsheet: as CSV, and as the workbook of Excel.

package report

import (
	"io"
	"strconv"

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
func (r *Report) XLSX(out io.Writer) error {
	head, rows := r.table()
	for _, row := range rows {
		for i, c := range row {
			if d, ok := c.(decimal); ok {
				row[i] = d.v
			}
		}
	}
	return sheet.WriteXLSX(out, "report", head, rows)
}
