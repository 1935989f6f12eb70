// This file makes receipts: what was done to a tablet, signed by the station.

package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sshsign"
)

// Receipt is what a station states about one job. It has what the ledger has, and no secret.
// Numbers are integers: its text is canonical JSON.
type Receipt struct {
	V       int    `json:"v"`    // 1
	Kind    string `json:"kind"` // receipt
	Record  string `json:"record"`
	Hash    string `json:"hash"` // of the record's last entry, hex: the chain is fixed up to here
	Station string `json:"station"`
	Job     string `json:"job"`
	Started string `json:"started,omitempty"` // RFC 3339, UTC
	Ended   string `json:"ended"`

	Serial    string `json:"serial,omitempty"`
	Model     string `json:"model,omitempty"`
	Inventory string `json:"inventory,omitempty"`

	Result      string        `json:"result"`
	Verified    string        `json:"verified,omitempty"` // sent, fetched, booted
	Class       flash.Class   `json:"class,omitempty"`
	Step        string        `json:"step,omitempty"`
	Scope       flash.Scope   `json:"scope,omitempty"`
	Profile     string        `json:"profile,omitempty"`
	Bundle      string        `json:"bundle,omitempty"`
	Source      *flash.Source `json:"source,omitempty"` // digests of both, and who signed the bundle
	Images      []Image       `json:"images,omitempty"`
	Lock        string        `json:"lock,omitempty"`  // locked, unlocked; left out: not told
	Facts       []Fact        `json:"facts,omitempty"` // read back from the tablet
	Steps       []Step        `json:"steps,omitempty"`
	Operator    string        `json:"operator,omitempty"`
	Lot         string        `json:"lot,omitempty"`
	Program     string        `json:"program,omitempty"`
	Attempt     int64         `json:"attempt,omitempty"`
	Golden      bool          `json:"golden,omitempty"`
	OtherSerial string        `json:"other_serial,omitempty"`
}

// Image is what was written to a partition. A receipt does not say where the file was.
type Image struct {
	Partition string `json:"partition"`
	Digest    string `json:"digest"` // ALGORITHM:HEX
	Size      int64  `json:"size"`   // bytes
}

// Fact is one value that was read from the tablet.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Step is how a step ended.
type Step struct {
	Step   string `json:"step"`
	Result string `json:"result"`
	Millis int64  `json:"ms,omitempty"`
}

// NewReceipt makes the receipt of a job that has ended; at is its last entry.
func NewReceipt(j *ledger.JobRecord, at ledger.Head) *Receipt {
	r := &Receipt{V: 1, Kind: "receipt", Record: j.Record, Hash: at.Hash, Station: j.Station, Job: j.Job, Started: j.Started, Ended: j.Ended,
		Serial: j.Serial, Model: j.Model, Inventory: j.Inventory, Result: j.Result, Verified: j.Verified, Class: j.Class, Step: j.Step,
		Scope: j.Scope, Profile: j.Profile, Bundle: j.Bundle, Source: j.Source, Lock: j.Lock, Operator: j.Operator, Lot: j.Lot,
		Program: j.Program, Attempt: j.Attempt, Golden: j.Golden, OtherSerial: j.OtherSerial}
	for _, im := range j.Images {
		r.Images = append(r.Images, Image{im.Partition, im.Digest, im.Size})
	}
	for _, name := range slices.Sorted(maps.Keys(j.Facts)) {
		r.Facts = append(r.Facts, Fact{name, j.Facts[name]})
	}
	for _, s := range j.Steps {
		r.Steps = append(r.Steps, Step{s.Step, s.Result, int64(math.Round(s.Seconds * 1000))})
	}
	return r
}

// Signed is a receipt's text and the station's signature over it.
type Signed struct {
	Receipt   *Receipt
	Text      []byte // what is signed: canonical JSON and a line end
	Signature []byte // as ssh-keygen -Y sign makes it
}

// Sign signs a receipt.
func (k *Key) Sign(r *Receipt) (*Signed, error) {
	text, err := canon.Encode(r)
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	sig, err := sshsign.Sign(text, k.signer, ReceiptNamespace)
	return &Signed{r, text, sig}, err
}

// Write writes RECORD.json and RECORD.json.sig into a folder, making it, and returns the
// first one's name. A receipt that is there already and says the same is left as it is; one
// that says something else is not overwritten.
func (s *Signed) Write(folder string) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // receipts are for others to read
		return "", err
	}
	path := filepath.Join(folder, s.Receipt.Record+".json")
	old, err := os.ReadFile(path) //nolint:gosec // named after a record
	switch {
	case err == nil && string(old) != string(s.Text):
		return "", problem.New(problem.Invalid, "move it away, or name another folder", "%s is another receipt than the ledger gives", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	// The signature first: a receipt without one is not left behind.
	for _, f := range []struct {
		path string
		text []byte
	}{{path + ".sig", s.Signature}, {path, s.Text}} {
		if err := writeWhole(f.path, f.text); err != nil {
			return "", err
		}
	}
	return path, nil
}

// writeWhole writes a file whole or not at all.
func writeWhole(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".receipt-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// maxReceipt is how large a receipt may be that is checked, bytes.
const maxReceipt = 4 << 20

// CheckReceipt reads a receipt's file and the signature beside it, and says whether a key that
// may sign for its station made it.
func (s Signers) CheckReceipt(path string) (*Receipt, error) {
	text, err := readBounded(path, maxReceipt)
	if err != nil {
		return nil, problem.New(problem.Usage, "", "%w", err)
	}
	sig, err := readBounded(path+".sig", maxKey)
	if err != nil {
		return nil, problem.New(problem.Usage, "a receipt has its signature beside it", "%w", err)
	}
	wrong := func(err error) error {
		return problem.New(problem.Invalid, "take the receipt from the station's ledger again: zarya ledger receipt", "%s: %w", path, err)
	}
	key, err := sshsign.Verify(text, sig, ReceiptNamespace)
	if err != nil {
		return nil, wrong(err)
	}
	r, err := parseReceipt(text)
	if err == nil {
		err = s.may(r.Station, key, ReceiptNamespace)
	}
	if err != nil {
		return nil, wrong(err)
	}
	return r, nil
}

func readBounded(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%s has %d bytes, more than a receipt can have", path, info.Size())
	}
	return os.ReadFile(path) //nolint:gosec // the file that the user names
}

// parseReceipt reads a receipt's text.
func parseReceipt(text []byte) (*Receipt, error) {
	var r Receipt
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("no receipt: %w", err)
	}
	if r.Kind != "receipt" || r.V != 1 {
		return nil, fmt.Errorf("a document of the kind %q, version %d, is there, not a receipt of version 1", r.Kind, r.V)
	}
	return &r, nil
}
