// This file is bundles on their way to and from registries.

package show

import (
	"fmt"
	"io"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/words"
)

// Pushed is a bundle that was sent.
type Pushed struct {
	Reference string `json:"reference"`
	*registry.Pushed
}

// OfPush writes what was sent, or only under which name.
func OfPush(w io.Writer, ws *words.Words, p *registry.Pushed, signature string, brief bool) {
	fmt.Fprintln(w, p.Reference)
	if !brief {
		fmt.Fprintf(w, "  %s; %s\n", ws.Sayf("%s %s, %s: %s were sent, %s were there", p.Name, p.Version,
			bytesize.Text(p.Size), bytesize.Text(p.Sent), bytesize.Text(p.Shared+p.Resumed)), ws.Say(signature))
	}
}

// Pulled is a bundle that was fetched.
type Pulled struct {
	Reference string `json:"reference"`
	*registry.Pulled
}

// OfPull writes what was fetched, or only under which name.
func OfPull(w io.Writer, ws *words.Words, p *registry.Pulled, signature string, brief bool) {
	fmt.Fprintln(w, p.Reference)
	if !brief {
		fmt.Fprintf(w, "  %s; %s\n", ws.Sayf("%s %s, %s: %s were fetched, %s were here", p.Name, p.Version,
			bytesize.Text(p.Size), bytesize.Text(p.Fetched), bytesize.Text(p.Shared+p.Resumed)), ws.Say(signature))
	}
}

// Pruned writes which bundles stay in the store in a folder, and why.
func Pruned(w io.Writer, ws *words.Words, p *registry.Pruned, dir string) {
	for _, k := range p.Bundles {
		did := ws.Say("removed")
		if !k.Removed {
			did = ws.Say("kept") + ": " + ws.Say(k.Why)
		}
		fmt.Fprintf(w, "%s %s  %s  %s\n", k.Name, k.Version, k.Digest, did)
	}
	fmt.Fprintln(w, ws.Sayf("%s freed in %s", bytesize.Text(p.Freed), dir))
}
