// This file is measures as they stand in sentences: sizes, rates, times.

package words

import (
	"strings"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// units are how units are written.
var units = map[string]string{"B": "Б", "kB": "кБ", "MB": "МБ", "GB": "ГБ", "TB": "ТБ", "KiB": "КиБ", "MiB": "МиБ", "GiB": "ГиБ",
	"bytes": "байт", "h": "ч", "min": "мин", "m": "мин", "s": "с", "ms": "мс", "V": "В"}

var (
	measured = lazyregexp.New(`^(\d+(?:\.\d+)?) ?([a-zA-Z]+)(/s)?`)
	measures = lazyregexp.New(`^(?:\d+(?:\.\d+)? ?[a-zA-Z]+(?:/s)? ?)+$`)
)

// measure says a size, a rate or a time: 3.10 GB, 38 MB/s, 2 min 05 s, 1m30s.
func (w *Words) measure(text string) (string, bool) {
	if !measures.MatchString(text) {
		return "", false
	}
	var parts []string
	for rest := text; rest != ""; {
		m := measured.FindStringSubmatch(rest)
		if m == nil || units[m[2]] == "" {
			return "", false
		}
		per := ""
		if m[3] != "" {
			per = "/с"
		}
		parts = append(parts, strings.ReplaceAll(m[1], ".", ",")+" "+units[m[2]]+per)
		rest = strings.TrimPrefix(rest[len(m[0]):], " ")
	}
	return strings.Join(parts, " "), true
}
