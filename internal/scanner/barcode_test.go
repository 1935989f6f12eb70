package scanner

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/station"
)

// supervised is an order for which a badge is scanned too.
func supervised(o station.Order) Scan {
	o.Scan, o.Early = true, true
	return Scan{Order: o}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Scan{
		"OP:17":                      {Order: station.Order{Do: station.OrderOperator, Value: "17"}},
		"OP:" + long(64):             {Order: station.Order{Do: station.OrderOperator, Value: long(64)}},
		"LOT:P-118":                  {Order: station.Order{Do: station.OrderLot, Value: "P-118"}},
		"LOT:a:b_c/d.e#f":            {Order: station.Order{Do: station.OrderLot, Value: "a:b_c/d.e#f"}},
		"SUP:900":                    {Order: station.Order{Do: station.OrderBadge, Value: "900"}},
		"CMD:CLEAR:A3":               supervised(station.Order{Do: station.OrderClear, Port: "A3"}),
		"CMD:CLEAR:192.168.1.9:5554": supervised(station.Order{Do: station.OrderClear, Port: "192.168.1.9:5554"}),
		"CMD:OFF:1-2.3":              supervised(station.Order{Do: station.OrderSetAside, Port: "1-2.3"}),
		"CMD:ON:A3":                  supervised(station.Order{Do: station.OrderUse, Port: "A3"}),
		"CMD:REWORK:A3":              supervised(station.Order{Do: station.OrderDisposition, Port: "A3", Disposition: "rework"}),
		"CMD:SCRAP:A3":               supervised(station.Order{Do: station.OrderDisposition, Port: "A3", Disposition: "scrap"}),
		"CMD:QUARANTINE:A3":          supervised(station.Order{Do: station.OrderDisposition, Port: "A3", Disposition: "quarantine"}),
		"CMD:STOP":                   supervised(station.Order{Do: station.OrderStop}),
		"GOLD:":                      supervised(station.Order{Do: station.OrderGolden}),
		"GOLD:G-07":                  supervised(station.Order{Do: station.OrderGolden, Value: "G-07"}),
	} {
		want.Text = text
		if got, err := Parse(text); got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                 "it is no badge, lot or command of this station",
		"op:17":            "it is no badge",
		"OP":               "it is no badge",
		"OP:":              "nothing follows OP:",
		"LOT:":             "nothing follows LOT:",
		"CMD:CLEAR:":       "nothing follows CMD:CLEAR:",
		"CMD:STOP:A3":      "it is no badge",
		"CMD:EAT:A3":       "it is no badge",
		"OP:" + long(65):   "its value has more than 64 characters",
		"GOLD:" + long(65): "its value has more than 64 characters",
		long(129):          "it has more than 128 characters",
		"OP:1 7":           "character 5 is none that barcodes have here",
		"OP:\x1b[2J":       "character 4 is none",
		"OP:я":             "character 4 is none",
		"5901234123457":    "it is no badge",
	} {
		if got, err := Parse(text); got != (Scan{}) || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func FuzzParse(f *testing.F) {
	for _, s := range []string{"OP:17", "LOT:P-118", "CMD:CLEAR:A3", "CMD:OFF:A3", "CMD:ON:A3", "CMD:SCRAP:A3", "CMD:STOP", "SUP:900", "GOLD:",
		"OP:\x00", "CMD:", ":"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if s != (Scan{}) || len(err.Error()) > 200 {
				t.Errorf("%q: %+v, %v", text, s, err)
			}
			return
		}
		// Nothing of it is lost and nothing comes from elsewhere.
		value := s.Order.Value + s.Order.Port
		if s.Text != text || !strings.HasSuffix(text, value) || len(text) > 128 || len(value) > 64 || s.Order.Do == "" || s.Order.By != "" {
			t.Errorf("%q: %+v", text, s)
		}
		for _, c := range []byte(text) {
			if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.:#", rune(c)) {
				t.Errorf("%q was taken", text)
			}
		}
	})
}
