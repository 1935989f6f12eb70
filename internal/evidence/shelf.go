// This file is a station as a witness of others: it keeps the heads that they signed, and gives
// them to whoever asks.

package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/renameio/v2/maybe"

	"github.com/zarya-station/zarya/internal/ledger"
)

const (
	maxHead  = 8 << 10 // bytes of a head that is sent
	maxShelf = 1 << 20 // bytes of heads that are kept of one station: the newest, which prove the older ones
)

// Shelf keeps heads of other stations, a file for each in a folder. Who sends one needs no token:
// the head is signed by a key that may sign for its station.
type Shelf struct {
	Dir     string
	Signers string // the file of those keys, read anew for each head
	mu      sync.Mutex
}

// OlderError says that a station sent a head that the kept ones have left behind, or have
// otherwise: it was set back, or another machine goes by its name.
type OlderError struct{ Kept ledger.Head }

func (e *OlderError) Error() string {
	return "its chain was " + ledger.RecordName(e.Kept.Station, e.Kept.Seq) + " here already: the ledger was set back, or is a second one"
}

// file is where a station's heads are; "" if its name makes none.
func (s *Shelf) file(station string) string {
	if station == "" || len(station) > 64 || strings.ContainsAny(station, "/\\\x00") || station[0] == '.' {
		return ""
	}
	return filepath.Join(s.Dir, station+".heads.jsonl")
}

// Put keeps a head. One that is kept already is no error; one that does not go on from what is
// kept is an *[OlderError].
func (s *Shelf) Put(h ledger.Head) error {
	signers, err := LoadSigners(s.Signers)
	if err != nil {
		return err
	}
	if err := signers.CheckHead(h); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.file(h.Station)
	if file == "" {
		return fmt.Errorf("%q is no name to keep heads of", h.Station)
	}
	text, err := os.ReadFile(file) //nolint:gosec // made of a checked name
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	kept, err := ledger.ReadHeads(strings.NewReader(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for i := len(kept) - 1; i >= 0 && kept[i].Seq >= h.Seq; i-- {
		if kept[i].Seq == h.Seq && strings.EqualFold(kept[i].Hash, h.Hash) {
			return nil // an answer that was lost
		}
	}
	if n := len(kept); n > 0 && kept[n-1].Seq >= h.Seq {
		return &OlderError{kept[n-1]}
	}
	if len(text) > maxShelf {
		lines := strings.SplitAfter(string(text), "\n")
		if err := maybe.WriteFile(file, []byte(strings.Join(lines[len(lines)/2:], "")), 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(s.Dir, 0o750); err != nil {
		return err
	}
	return File(file).Keep(context.Background(), h) // a file waits for nothing
}

// ServeHTTP takes a head (POST /heads, as JSON) and gives a station's (GET /heads/STATION).
func (s *Shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		file := s.file(r.PathValue("station"))
		text, err := os.ReadFile(file) //nolint:gosec // made of a checked name
		if file == "" || err != nil {
			http.Error(w, "no heads of that station are kept here", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/jsonl; charset=utf-8")
		_, _ = w.Write(text)
		return
	}
	var h ledger.Head
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHead))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err == nil && (h.Seq < 1 || len(h.Hash) != 64) {
		err = errors.New("it has no number and hash")
	}
	if err != nil {
		http.Error(w, "that is no head: "+err.Error(), http.StatusBadRequest)
		return
	}
	var older *OlderError
	var path *os.PathError
	switch err := s.Put(h); {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.As(err, &older):
		http.Error(w, err.Error(), http.StatusConflict)
	case errors.As(err, &path):
		http.Error(w, "it cannot be kept here now", http.StatusInternalServerError) // where, is nobody's business
	default:
		http.Error(w, err.Error(), http.StatusForbidden)
	}
}
