// This file finds out how text is encoded.

package sheet

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	hintUTF8 = "save it as \"CSV UTF-8\""
	sampled  = 4096 // bytes that are looked at to tell one UTF-16 from the other
)

// decode returns text as UTF-8 without a byte order mark, and the name of its encoding.
func decode(text []byte) (plain []byte, name string, err error) {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		if plain = text[3:]; !utf8.Valid(plain) {
			return nil, "", &Error{Line: lineOfInvalid(plain), Reason: "is not UTF-8, as its first bytes say", Hint: hintUTF8}
		}
		return plain, "UTF-8", nil
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		return decodeUTF16(text[2:], unicode.LittleEndian)
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		return decodeUTF16(text[2:], unicode.BigEndian)
	case bytes.IndexByte(text, 0) >= 0:
		return decodeUTF16(text, endianness(text))
	case utf8.Valid(text):
		return text, "UTF-8", nil
	}
	return decode1251(text)
}

// endianness tells by the side on which the zeros are of separators, digits and line ends.
func endianness(text []byte) unicode.Endianness {
	var zeros [2]int
	for i, b := range text[:min(len(text), sampled)] {
		if b == 0 {
			zeros[i%2]++
		}
	}
	if zeros[0] > zeros[1] {
		return unicode.BigEndian
	}
	return unicode.LittleEndian
}

func decodeUTF16(text []byte, order unicode.Endianness) ([]byte, string, error) {
	plain, err := unicode.UTF16(order, unicode.IgnoreBOM).NewDecoder().Bytes(text)
	if err != nil || len(text)%2 != 0 || bytes.ContainsRune(plain, utf8.RuneError) || bytes.IndexByte(plain, 0) >= 0 {
		return nil, "", &Error{Reason: "is neither text nor UTF-16", Hint: hintUTF8 + "; a spreadsheet's own file (.xlsx, .ods) cannot be read"}
	}
	return plain, "UTF-16", nil
}

// decode1251 takes for Windows-1251 what is made like it. In the other encodings of
// Cyrillic, and in those of other languages, most letters are elsewhere.
func decode1251(text []byte) ([]byte, string, error) {
	letters, others := 0, 0
	for _, b := range text {
		switch {
		case b < 0x80:
		case b >= 0xc0 || b == 0xa8 || b == 0xb8: // А to я, Ё, ё
			letters++
		default:
			others++
		}
	}
	plain, err := charmap.Windows1251.NewDecoder().Bytes(text)
	if err != nil || bytes.ContainsRune(plain, utf8.RuneError) || others > letters {
		return nil, "", &Error{Line: lineOfInvalid(text), Reason: "is not UTF-8, and not Windows-1251 either", Hint: hintUTF8}
	}
	return plain, "Windows-1251", nil
}

// lineOfInvalid returns the line of the first byte that is not UTF-8.
func lineOfInvalid(text []byte) int {
	line := 1
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		text = text[size:]
	}
	return line
}
