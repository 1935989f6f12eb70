// This file measures the colours: what is written must be read, in light and in dark.

package page

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// legible is WCAG's AA for text of any size.
const legible = 4.5

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	hex := strings.TrimPrefix(colour, "#")
	if len(hex) == 3 {
		hex = strings.Join([]string{hex[:1], hex[:1], hex[1:2], hex[1:2], hex[2:], hex[2:]}, "")
	}
	var r, g, b uint8
	if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &r, &g, &b); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	linear := func(c uint8) float64 {
		v := float64(c) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(r) + .7152*linear(g) + .0722*linear(b)
}

func TestContrast(t *testing.T) {
	css, err := files.ReadFile("static/station.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, _ := strings.Cut(string(css), "prefers-color-scheme: dark")
	dark, _, _ = strings.Cut(dark, "\n}\n")
	for scheme, text := range map[string]string{"light": light, "dark": dark} {
		colours := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z]+): (#[0-9a-f]+)`).FindAllStringSubmatch(text, -1) {
			colours[m[1]] = m[2]
		}
		for ink, grounds := range map[string][]string{
			"ink": {"bg", "card", "greenbg", "redbg", "amberbg", "violetbg"}, "dim": {"bg", "card"}, "blue": {"card", "line"}, "onblue": {"blue"},
			"green": {"card", "greenbg"}, "red": {"card", "redbg"}, "amber": {"card", "amberbg"}, "violet": {"card", "violetbg"}, "bg": {"red"},
		} {
			for _, ground := range grounds {
				a, b := luminance(t, colours[ink]), luminance(t, colours[ground])
				if ratio := (max(a, b) + .05) / (min(a, b) + .05); ratio < legible {
					t.Errorf("%s: %s on %s is %.2f to 1", scheme, ink, ground, ratio)
				}
			}
		}
	}
}
