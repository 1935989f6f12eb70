// This file is plans: what would be done, step by step.

package show

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/words"
)

// Plans writes what profiles would do, for people.
func Plans(out io.Writer, ws *words.Words, items []recipe.PlanItem) error {
	for _, it := range items {
		title := ws.Sayf("profile %s", it.Profile)
		for _, s := range []string{it.Target, it.Model, it.Serial, it.Bundle} {
			if s != "" {
				title += ", " + s
			}
		}
		if it.Model == "" {
			title += ws.Sayf(" (for %s)", strings.Join(it.Models, ", "))
		}
		fmt.Fprintln(out, title)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for i, s := range it.Steps {
			parts := []string{}
			if s.Bytes > 0 {
				parts = append(parts, ws.Say(bytesize.Text(s.Bytes)))
			}
			if s.Wire > 0 && s.Wire != s.Bytes {
				parts = append(parts, ws.Sayf("(%s on the wire)", bytesize.Text(s.Wire)))
			}
			if s.Value != "" {
				parts = append(parts, ws.Say(s.Value))
			}
			if s.When != "" {
				parts = append(parts, ws.Sayf("when %s", s.When))
			}
			fmt.Fprintf(w, "%3d\t%s\t%s\n", i+1, s.Step, strings.Join(parts, " "))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out, ws.Sayf("writes %s, %s on the wire; about %.0f s; nothing was written",
			bytesize.Text(it.Bytes), bytesize.Text(it.Wire), it.Estimate))
	}
	return nil
}

// Direct is what would be done to one target without a profile.
type Direct struct {
	Target string            `json:"target"`
	Steps  []string          `json:"steps"`
	Bytes  int64             `json:"bytes"`
	Images []flash.ImageInfo `json:"images"`
}

// OfDirect is what would be done to a target.
func OfDirect(target string, work *recipe.Direct) Direct {
	it := Direct{Target: target, Images: work.Infos()}
	for _, s := range work.Steps {
		it.Steps = append(it.Steps, s.Name)
		it.Bytes += s.Bytes()
	}
	return it
}

// Text writes the steps and the images for people.
func (d Direct) Text(w io.Writer, ws *words.Words) {
	for _, s := range d.Steps {
		fmt.Fprintln(w, s)
	}
	for _, im := range d.Images {
		fmt.Fprintf(w, "%s: %s, %s, %s\n", im.Partition, im.File, ws.Sayf("%d bytes", im.Size), im.Digest)
	}
}
