// This file computes the tables of this package from the chain's entries, and compares
// them row by row.

package pool

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/ledger"
)

// Forms of the database that brought what is verified here.
const (
	formOfPools  = 2
	formOfProofs = 3
	formOfLeases = 5
)

// rowName names an identity.
type rowName struct {
	pool string
	id   int64
}

func (n rowName) String() string { return fmt.Sprintf("%d of %s", n.id, n.pool) }

// rowState is what a chain says of an identity.
type rowState struct {
	record                   string // of the entry
	state, serial, job, note string
}

// imported is an import entry.
type imported struct {
	record string
	entryBody
}

// replay is what the entries come to.
type replay struct {
	states  map[rowName][]rowState // one for each station that changed it: they are in no order with each other
	counts  map[string]int64       // imported, by pool
	imports []imported
	leases  map[rowName]string   // under which request it was leased last
	codes   map[string]triedCode // by proof
}

// triedCode is a code that did not open its tablet.
type triedCode struct{ serial, record string }

// readEntries replays the chain of each station.
func readEntries(ctx context.Context, l *ledger.Ledger) (*replay, error) {
	r := &replay{states: map[rowName][]rowState{}, counts: map[string]int64{}, leases: map[rowName]string{}, codes: map[string]triedCode{}}
	station := map[rowName]string{} // whose chain changed it last
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		var b entryBody
		var code codeBody
		switch e.Kind {
		case KindImport, KindAssign, KindBind, KindBurn, KindReturn, KindLease, KindAdopt, KindGiveBack:
			err = json.Unmarshal(e.Body, &b)
		case KindCodeTried, KindCodeWorked:
			err = json.Unmarshal(e.Body, &code)
		default:
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("entry %s: %w", e.Record(), err)
		}
		switch e.Kind {
		case KindImport:
			r.counts[b.Pool] += b.Count
			r.imports = append(r.imports, imported{e.Record(), b})
		case KindLease, KindAdopt, KindGiveBack:
			r.leased(e, b, station)
		case KindCodeTried:
			r.codes[code.Proof] = triedCode{code.Serial, e.Record()}
		case KindCodeWorked:
			delete(r.codes, code.Proof)
		default:
			r.change(rowName{b.Pool, b.ID}, stateAfter(e, b), e.Station, station)
		}
	}
	return r, nil
}

// change is what an entry of a station makes of an identity.
func (r *replay) change(name rowName, now rowState, by string, station map[rowName]string) {
	if states := r.states[name]; len(states) > 0 && station[name] == by {
		states[len(states)-1] = now
	} else {
		r.states[name] = append(states, now)
	}
	station[name] = by
}

// stateAfter returns what an entry makes of its identity.
func stateAfter(e ledger.Entry, b entryBody) rowState {
	s := rowState{e.Record(), StateAssigned, b.Serial, b.Job, b.Note}
	switch e.Kind {
	case KindBind:
		s.state = StateBound
	case KindBurn:
		s.state = StateBurned
	case KindReturn:
		s.state, s.serial = StateFree, ""
	}
	return s
}

// storedRow is a row of the table of identities.
type storedRow struct {
	name rowName
	rowState
	columns, sealed, digest, salt, proof, lease string
}

// Verify compares the pools and the tried codes with the entries of the chain. Rows from
// before entries had proofs are compared in their states; their columns with their own
// digest only.
func Verify(ctx context.Context, l *ledger.Ledger) ([]ledger.Difference, error) {
	if l.Form() < formOfPools {
		return nil, nil // there were none
	}
	r, err := readEntries(ctx, l)
	if err != nil {
		return nil, err
	}
	rows, err := readRows(ctx, l)
	if err != nil {
		return nil, err
	}
	differences := append(r.compareRows(rows), r.compareImports(rows)...)
	if l.Form() < formOfProofs {
		return differences, nil
	}
	codes, err := r.compareCodes(ctx, l)
	return append(differences, codes...), err
}

