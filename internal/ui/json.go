// This file writes events for programs: one JSON object a line (docs/events.md).

package ui

import (
	"encoding/json"
	"io"

	"github.com/zarya-station/zarya/flash"
)

type jsonSink struct {
	enc *json.Encoder
	err error
}

// NewJSON writes each event as one line, at once.
func NewJSON(w io.Writer) Sink {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return &jsonSink{enc: enc}
}

func (s *jsonSink) Event(e flash.Event) {
	if s.err == nil {
		s.err = s.enc.Encode(e)
	}
}

func (s *jsonSink) Close() error { return s.err }
