// Package show is what zarya shows of things, outside of jobs: bundles, images, plans,
// findings, identities, what is plugged in. Each is data, for the JSON documents that
// docs/events.md describes, and text for people, written to a writer.
//
// What jobs do is shown by package ui, from events alone; what the ledger has, by package
// records.
package show

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Document writes the one JSON document of an answer: its kind, and a list of items.
func Document(w io.Writer, kind string, items any) error {
	return json.NewEncoder(w).Encode(struct {
		V     int    `json:"v"`
		Kind  string `json:"kind"`
		Items any    `json:"items"`
	}{ui.EventVersion, kind, items})
}

// detail writes one thing that is known, below what it is known of.
func detail(w io.Writer, ws *words.Words, label, value string) {
	fmt.Fprintf(w, "  %-10s %s\n", ws.Say(label), value)
}
