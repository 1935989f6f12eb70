// This file is bundles.

package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/words"
)

// Bundle is what is said of a bundle; sizes in bytes.
type Bundle struct {
	File       string        `json:"file"`
	Name       string        `json:"name"`
	Version    string        `json:"version"`
	Models     []string      `json:"models"`
	Products   []string      `json:"products,omitempty"`
	MinBattery int           `json:"min_battery,omitempty"`
	Access     string        `json:"access"`
	Signer     string        `json:"signer,omitempty"`  // fingerprint of the key
	Trusted    string        `json:"trusted,omitempty"` // whom the trust folder names for it
	Profile    string        `json:"profile,omitempty"`
	Files      []bundle.File `json:"files,omitempty"`
	Images     []BundleImage `json:"images"`

	signature string
}

// BundleImage is an image of a bundle.
type BundleImage struct {
	Partition string `json:"partition"`
	Slot      string `json:"slot,omitempty"`
	Mode      string `json:"mode"`
	File      string `json:"file"`
	Size      int64  `json:"size"`
	Root      string `json:"root"`
}

// OfBundle is a bundle as it is; who is whom the trust folder names for its signature.
func OfBundle(b *bundle.Bundle, who string) Bundle {
	m := b.Manifest
	it := Bundle{File: b.Path, Name: m.Name, Version: m.Version, Models: m.Models, Products: m.Products, MinBattery: m.MinBattery,
		Access: m.Access, Signer: b.Signer(), Trusted: who, Profile: m.Profile, Files: m.Files, signature: Signature(b, who)}
	for _, im := range m.Images {
		it.Images = append(it.Images, BundleImage{im.Partition, im.Slot, im.Mode, im.File, im.Size, im.Root})
	}
	return it
}

// Text writes a bundle for people.
func (b Bundle) Text(w io.Writer, ws *words.Words) {
	fmt.Fprintln(w, b.File)
	detail(w, ws, "name", b.Name+" "+b.Version)
	detail(w, ws, "models", strings.Join(b.Models, ", "))
	if len(b.Products) > 0 {
		detail(w, ws, "products", strings.Join(b.Products, ", "))
	}
	if b.MinBattery > 0 {
		detail(w, ws, "charge", ws.Sayf("at least %d %%", b.MinBattery))
	}
	detail(w, ws, "access", b.Access)
	detail(w, ws, "signature", ws.Say(b.signature))
	if b.Profile != "" {
		detail(w, ws, "profile", ws.Sayf("%s, %d files", b.Profile, len(b.Files)))
	}
	for _, im := range b.Images {
		where := im.Partition
		if im.Slot != "" {
			where += ":" + im.Slot
		}
		if im.Mode != "fastboot" {
			where += "@" + im.Mode
		}
		detail(w, ws, "image", fmt.Sprintf("%-18s %10s  %s", where, ws.Say(bytesize.Text(im.Size)), im.Root))
	}
}

// Signature is the state of a signature for people.
func Signature(b *bundle.Bundle, who string) string {
	switch {
	case who != "":
		return "signed by " + who
	case b.Signer() != "":
		return "signed by the key " + b.Signer() + ", which nothing here says is to be trusted"
	case b.Signed():
		return "its signature is of no use"
	}
	return "not signed"
}
