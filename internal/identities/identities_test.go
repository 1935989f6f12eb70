package identities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/settings"
)

// here are the pools of a machine with everything in one folder, and a table of two rows.
func here(t *testing.T) (p Pools, table string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, filepath.Join(dir, strings.ToLower(name)))
	}
	tell := func(format string, args ...any) { t.Logf(format, args...) }
	m := &machine.Machine{Settings: settings.Settings{"station": "A"}, Secrets: &flash.Secrets{}, Warn: tell, Say: tell}
	t.Cleanup(m.Close)
	table = filepath.Join(dir, "census.csv")
	if err := os.WriteFile(table, []byte("inventory,hostname\nC-1,one\nC-2,two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return Pools{Machine: m}, table
}

func isKind(t *testing.T, err error, kind problem.Kind, said string) {
	t.Helper()
	if got, ok := problem.KindOf(err); !ok || got != kind || !strings.Contains(err.Error(), said) {
		t.Errorf("%v is not a problem of the kind %s with %q", err, kind, said)
	}
}

// states are how many identities are in each state.
func (p Pools) states(t *testing.T) string {
	t.Helper()
	counts, trouble, err := p.Count(t.Context(), "census", "")
	if err != nil || len(trouble) > 0 {
		t.Fatal(trouble, err)
	}
	var words []string
	for _, c := range lease.Sum(counts) {
		words = append(words, fmt.Sprint(c.State, " ", c.Count))
	}
	return strings.Join(words, ", ")
}

func listed(t *testing.T, p Pools, state string) string {
	t.Helper()
	_, text, err := p.List(t.Context(), "census", "", state)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := text(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPoolsOfThisMachine(t *testing.T) {
	p, table := here(t)
	_, rows, added, err := p.Import(t.Context(), "census", table, pool.Declaration{Key: "inventory"}, nil)
	if err != nil || rows != 2 || added != 2 {
		t.Fatal(rows, added, err)
	}
	if _, _, added, err = p.Import(t.Context(), "census", table, pool.Declaration{Key: "inventory"}, nil); err != nil || added != 0 {
		t.Errorf("the same rows again: %d new, %v", added, err)
	}
	if said := p.states(t); said != "free 2" {
		t.Error(said)
	}
	if list := listed(t, p, "free"); !strings.Contains(list, "C-2") {
		t.Error(list)
	}
	if list := listed(t, p, "bound"); strings.Contains(list, "C-2") {
		t.Error(list)
	}
	var moved []string
	done := func(r pool.Identity) { moved = append(moved, fmt.Sprint(r.Pool, r.ID)) }
	refused := errors.New("no")
	err = p.Move(t.Context(), "census", []string{"inventory=C-2"}, "lost", pool.Burn, func([]pool.Identity) error { return refused }, done)
	if !errors.Is(err, refused) || p.states(t) != "free 2" {
		t.Errorf("%v, then %s", err, p.states(t))
	}
	agreed := func([]pool.Identity) error { return nil }
	if err := p.Move(t.Context(), "census", []string{"inventory=C-2"}, "lost", pool.Burn, agreed, done); err != nil {
		t.Fatal(err)
	}
	if said := p.states(t); said != "burned 1, free 1" && said != "free 1, burned 1" || len(moved) != 1 {
		t.Error(said, moved)
	}
	if given, err := p.GiveBack(t.Context(), "census"); err != nil || given != 0 {
		t.Errorf("%d given back, %v", given, err)
	}
}

func TestWhatCannotBeMoved(t *testing.T) {
	p, table := here(t)
	never := func([]pool.Identity) error { t.Error("something was chosen"); return nil }
	move := func(p Pools, name string, names ...string) error {
		return p.Move(t.Context(), name, names, "", pool.Return, never, func(pool.Identity) { t.Error("moved") })
	}
	isKind(t, move(p, "", "1"), problem.Usage, "--pool is missing")
	isKind(t, move(p, "census"), problem.Usage, "no identity is named")
	isKind(t, move(Pools{p.Machine, "postgres://x/y"}, "census", "1"), problem.Usage, "at its station")
	_, err := p.GiveBack(t.Context(), "")
	isKind(t, err, problem.Usage, "--pool is missing")
	_, _, _, err = p.Import(t.Context(), "no such name!", table, pool.Declaration{}, nil)
	if err == nil {
		t.Error("a pool of that name was made")
	}
	if _, _, _, err = p.Import(t.Context(), "census", table+"x", pool.Declaration{}, nil); err == nil {
		t.Error("a file that is not there was imported")
	}
	if names := InUse([]pool.Identity{{Pool: "p", ID: 1, State: pool.StateFree}, {Pool: "p", ID: 2, State: pool.StateBound},
		{Pool: "p", ID: 3, State: pool.StateBound, Serial: "SN3"}}); strings.Join(names, "; ") !=
		"p 2 (on the tablet without a serial); p 3 (on the tablet SN3)" {
		t.Errorf("%q", names)
	}
}

func TestPoolsOfAFleet(t *testing.T) {
	s := fleettest.Start(t)
	p, table := here(t)
	p.Database = s.URL(fleettest.Supervisor)
	_, rows, added, err := p.Import(t.Context(), "census", table, pool.Declaration{Key: "inventory", Secret: []string{"hostname"}}, nil)
	if err != nil || rows != 2 || added != 2 {
		t.Fatal(rows, added, err)
	}
	if said := p.states(t); said != "free 2" {
		t.Error(said)
	}
	if list := listed(t, p, "free"); !strings.Contains(list, "C-2") || strings.Contains(list, "two") {
		t.Error(list)
	}
	err = p.Fleet(t.Context(), p.Database, func(ctx context.Context, db *fleet.DB) error { return p.Grant(ctx, db, "census") })
	if err != nil {
		t.Error(err)
	}
	if _, _, _, err = p.Import(t.Context(), "census", table, pool.Declaration{}, []string{"no key"}); err == nil {
		t.Error("a word was taken for an age key")
	}
}

// A supervisor's machine means the fleet's database; a station's own means its ledger.
func TestWhichPoolsAreMeant(t *testing.T) {
	p, _ := here(t)
	if u := p.supervised(); u != "" {
		t.Errorf("without a fleet: %q", u)
	}
	for _, u := range []string{"postgres://db/fleet", "postgres://ann@db/fleet"} {
		p.Settings["fleet-database"] = u
		if got := p.supervised(); got != u {
			t.Errorf("a supervisor's: %q", got)
		}
	}
	p.Settings["fleet-database"] = "postgres://db/fleet"
	p.Ledger = settings.NoLedger
	if got := p.supervised(); got != "postgres://db/fleet" {
		t.Errorf("without a ledger: %q", got)
	}
	p.Database = "postgres://other/x"
	if got := p.supervised(); got != p.Database {
		t.Errorf("what was typed: %q", got)
	}
}
