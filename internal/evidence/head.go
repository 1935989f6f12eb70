// This file signs heads, and keeps them at witnesses while a ledger grows.

package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sshsign"
)

// headText is what is signed of a head.
func headText(h ledger.Head) ([]byte, error) {
	text, err := canon.Encode(map[string]any{"station": h.Station, "seq": h.Seq, "hash": h.Hash, "time": h.Time})
	return append(text, '\n'), err
}

// SignHead signs where a chain ends, and says when.
func (k *Key) SignHead(h ledger.Head, at time.Time) (ledger.Head, error) {
	h.Time = at.UTC().Format(time.RFC3339)
	text, err := headText(h)
	if err != nil {
		return h, err
	}
	sig, err := sshsign.Sign(text, k.signer, HeadNamespace)
	h.Signature = string(sig)
	return h, err
}

// CheckHead says whether a head was signed by a key that may sign for its station. Without
// signers, whoever's signature it is counts, but one that is there must be right.
func (s Signers) CheckHead(h ledger.Head) error {
	if h.Signature == "" {
		if s == nil {
			return nil
		}
		return fmt.Errorf("the head %s is not signed", ledger.RecordName(h.Station, h.Seq))
	}
	text, err := headText(h)
	if err != nil {
		return err
	}
	key, err := sshsign.Verify(text, []byte(h.Signature), HeadNamespace)
	if err == nil && s != nil {
		err = s.may(h.Station, key, HeadNamespace)
	}
	if err != nil {
		return fmt.Errorf("the head %s: %w", ledger.RecordName(h.Station, h.Seq), err)
	}
	return nil
}

// CheckHeads is CheckHead for all of them.
func (s Signers) CheckHeads(heads []ledger.Head) error {
	for _, h := range heads {
		if err := s.CheckHead(h); err != nil {
			return problem.New(problem.Invalid, "ask who keeps these heads; compare with another witness", "%w", err)
		}
	}
	return nil
}

// Witness is a place outside the ledger that keeps heads.
type Witness interface {
	Keep(ctx context.Context, h ledger.Head) error
	String() string
}

// File is a witness that is a file: on a stick, or in a folder of another machine. Heads are
// added to it, a line each, as zarya ledger verify --json prints them.
type File string

// FileOf is the file at path, or the station's own file in the folder at path.
func FileOf(path, station string) File {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return File(filepath.Join(path, station+".heads.jsonl"))
	}
	return File(path)
}

func (f File) String() string { return string(f) }

// Keep adds a head and forces it to the disk. The folder must be there: a stick that was
// taken out is not kept on the disk that it was mounted on.
func (f File) Keep(_ context.Context, h ledger.Head) error {
	line, err := json.Marshal(map[string]any{"v": 1, "kind": "heads", "items": []ledger.Head{h}})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(string(f), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644) //nolint:gosec // heads are for all to read
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Sync(), file.Close())
}

// Chain is a ledger that grows.
type Chain interface {
	Head(ctx context.Context) (ledger.Head, error)
	Changed() <-chan struct{}
}

// Keeper signs a chain's head as it grows and brings it to the witnesses.
type Keeper struct {
	Chain     Chain
	Key       *Key
	Witnesses []Witness
	Every     int64       // entries from one head to the next; the last one is kept too
	Told      func(error) // is told of each head: nil if all witnesses kept it
	last      int64       // that was signed
}

// lastKept is how long the last head may take to the witnesses when all ends.
const lastKept = 5 * time.Second

// Run keeps heads until ctx ends, and then the last one. It never fails: work goes on without
// a witness, and says so.
func (k *Keeper) Run(ctx context.Context) {
	for {
		changed := k.Chain.Changed()
		k.keep(ctx, k.Every)
		select {
		case <-changed:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastKept)
			defer cancel()
			k.keep(last, 1)
			return
		}
	}
}

// keep signs the head if at least every entries were added since the last one, and brings it
// to all witnesses.
func (k *Keeper) keep(ctx context.Context, every int64) {
	h, err := k.Chain.Head(ctx)
	if ctx.Err() != nil { // all ends: the last head is kept in a context of its own
		return
	}
	if err == nil && h.Seq < k.last+every {
		return
	}
	if err == nil {
		h, err = k.Key.SignHead(h, time.Now())
	}
	if err != nil {
		k.tell(fmt.Errorf("sign the ledger's head: %w", err))
		return
	}
	k.last = h.Seq
	for _, w := range k.Witnesses {
		if kept := w.Keep(ctx, h); kept != nil {
			err = errors.Join(err, fmt.Errorf("the witness %s did not keep %s: %w", w, ledger.RecordName(h.Station, h.Seq), kept))
		}
	}
	k.tell(err)
}

func (k *Keeper) tell(err error) {
	if k.Told != nil {
		k.Told(err)
	}
}
