package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/xuri/excelize/v2"
)

func TestXLSXIsReadByALibrary(t *testing.T) {
	head := make([]string, 30)
	texts := make([]any, 30)
	for i := range head {
		head[i], texts[i] = fmt.Sprintf("h%d", i), "t"
	}
	copy(texts, []any{"=1+1", " a\tb ", `<&">`, "_x0041_", "Ёж", "007", 42, -1.5, 1e-9, 12345678901, "\x01", "a\nb", ""})
	want := map[string]string{"A2": "=1+1", "B2": " a\tb ", "C2": `<&">`, "D2": "_x0041_", "E2": "Ёж", "F2": "007", "G2": "42", "H2": "-1.5",
		"I2": "1e-09", "J2": "12345678901", "K2": "\ufffd", "L2": "a\nb", "M2": "", "Z1": "h25", "AA1": "h26", "AD2": "t"}
	var b bytes.Buffer
	if err := WriteXLSX(&b, "a & b", head, [][]any{texts, {}}); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.GetSheetList(); len(got) != 1 || got[0] != "a & b" {
		t.Errorf("%q", got)
	}
	for cell, text := range want {
		if got, err := f.GetCellValue("a & b", cell, excelize.Options{RawCellValue: true}); err != nil || got != text {
			t.Errorf("%s is %q, want %q: %v", cell, got, text, err)
		}
		if formula, err := f.GetCellFormula("a & b", cell); formula != "" || err != nil {
			t.Errorf("%s is the formula %q: %v", cell, formula, err)
		}
	}
	for cell, number := range map[string]bool{"A2": false, "F2": false, "G2": true, "H2": true} {
		kind, err := f.GetCellType("a & b", cell)
		if err != nil || (kind == excelize.CellTypeInlineString || kind == excelize.CellTypeSharedString) == number {
			t.Errorf("%s is of type %v: %v", cell, kind, err)
		}
	}
	id, err := f.GetCellStyle("a & b", "B1")
	if err != nil {
		t.Fatal(err)
	}
	if style, err := f.GetStyle(id); err != nil || style.Font == nil || !style.Font.Bold {
		t.Errorf("%+v %v", style, err)
	}
	if panes, err := f.GetPanes("a & b"); err != nil || !panes.Freeze || panes.YSplit != 1 {
		t.Errorf("%+v %v", panes, err)
	}
}

// disk takes n bytes.
type disk int

func (d *disk) Write(p []byte) (int, error) {
	if *d -= disk(len(p)); *d < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestXLSXOnAFullDisk(t *testing.T) {
	var whole bytes.Buffer
	if err := WriteXLSX(&whole, "x", []string{"a"}, [][]any{{"b"}}); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len(); n += 41 {
		room := disk(n)
		if err := WriteXLSX(&room, "x", []string{"a"}, [][]any{{"b"}}); err == nil {
			t.Fatalf("%d bytes of %d fit a workbook", n, whole.Len())
		}
	}
}
