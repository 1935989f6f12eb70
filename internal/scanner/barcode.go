// This file is what a barcode means.

package scanner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zarya-station/zarya/internal/station"
)

// Bounds of a barcode, in characters.
const (
	MaxText  = 128
	MaxValue = 64 // of an operator, a lot, a port
)

// Scan is a barcode that was understood.
type Scan struct {
	Text  string
	Order station.Order // what is to be done
}

// words are the barcodes that have a value, and what is ordered by them.
var words = []struct {
	prefix string
	do     station.OrderKind
	port   bool   // the value is a port's name
	fate   string // of the tablet in it
}{
	{"OP:", station.OrderOperator, false, ""},
	{"LOT:", station.OrderLot, false, ""},
	{"SUP:", station.OrderBadge, false, ""},
	{"CMD:CLEAR:", station.OrderClear, true, ""},
	{"CMD:OFF:", station.OrderSetAside, true, ""},
	{"CMD:ON:", station.OrderUse, true, ""},
	{"CMD:REWORK:", station.OrderDisposition, true, "rework"},
	{"CMD:SCRAP:", station.OrderDisposition, true, "scrap"},
	{"CMD:QUARANTINE:", station.OrderDisposition, true, "quarantine"},
}

const (
	golden  = "GOLD:"
	stopAll = "CMD:STOP"
)

// Parse reads a barcode. The error is for the technician, and holds nothing of the text
// but what [Scan.Text] may hold.
func Parse(text string) (Scan, error) {
	switch bad := strings.IndexFunc(text, func(r rune) bool { return !readable(r) }); {
	case len(text) > MaxText:
		return Scan{}, fmt.Errorf("it has more than %d characters", MaxText)
	case bad >= 0:
		return Scan{}, fmt.Errorf("character %d is none that barcodes have here", bad+1)
	}
	if name, ok := strings.CutPrefix(text, golden); ok {
		if err := tooLong(name); err != nil {
			return Scan{}, err
		}
		return scan(text, station.Order{Do: station.OrderGolden, Value: name}), nil
	}
	if text == stopAll {
		return scan(text, station.Order{Do: station.OrderStop}), nil
	}
	for _, w := range words {
		value, ok := strings.CutPrefix(text, w.prefix)
		if !ok {
			continue
		}
		if value == "" {
			return Scan{}, fmt.Errorf("nothing follows %s", w.prefix)
		}
		if err := tooLong(value); err != nil {
			return Scan{}, err
		}
		if w.port {
			return scan(text, station.Order{Do: w.do, Port: value, Disposition: w.fate}), nil
		}
		return scan(text, station.Order{Do: w.do, Value: value}), nil
	}
	return Scan{}, errors.New("it is no badge, lot or command of this station")
}

// scan is an order that was scanned: the badge for it is scanned too, before it or after.
func scan(text string, o station.Order) Scan {
	o.Scan = o.Do.Supervised()
	o.Early = o.Scan
	return Scan{text, o}
}

func tooLong(value string) error {
	if len(value) > MaxValue {
		return fmt.Errorf("its value has more than %d characters", MaxValue)
	}
	return nil
}

// readable reports whether a character can be in a barcode.
func readable(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("-_/.:#", r)
}
