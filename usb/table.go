// This file is the device table: model codes and what they stand for. Codes are used
// again across brands, so a full code is matched, never a part of it.

package usb

import (
	"strings"
	"time"
)

// Tablet is one family of the table.
type Tablet struct {
	Codes   []string // prefixes before the dash
	Name    string
	SoC     string
	Serials SerialRule
	// Keys bring a tablet that is off into fastboot.
	Keys string
	// Erase is how long its bootloader may take, without a word, to erase a partition whose
	// size it does not report; 0 is what any tablet gets (five minutes).
	Erase time.Duration
	// MaxDownload is how many bytes its bootloader takes in one download, where it was seen
	// to tell more or nothing; 0 is what it tells.
	MaxDownload int64
}

// SerialRule is what a family may do to its serial over a reboot that we commanded.
type SerialRule int

// The rules, each with what the one before allows.
const (
	SerialStays   SerialRule = iota
	SerialMissing            // one of the modes may tell none, or a placeholder
	SerialChanges            // another one may be told
)

// slowErase is for chips whose tablets have eMMC, the slow kind of storage.
const slowErase = 10 * time.Minute

const volumeDown = "power off, hold volume down, put the cable in"

// Tablets are the families that are known (Huawei's model lists). Serials: Kirin
// bootloaders were seen to tell the placeholder serialv1.0; of MediaTek's it is said
// that theirs comes from the chip and Android's from the maker's data, which nobody has
// confirmed for these tablets.
var Tablets = []Tablet{
	{Codes: []string{"BG2"}, Name: "MediaPad T3 7", Keys: volumeDown},
	{Codes: []string{"KOB"}, Name: "MediaPad T3 8", SoC: "Snapdragon 425", Erase: slowErase, Keys: volumeDown},
	{Codes: []string{"AGS"}, Name: "MediaPad T3 10", SoC: "Snapdragon 425", Erase: slowErase, Keys: volumeDown},
	{Codes: []string{"AGS2"}, Name: "MediaPad T5", SoC: "Kirin 659", Serials: SerialMissing, Erase: slowErase, Keys: volumeDown},
	{Codes: []string{"KOB2", "KOB2K"}, Name: "MatePad T 8", SoC: "MT8768", Serials: SerialChanges, Erase: slowErase, Keys: volumeDown},
	{Codes: []string{"AGR", "AGRK"}, Name: "MatePad T 10", SoC: "Kirin 710A", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"AGS3", "AGS3K"}, Name: "MatePad T 10s", SoC: "Kirin 710A", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"BAH"}, Name: "MediaPad M3 lite 10", Keys: volumeDown},
	{Codes: []string{"BAH2"}, Name: "MediaPad M5 lite", SoC: "Kirin 659", Serials: SerialMissing, Erase: slowErase, Keys: volumeDown},
	{Codes: []string{"SHT"}, Name: "MediaPad M5 8.4", SoC: "Kirin 960", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"CMR"}, Name: "MediaPad M5 10.8", SoC: "Kirin 960", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"VRD", "SCM"}, Name: "MediaPad M6", SoC: "Kirin 980", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"MRX"}, Name: "MatePad Pro 10.8", SoC: "Kirin 990", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"BAH3"}, Name: "MatePad 10.4", Serials: SerialMissing, Keys: volumeDown},
	{Codes: []string{"BAH4"}, Name: "MatePad 10.4 (2022)", Serials: SerialMissing, Keys: volumeDown},
}

// Known finds the family of a full model code such as AGS3-L09.
func Known(model string) (Tablet, bool) {
	code, variant, ok := strings.Cut(model, "-")
	// An Honor has the code of a Huawei and HN at its end.
	if !ok || variant == "" || strings.HasSuffix(variant, "HN") {
		return Tablet{}, false
	}
	for _, t := range Tablets {
		for _, c := range t.Codes {
			if code == c {
				return t, true
			}
		}
	}
	return Tablet{}, false
}
