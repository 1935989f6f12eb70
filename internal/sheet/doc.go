// Package sheet reads tables that people save from spreadsheets: comma-separated values as
// the programs of an office write them, which is in several encodings and with several
// separators.
//
// [Parse] recognises UTF-8 (with a byte order mark or without), UTF-16 and Windows-1251,
// and commas, semicolons and tabs; [Sheet.Says] tells what was recognised, so that a person
// can see a wrong guess. What cannot be told is refused, never guessed: a wrong name on a
// tablet costs more than a file that is saved again. Rows without any value are left out.
//
// The first row names the columns. Cells are without the blanks around them. An [Error]
// has the line, and never what is in a row: it may be secret.
//
// A [Writer] writes CSV that no spreadsheet reads as a formula, [WriteXLSX] a workbook.
package sheet
