// This file keeps the chain's head outside the ledger's file, so that a ledger whose end
// was cut off, or an older copy that was put in its place, is seen when it is opened.

package ledger

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/flock"
)

// KindRollback is the kind of the entry that says which lost heads were accepted.
const KindRollback = "rollback-accepted"

// Head is where a station's chain ends.
type Head struct {
	Station string `json:"station"`
	Seq     int64  `json:"seq"`
	Hash    string `json:"hash"` // hex

	Time      string `json:"time,omitempty"`      // when it was signed: RFC 3339, UTC
	Signature string `json:"signature,omitempty"` // of the station; see package evidence
}

// RolledBackError says that a chain has not the entry that it had.
type RolledBackError struct {
	Path string // of the ledger
	From string // the file that has the head
	Head Head   // that was there
	Last int64  // the station's last entry now; 0 is none
}

func (e *RolledBackError) Error() string {
	if e.Last >= e.Head.Seq {
		return fmt.Sprintf("%s: its entry %s-%d is another one than %s says: the ledger was written anew, or belongs somewhere else",
			e.Path, e.Head.Station, e.Head.Seq, e.From)
	}
	ends := fmt.Sprintf("ends with %s-%d", e.Head.Station, e.Last)
	if e.Last == 0 {
		ends = "has no entry of " + e.Head.Station
	}
	return fmt.Sprintf("%s: it %s, and entry %s-%d was recorded (%s): an older file was put back, or its end was cut off",
		e.Path, ends, e.Head.Station, e.Head.Seq, e.From)
}

// headDocument is a head file, and what zarya ledger verify --json prints.
type headDocument struct {
	V     int    `json:"v"`
	Kind  string `json:"kind"`
	Items []Head `json:"items"`
}

// maxHeads is how large a file of heads may be, bytes.
const maxHeads = 16 << 20

// ReadHeads reads heads as zarya ledger verify --json prints them: one document, or many
// of them one after the other, as >> makes them.
func ReadHeads(r io.Reader) ([]Head, error) {
	var heads []Head
	d := json.NewDecoder(io.LimitReader(r, maxHeads))
	for {
		var doc headDocument
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return heads, nil
		}
		if err == nil && doc.Kind != "heads" {
			err = fmt.Errorf("a document of the kind %q is there, not of heads", doc.Kind)
		}
		if err != nil {
			return nil, err
		}
		for _, h := range doc.Items {
			if b, err := hex.DecodeString(h.Hash); err != nil || len(b) != 32 || h.Seq < 1 {
				return nil, fmt.Errorf("%s-%d is no head: a number from 1 and 64 hexadecimal digits make one", h.Station, h.Seq)
			}
		}
		heads = append(heads, doc.Items...)
	}
}

// headPath is the head file of the ledger at path.
func headPath(path string) string { return path + ".head" }

// loadHeads reads the head file; none is no error, and an empty one (the power failed) is
// none.
func loadHeads(path string) (map[string]Head, error) {
	heads := map[string]Head{}
	f, err := os.Open(headPath(path)) //nolint:gosec // beside the ledger that the user named
	if errors.Is(err, fs.ErrNotExist) {
		return heads, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // and with it the lock
	if err := flock.Wait(f); err != nil {
		return nil, err
	}
	list, err := ReadHeads(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", headPath(path), err)
	}
	for _, h := range list {
		heads[h.Station] = h
	}
	return heads, nil
}

// saveHead writes the head file with the entry that was committed last. It is written in
// place, and not forced to the disk: a file that takes another's name costs half a commit,
// this a fiftieth (BenchmarkSaveHead, BenchmarkCommit). An older head in it is still a head
// that the chain must have. Only the caller that commits calls it.
func (l *Ledger) saveHead(last Entry) error {
	if l.run == nil { // in memory
		return nil
	}
	l.heads[l.station] = Head{Station: l.station, Seq: last.Seq, Hash: hex.EncodeToString(last.Hash[:])}
	doc := headDocument{V: 1, Kind: "heads"}
	for _, station := range slices.Sorted(maps.Keys(l.heads)) {
		doc.Items = append(doc.Items, l.heads[station])
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(headPath(l.path), os.O_WRONLY|os.O_CREATE, 0o600) //nolint:gosec // beside the ledger that the user named
	if err != nil {
		return err
	}
	return errors.Join(overwrite(f, append(text, '\n')), f.Close()) // and with it the lock
}

// overwrite makes text what is in a file, at no moment of which a reader sees a part.
func overwrite(f *os.File, text []byte) error {
	if err := flock.Wait(f); err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil || info.Size() == int64(len(text)) {
		return err
	}
	return f.Truncate(int64(len(text)))
}

// CompareHeads holds the chain to heads that it had. The first one that it has not is a
// *RolledBackError; from names where the heads are from.
func (l *Ledger) CompareHeads(ctx context.Context, heads []Head, from string) error {
	for _, h := range heads {
		var hash []byte
		err := l.db.QueryRowContext(ctx, "SELECT hash FROM entry WHERE station = ? AND seq = ?", h.Station, h.Seq).Scan(&hash)
		if err == nil && strings.EqualFold(hex.EncodeToString(hash), h.Hash) {
			continue
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var last int64
		if err := l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(seq), 0) FROM entry WHERE station = ?", h.Station).Scan(&last); err != nil {
			return err
		}
		return &RolledBackError{l.path, from, h, last}
	}
	return nil
}

// Head is where this station's chain ends now, whichever process wrote it last; the zero Head
// is an empty chain.
func (l *Ledger) Head(ctx context.Context) (Head, error) {
	h, hash := Head{Station: l.station}, []byte(nil)
	err := l.db.QueryRowContext(ctx, "SELECT seq, hash FROM entry WHERE station = ? ORDER BY seq DESC LIMIT 1", l.station).Scan(&h.Seq, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{}, nil
	}
	h.Hash = hex.EncodeToString(hash)
	return h, err
}

// Changed returns a channel that is closed when this process has appended something. Who takes
// it before looking misses nothing.
func (l *Ledger) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// announce closes what Changed returned.
func (l *Ledger) announce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// CheckHead compares the chain with the head file. Open does so itself.
func (l *Ledger) CheckHead(ctx context.Context) error {
	if l.path == "" {
		return nil
	}
	heads, err := loadHeads(l.path) // before the chain: it only grows
	if err != nil {
		return err
	}
	var list []Head
	for _, station := range slices.Sorted(maps.Keys(heads)) {
		list = append(list, heads[station])
	}
	return l.CompareHeads(ctx, list, headPath(l.path))
}

// AcceptRollback makes a ledger usable again whose chain has not the heads that it had:
// what is lost is recorded, and the head file written anew. It returns the heads that were
// lost. A chain that is broken is not accepted.
func AcceptRollback(ctx context.Context, path, station string) (lost []Head, err error) {
	heads, unreadable := loadHeads(path)
	l, err := open(ctx, path, station, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	ends, err := l.Verify(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(heads)) {
		var gone *RolledBackError
		switch err := l.CompareHeads(ctx, []Head{heads[name]}, headPath(path)); {
		case errors.As(err, &gone):
			lost = append(lost, heads[name])
		case err != nil:
			return nil, err
		}
	}
	l.heads = map[string]Head{}
	for _, h := range ends {
		l.heads[h.Station] = h
	}
	if len(lost) == 0 && unreadable == nil {
		return nil, nil // it has all
	}
	_, err = l.Append(KindRollback, struct {
		Lost []Head `json:"lost,omitempty"`
	}{lost}, nil)
	return lost, err
}
