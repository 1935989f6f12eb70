package sheet

import (
	"errors"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
)

func TestWriterIsSafeInASpreadsheet(t *testing.T) {
	for _, c := range []struct {
		ru   bool
		want string
	}{
		{false, "serial,rate\n'=1+1,1.50\n0017,2.00\n"},
		{true, "\ufeffserial;rate\r\n'=1+1;1,50\r\n\"=\"\"0017\"\"\";2,00\r\n"},
	} {
		var out strings.Builder
		w, err := NewWriter(&out, c.ru)
		if err != nil {
			t.Fatal(err)
		}
		w.Row("serial", "rate")
		w.Row(w.Text("=1+1"), w.Decimal(1.5, 2))
		w.Row(w.Text("0017"), w.Decimal(2, 2))
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
		if out.String() != c.want {
			t.Errorf("ru %v: %q, want %q", c.ru, out.String(), c.want)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriterSaysThatTheDiskIsFull(t *testing.T) {
	_, mark := NewWriter(full{}, true)
	w, err := NewWriter(full{}, false)
	if err != nil {
		t.Fatal(err)
	}
	w.Row("a")
	for _, err := range []error{mark, w.End()} {
		if kind, _ := problem.KindOf(err); kind != problem.Station || err == nil {
			t.Errorf("%v is of kind %v", err, kind)
		}
	}
}