func readRows(ctx context.Context, l *ledger.Ledger) ([]storedRow, error) {
	proof := "station, seq, salt, proof"
	if l.Form() < formOfProofs {
		proof = "'', 0, '', ''"
	}
	rows, err := l.Query(ctx, "SELECT pool, id, state, serial, job, note, columns, sealed, digest, "+proof+", "+leaseColumn(l)+
		" FROM identity ORDER BY pool, id")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []storedRow
	for rows.Next() {
		var r storedRow
		var station string
		var seq int64
		if err := rows.Scan(&r.name.pool, &r.name.id, &r.state, &r.serial, &r.job, &r.note, &r.columns, &r.sealed, &r.digest,
			&station, &seq, &r.salt, &r.proof, &r.lease); err != nil {
			return nil, err
		}
		if seq > 0 {
			r.record = ledger.RecordName(station, seq)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// compareRows holds each row to the entry that changed it last, and its columns to its own
// proof.
func (r *replay) compareRows(rows []storedRow) (differences []ledger.Difference) {
	for _, row := range rows {
		if reason := r.compareRow(row); reason != "" {
			differences = append(differences, ledger.Difference{Table: "identity", Row: row.name.String(), Reason: reason})
		}
	}
	return differences
}

func (r *replay) compareRow(row storedRow) string {
	sum := sha256.Sum256([]byte(row.columns))
	proof := proveIdentity(row.salt, row.name.pool, row.name.id, row.columns, row.sealed)
	if hex.EncodeToString(sum[:]) != row.digest || row.proof != "" && row.proof != proof {
		return "its columns are not those that were imported"
	}
	said := r.states[row.name]
	if len(said) == 0 { // nothing but its import
		said = []rowState{{state: StateFree}}
		if i := slices.IndexFunc(r.imports, func(i imported) bool { return i.has(row.name) }); i >= 0 {
			said[0].record = r.imports[i].record
		}
	}
	if burned := slices.IndexFunc(said, func(s rowState) bool { return s.state == StateBurned }); burned >= 0 {
		said = said[burned : burned+1] // for ever, whatever another station's chain says
	}
	reason := ""
	for _, s := range said {
		switch {
		case row.record != "" && row.record != s.record:
			reason = fmt.Sprintf("entry %s changed it last, the row says %s", s.record, row.record)
		case row.state != s.state:
			reason = fmt.Sprintf("it is %s, entry %s says %s", row.state, s.record, s.state)
		case row.serial != s.serial || row.job != s.job || row.note != s.note:
			reason = "its tablet, job or note is not that of entry " + s.record
		default:
			return ""
		}
	}
	return reason
}

// has reports whether an import entry is that of a row; those from before proofs do not say.
func (i imported) has(name rowName) bool {
	return i.First > 0 && i.Pool == name.pool && name.id >= i.First && name.id < i.First+i.Count
}

// compareImports looks for rows that are missing or too many, and holds the rows of each
// import together to its entry.
func (r *replay) compareImports(rows []storedRow) (differences []ledger.Difference) {
	differ := func(row, format string, args ...any) {
		differences = append(differences, ledger.Difference{Table: "identity", Row: row, Reason: fmt.Sprintf(format, args...)})
	}
	byName := map[rowName]storedRow{}
	for _, row := range rows {
		byName[row.name] = row
		if row.name.id > r.counts[row.name.pool] && r.leases[row.name] == "" {
			differ(row.name.String(), "no entry says that it was imported")
		}
	}
	for _, pool := range slices.Sorted(maps.Keys(r.counts)) {
		for id := int64(1); id <= r.counts[pool]; id++ {
			if _, there := byName[rowName{pool, id}]; !there {
				differ(rowName{pool, id}.String(), "it was imported, and is not there")
			}
		}
	}
	for _, name := range slices.SortedFunc(maps.Keys(r.leases), rowName.compare) {
		row, there := byName[name]
		switch {
		case !there:
			differ(name.String(), "it was leased, and is not there")
		case row.lease != r.leases[name]:
			differ(name.String(), "it was not leased under the request that the row says")
		}
	}
	for _, i := range r.imports {
		var proofs strings.Builder
		for id := i.First; id < i.First+i.Count; id++ {
			proofs.WriteString(byName[rowName{i.Pool, id}].proof)
		}
		if i.Rows != "" && digestText([]byte(proofs.String())) != i.Rows {
			differ(fmt.Sprintf("%d to %d of %s", i.First, i.First+i.Count-1, i.Pool), "they are not what entry %s imported", i.record)
		}
	}
	return differences
}

// compareCodes holds the tried codes to their entries.
func (r *replay) compareCodes(ctx context.Context, l *ledger.Ledger) (differences []ledger.Difference, err error) {
	rows, err := l.Query(ctx, "SELECT serial, mark, salt, station, seq FROM tried WHERE seq > 0 ORDER BY serial, mark")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	differ := func(serial, reason string) {
		differences = append(differences, ledger.Difference{Table: "tried", Row: "code of " + serial, Reason: reason})
	}
	there := map[string]bool{} // by proof
	for rows.Next() {
		var serial, mark, salt, station string
		var seq int64
		if err := rows.Scan(&serial, &mark, &salt, &station, &seq); err != nil {
			return nil, err
		}
		proof, record := proveMark(salt, serial, mark), ledger.RecordName(station, seq)
		if r.codes[proof].record != record {
			differ(serial, "it is not that of entry "+record)
			continue
		}
		there[proof] = true
	}
	for _, proof := range slices.Sorted(maps.Keys(r.codes)) {
		if !there[proof] {
			differ(r.codes[proof].serial, "entry "+r.codes[proof].record+" says that it was tried, and it is not there")
		}
	}
	return differences, errors.Join(rows.Err(), rows.Close())
}
