// Tables as the programs of an office save them.

package sheet

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// cities is one table; ; stands for the separator.
const cities = "inventory;region\r\n000123;Москва\r\n1E10;Томск, Россия\r\n"

func TestEncodingsAndSeparators(t *testing.T) {
	semicolons := cities
	tabs := strings.ReplaceAll(cities, ";", "\t")
	commas := strings.ReplaceAll(strings.ReplaceAll(cities, "Томск, Россия", `"Томск, Россия"`), ";", ",")
	little := encoded(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), tabs)
	big := encoded(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), tabs)
	for name, test := range map[string]struct{ text, says string }{
		"UTF-8":                        {commas, ""},
		"with a mark":                  {"\xef\xbb\xbf" + commas, ""},
		"semicolons":                   {semicolons, "columns by semicolons"},
		"tabs":                         {tabs, "columns by tabs"},
		"sep=":                         {"\xef\xbb\xbfsep=;\r\n" + semicolons, "columns by semicolons"},
		"Windows-1251":                 {encoded(t, charmap.Windows1251, semicolons), "read as Windows-1251, columns by semicolons"},
		"UTF-16, little end first":     {"\xff\xfe" + little, "read as UTF-16, columns by tabs"},
		"UTF-16, big end first":        {"\xfe\xff" + big, "read as UTF-16, columns by tabs"},
		"UTF-16 without a mark":        {little, "read as UTF-16, columns by tabs"},
		"UTF-16 without a mark, big":   {big, "read as UTF-16, columns by tabs"},
		"line ends of an old Mac":      {strings.ReplaceAll(commas, "\r\n", "\r"), ""},
		"line ends of Unix":            {strings.ReplaceAll(commas, "\r\n", "\n"), ""},
		"DOS's end of text":            {commas + "\x1a", ""},
		"blank rows":                   {commas + ",\r\n ,  \r\n,,,\r\n", "3 blank rows left out"},
		"one blank row in front":       {",\r\n" + commas, "1 blank row left out"},
		"columns that were once used":  {strings.ReplaceAll(semicolons, "\r\n", ";;\r\n"), "columns by semicolons"},
		"blanks around":                {strings.ReplaceAll(semicolons, ";", " ; "), "columns by semicolons"},
		"no-break spaces":              {strings.ReplaceAll(semicolons, ";", "\u00a0;\u00a0"), "columns by semicolons"},
		"without an end of the last":   {strings.TrimSuffix(commas, "\r\n"), ""},
		"names in quotes":              {strings.ReplaceAll(commas, "region", `"region"`), ""},
		"the separator line in quotes": {"\"sep=\t\"\n" + tabs, "columns by tabs"},
	} {
		s, err := Parse([]byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := append([][]string{s.Columns}, s.Rows[0].Cells, s.Rows[1].Cells)
		want := [][]string{{"inventory", "region"}, {"000123", "Москва"}, {"1E10", "Томск, Россия"}}
		if diff := cmp.Diff(want, got); diff != "" || len(s.Rows) != 2 {
			t.Errorf("%s: %d rows\n%s", name, len(s.Rows), diff)
		}
		if s.Says() != test.says {
			t.Errorf("%s: it says %q, not %q", name, s.Says(), test.says)
		}
	}
}

func TestLines(t *testing.T) {
	s, err := Parse([]byte("sep=,\n\na,b\n1,\"x\ny\"\n\n,\n2,z\n"))
	if err != nil || len(s.Rows) != 2 || s.Rows[0].Line != 4 || s.Rows[1].Line != 8 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestRefused(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		line       int
	}{
		"nothing":                   {"", "is empty", 0},
		"blank rows only":           {",,\n,\n", "is empty", 0},
		"too few fields":            {"a,b\n1,2\n3\n", "wrong number of fields: 1", 3},
		"too many fields":           {"a,b\n1,2,3\n", "wrong number of fields: 3", 2},
		"a quote in the middle":     {"a,b\n1,2\n3,x\"y\n", "quote", 3},
		"a quote that is not ended": {"sep=,\na,b\n1,\"2\n", "quote", 3},
		"two kinds of separators":   {"a,b;c\n1,2;3\n", "has both , ; in its first line", 1},
		"a column without a name":   {"a,,c\n1,2,3\n", "column 2 has no name", 1},
		"a name twice":              {"a,b,a\n1,2,3\n", `two columns have the name "a"`, 1},
		"CP866":                     {encoded(t, charmap.CodePage866, "a;b\n1;москва и томск\n"), "not Windows-1251", 2},
		"a broken mark":             {"\xef\xbb\xbfa,b\n1,\xff\n", "not UTF-8, as its first bytes say", 2},
		"half a UTF-16":             {"\xff\xfea\x00,\x00b", "neither text nor UTF-16", 0},
		"a spreadsheet's own file":  {"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00\xff", "neither text nor UTF-16", 0},
		"a byte that 1251 has not":  {"a,b\n\xcc\xee\xf1\x98,2\n", "not Windows-1251", 2},
	} {
		s, err := Parse([]byte(test.text))
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Line != test.line {
			t.Errorf("%s: %v, want line %d: %s; %+v", name, err, test.line, test.want, s)
		}
	}
}

func TestKey(t *testing.T) {
	for _, test := range []struct{ text, key, want string }{
		{"k,v\n1,a\n2,a\n", "k", ""},
		{"k,v\n1,a\n2,a\n", "n", `line 1: there is no column "n"`},
		{"k,v\n1,a\n,a\n", "k", "line 3: has nothing in the column k"},
		{"k,v\n1,a\n2,b\n\n1,c\n", "k", `line 5: k "1" is in the lines 2, 5`},
		{"k,v\n2,\n1,\n1,\n1,\n1,\n1,\n1,\n1,\n1,\n", "k", `line 4: k "1" is in the lines 3, 4, 5, 6, 7, …`},
	} {
		s, err := Parse([]byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		if err = s.Key(test.key); (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
			t.Errorf("%q: %v, not %s", test.text, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{cities, "sep=\t\na\tb\n1\t2", "\xff\xfea\x00\n\x001\x00", "a\x00\n\x00", "\xcc\xee\xf1",
		"\"a\nb\",c\r\n1,2\r\n", "a\rb\rc"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !utf8.ValidString(err.Error()) {
				t.Fatalf("%v is no *Error", err)
			}
			return
		}
		last := 0
		for _, row := range s.Rows {
			if len(row.Cells) != len(s.Columns) || row.Line <= last || strings.Join(row.Cells, "") == "" {
				t.Fatalf("%+v of %q", row, s.Columns)
			}
			last = row.Line
			for _, cell := range row.Cells {
				if !utf8.ValidString(cell) || cell != strings.TrimSpace(cell) {
					t.Fatalf("%q", cell)
				}
			}
		}
		_, _ = s.Says(), s.Key(s.Columns[0])
	})
}
