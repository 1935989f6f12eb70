// The pools' promises: one identity a tablet, one tablet an identity, a key once, and every
// row what the chain says.

package pool

import (
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testSeal is a seal that opens only what it made.
type testSeal string

func (s testSeal) Seal(plain []byte) (string, error) {
	if s == "" {
		return "", errors.New("there is no key")
	}
	return string(s) + base64.StdEncoding.EncodeToString(plain), nil
}

func (s testSeal) Open(sealed string) ([]byte, error) {
	text, ok := strings.CutPrefix(sealed, string(s))
	if !ok {
		return nil, errors.New("another key")
	}
	return base64.StdEncoding.DecodeString(text)
}

const seal = testSeal("k1:")

func memory(t *testing.T) *ledger.Ledger {
	t.Helper()
	l, err := ledger.OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// numbered are n rows with the inventory numbers from first on.
func numbered(first, n int) []Row {
	var rows []Row
	for i := range n {
		rows = append(rows, Row{Line: i + 2, Columns: map[string]string{"inventory": fmt.Sprintf("C-%03d", first+i),
			"hostname": fmt.Sprintf("t-%d", first+i)},
			Secrets: map[string]string{"pin": fmt.Sprint(1000 + first + i)}})
	}
	return rows
}

func importRows(t *testing.T, l *ledger.Ledger, pool string, rows []Row, d Declaration) int {
	t.Helper()
	n, err := Import(l, pool, rows, d, seal)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestImport(t *testing.T) {
	l := memory(t)
	key := Declaration{Key: "inventory", Secret: []string{"note"}}
	if n := importRows(t, l, "p", numbered(1, 3), key); n != 3 {
		t.Errorf("%d are new", n)
	}
	if n := importRows(t, l, "p", numbered(2, 3), Declaration{}); n != 1 {
		t.Errorf("%d of three are new, two were there", n)
	}
	if d, err := Declared(t.Context(), l, "p"); err != nil || d.Key != "inventory" || len(d.Secret) != 1 {
		t.Errorf("%+v %v", d, err)
	}
	// The key is unique here and in other pools, whether they declare it or not.
	for _, pool := range []string{"p", "other"} {
		rows := numbered(9, 2)
		rows[1].Columns["inventory"] = "C-003"
		var taken *KeyError
		if n, err := Import(l, pool, rows, Declaration{}, seal); !errors.As(err, &taken) || taken.Line != 3 || taken.ID != 3 || n != 0 {
			t.Errorf("%s: %d %v", pool, n, err)
		}
	}
	var other *DeclarationError
	if _, err := Import(l, "p", nil, Declaration{Key: "hostname"}, seal); !errors.As(err, &other) {
		t.Errorf("a second key: %v", err)
	}
	// What has the same twice cannot become a key.
	importRows(t, l, "q", []Row{{Columns: map[string]string{"a": "1", "b": "1"}}, {Columns: map[string]string{"a": "1", "b": "2"}},
		{Columns: map[string]string{"b": "3"}}}, Declaration{})
	if _, err := Import(l, "q", nil, Declaration{Key: "a"}, seal); !errors.As(err, &other) ||
		!strings.Contains(err.Error(), "the identities 1 of q and 2 of q have the same") {
		t.Errorf("%v", err)
	}
	importRows(t, l, "q", nil, Declaration{Key: "b"})
	// All or none, and no secret without a key to encrypt it.
	if _, err := Import(l, "r", numbered(20, 1), Declaration{}, testSeal("")); err == nil {
		t.Error("a secret was imported as it is")
	}
	all, err := List(t.Context(), l, "")
	if err != nil || len(all) != 7 || all[0].State != StateFree || all[3].Columns["hostname"] != "t-4" || all[0].Columns["pin"] != "" {
		t.Errorf("%+v %v", all, err)
	}
	verified(t, l)
}

// verified fails if anything beside the chain differs from it.
func verified(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	claims, err := l.VerifyClaims(t.Context())
	if err != nil {
		t.Error(err)
	}
	differences, err := Verify(t.Context(), l)
	if err != nil {
		t.Error(err)
	}
	for _, d := range append(claims, differences...) {
		t.Error(d)
	}
}

// TestAssignOnce draws from a pool with many hands.
func TestAssignOnce(t *testing.T) {
	l := memory(t)
	importRows(t, l, "p", numbered(1, 20), Declaration{})
	ids := NewSupply(l, seal)
	var mu sync.Mutex
	got := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 60 { // twenty tablets, each three times
		wg.Go(func() {
			serial := fmt.Sprintf("S%d", i%20)
			id, err := ids.Assign(t.Context(), "p", serial, "job")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if was, ok := got[id.ID]; ok && was != serial {
				t.Errorf("%d is given to %s and %s", id.ID, was, serial)
			}
			got[id.ID] = serial
		})
	}
	wg.Wait()
	var empty *flash.PoolError
	if _, err := ids.Assign(t.Context(), "p", "", "job"); !errors.As(err, &empty) || len(got) != 20 ||
		!strings.Contains(err.Error(), "none of 20 is free") {
		t.Errorf("%v, %d given", err, len(got))
	}
	if _, err := ids.Assign(t.Context(), "none", "", "job"); !errors.As(err, &empty) || !strings.Contains(err.Error(), "no such pool") {
		t.Errorf("%v", err)
	}
	verified(t, l)
}

// TestLife takes identities through all states.
func TestLife(t *testing.T) {
	l := memory(t)
	importRows(t, l, "p", numbered(1, 3), Declaration{})
	ids, ctx := NewSupply(l, seal), t.Context()
	state := func(id int64) string {
		t.Helper()
		all, err := List(ctx, l, "p")
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %s", all[id-1].State, all[id-1].Serial)
	}
	if id, err := ids.Held(ctx, "p", "A"); id != nil || err != nil {
		t.Errorf("%+v %v", id, err)
	}
	if id, err := ids.Held(ctx, "p", ""); id != nil || err != nil {
		t.Errorf("%+v %v", id, err)
	}
	one, err := ids.Assign(ctx, "p", "A", "job1")
	if err != nil || one.ID != 1 || one.Columns["pin"] != "1001" || one.Columns["hostname"] != "t-1" ||
		!slices.Equal(one.Secret, []string{"pin"}) {
		t.Fatalf("%+v %v", one, err)
	}
	if held, err := ids.Held(ctx, "p", "A"); err != nil || held.ID != 1 || held.Columns["pin"] != "1001" {
		t.Errorf("%+v %v", held, err)
	}
	var sealed *flash.PoolError
	if _, err := NewSupply(l, testSeal("k2:")).Held(ctx, "p", "A"); !errors.As(err, &sealed) {
		t.Errorf("opened with another key: %v", err)
	}
	for range 2 { // a second time it is so already
		if err := ids.Bind(ctx, one, "job1"); err != nil || state(1) != "bound A" {
			t.Errorf("%s, %v", state(1), err)
		}
	}
	var wrong *StateError
	if err := Return(l, "p", 1, ""); !errors.As(err, &wrong) || wrong.State != StateBound {
		t.Errorf("returned what is bound: %v", err)
	}
	if err := ids.Burn(ctx, one, "lost"); err != nil || state(1) != "burned A" {
		t.Errorf("%s, %v", state(1), err)
	}
	if err := Burn(l, "p", 1, ""); !errors.As(err, &wrong) {
		t.Errorf("burned twice: %v", err)
	}
	if err := Burn(l, "p", 9, ""); !errors.As(err, &wrong) || wrong.State != "" {
		t.Errorf("burned what is not there: %v", err)
	}
	var inUse *flash.PoolError
	if _, err := NewSupply(l, seal).Assign(ctx, "p", "A", "job2"); !errors.As(err, &inUse) ||
		!strings.Contains(err.Error(), "(job job1, under way)") {
		t.Errorf("given to the second tablet with this serial: %v", err)
	}
	ids.Release("job1")
	two, err := ids.Assign(ctx, "p", "A", "job2")
	if err != nil || two.ID != 2 {
		t.Fatalf("%+v %v", two, err)
	}
	if err := Return(l, "p", 2, "never used"); err != nil || state(2) != "free " {
		t.Errorf("%s, %v", state(2), err)
	}
	if err := ids.Bind(ctx, two, "job2"); !errors.As(err, &wrong) {
		t.Errorf("bound what was given back: %v", err)
	}
	verified(t, l)
}

// TestReturnByChain gives back what no job began to write, and nothing else: by the order
// of the chain, whatever the clock says.
func TestReturnByChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(t.Context(), path, "s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	importRows(t, l, "p", numbered(1, 4), Declaration{})
	ids := NewSupply(l, seal)
	intent := func(job, serial string) {
		t.Helper()
		if err := l.Intent(flash.Job{ID: job}, flash.Where{Serial: serial}); err != nil {
			t.Fatal(err)
		}
	}
	assign := func(serial, job string) *flash.Identity {
		t.Helper()
		id, err := ids.Assign(t.Context(), "p", serial, job)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	intent("before", "A") // its last job, without an identity
	one := assign("A", "job1")
	if err := Return(l, "p", one.ID, ""); err != nil {
		t.Errorf("a job that wrote before the assignment counts: %v", err)
	}
	one = assign("A", "job1")
	intent("another job", "A")
	// The clock of the station was a year fast when the identity was assigned, and is right
	// since: by time, the job wrote before the assignment.
	if _, err := l.Append("x", struct{}{}, func(tx *ledger.Tx) error {
		_, err := tx.Exec("UPDATE identity SET ts = '2099-01-01T00:00:00.000000Z' WHERE id = ?", one.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	var begun *BegunError
	if err := Return(l, "p", one.ID, ""); !errors.As(err, &begun) || begun.Serial != "A" {
		t.Errorf("a used identity was given back: %v", err)
	}
	two := assign("B", "job2")
	intent("again", "B") // another job with the same tablet gets the same identity
	if err := Return(l, "p", two.ID, ""); !errors.As(err, &begun) {
		t.Errorf("a used identity was given back: %v", err)
	}
	three := assign("", "job3") // a tablet without a serial
	if err := Return(l, "p", three.ID, ""); err != nil {
		t.Error(err)
	}
	three = assign("", "job4")
	intent("job4", "")
	if err := Return(l, "p", three.ID, ""); !errors.As(err, &begun) || !strings.Contains(err.Error(), "without a serial") {
		t.Errorf("a used identity was given back: %v", err)
	}
	verified(t, l)
}

func TestCodes(t *testing.T) {
	l := memory(t)
	codes := Codes{l}
	tried := func(serial, code string) bool {
		t.Helper()
		is, err := codes.Tried(t.Context(), serial, code)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if tried("A", "1234") {
		t.Error("tried before it was")
	}
	if err := codes.Trying("A", "1234"); err != nil {
		t.Fatal(err)
	}
	if !tried("A", "1234") || !tried("A", " 1234\n") || tried("B", "1234") || tried("A", "1235") {
		t.Error("the wrong ones were tried")
	}
	var w *ledger.WriteError
	if err := codes.Trying("A", "1234"); !errors.As(err, &w) {
		t.Errorf("tried twice: %v", err)
	}
	if err := codes.Trying("B", "99"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := codes.Worked("B", "99"); err != nil || tried("B", "99") {
			t.Errorf("%v", err)
		}
	}
	verified(t, l)
	for e, err := range l.Entries(t.Context()) {
		if err != nil || strings.Contains(string(e.Body), codeMark("A", "1234")) || strings.Contains(string(e.Body), "1234") {
			t.Errorf("%s %v", e.Body, err)
		}
	}
}
