// This file knows what bootloaders answer to questions, and which they must not be
// asked; words.go knows what they say when they refuse. A new finding is a new row and a
// new case in quirks_test.go, not a branch elsewhere.
// Sources: AOSP fastboot README and sources; LK; public reports of Kirin units.

package fastboot

import "strings"

// nothings are answers to getvar that tell nothing. Some bootloaders say with OKAY what
// others say with FAIL.
var nothings = []string{"", "undefine", "undefined", "unknown", "n/a", "none", "null", "(null)", "not found", "unknown variable",
	"variable not found", "getvar variable not found", "variable not implemented", "not implemented", "not supported",
	"variable not supported"}

// placeholderSerials are given to every unit of a family.
var placeholderSerials = []string{"", "serialv1.0", "0123456789abcdef", "1234567890abcdef", "unknown", "undefine"}

// PlaceholderSerial reports whether a serial says nothing about which tablet it is.
func PlaceholderSerial(serial string) bool {
	serial = strings.ToLower(serial)
	for _, p := range placeholderSerials {
		if serial == p {
			return true
		}
	}
	return serial != "" && strings.Trim(serial, "0") == ""
}

// forbidden are variables that must never be asked.
var forbidden = []struct{ prefix, why string }{
	{"rescue_", "asking for one of the rescue_ variables reboots some tablets"},
}

func neverAsk(name string) string {
	for _, f := range forbidden {
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), f.prefix) {
			return f.why
		}
	}
	return ""
}

// productQuestions are asked in turn until one is answered.
var productQuestions = []string{"getvar:product", "oem get-product-model"}

// lockQuestions are all asked, because their answers can disagree; the strictest
// is believed. An answer (OKAY text and INFO lines) is read line by line, by whole words:
// a line that is neither an unlocked nor a locked word says nothing.
var lockQuestions = []struct {
	command          string
	key              string   // lower case; what a line has before a colon, "" for lines that are the word alone
	unlocked, locked []string // lower case
}{
	{"getvar:unlocked", "", yesWords, noWords},
	{"oem get-bootinfo", "", []string{"unlocked"}, []string{"locked"}},
	{"oem lock-state info", "fb lockstate", []string{"unlocked"}, []string{"locked"}},
	{"oem backdoor info", "fb lockstate", []string{"unlocked"}, []string{"locked"}},
	{"oem device-info", "device unlocked", yesWords, noWords},
}

// yesWords and noWords are the answers to a question of yes or no. Any other is none.
var (
	yesWords = []string{"yes", "true", "1"}
	noWords  = []string{"no", "false", "0"}
)
