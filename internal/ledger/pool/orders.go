// This file is what people order of pools: a table imported, identities chosen and moved; with
// what can be done where it does not work.

package pool

import (
	"cmp"
	"context"
	"errors"

	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sheet"
)

var nameForm = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName holds the name of a pool to its form.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return problem.New(problem.Usage, "letters, digits, dots and dashes", "--pool: %q cannot be a name", name)
	}
	return nil
}

// ImportTable imports a table of a file into a pool, with what the pool declares and what is
// declared now. It returns how many rows the table has, and how many of them are new.
func ImportTable(ctx context.Context, l *ledger.Ledger, name, file string, table *sheet.Sheet, declared Declaration,
	secret func(column string) bool, seal Seal) (rows, added int, err error) {
	was, err := Declared(ctx, l, name)
	if err != nil {
		return 0, 0, err
	}
	declared.Key = cmp.Or(declared.Key, was.Key)
	list, err := RowsOf(file, table, declared, was.Secret, secret)
	if err != nil {
		return 0, 0, err
	}
	added, err = Import(l, name, list, declared, seal)
	var taken *KeyError
	var other *DeclarationError
	switch {
	case errors.As(err, &taken):
		err = problem.New(problem.Invalid, "give it another "+taken.Column+", or take the line out",
			"%s:%d: %s %q is identity %d of the pool %s already",
			file, taken.Line, taken.Column, taken.Value, taken.ID, taken.Pool)
	case errors.As(err, &other):
		err = problem.New(problem.Usage, "choose another --key, or leave it out", "--key: %w", err)
	}
	return len(list), added, err
}

// Choose returns the identities of a pool that are named, each by its number or as
// COLUMN=VALUE.
func Choose(ctx context.Context, l *ledger.Ledger, name string, args []string) (chosen []Identity, err error) {
	rows, err := List(ctx, l, name)
	if err != nil {
		return nil, err
	}
	for _, arg := range args {
		r, err := Find(rows, arg)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}

// Trouble says what can be done about an identity that was not moved.
func Trouble(err error) error {
	var state *StateError
	var begun *BegunError
	var leased *LeasedError
	switch {
	case errors.As(err, &state):
		return problem.New(problem.Identity, "zarya identity list shows the states", "%w", err)
	case errors.As(err, &leased):
		return problem.New(problem.Identity, "burn it, or finish its tablet: it gets the same one at every station", "%w", err)
	case errors.As(err, &begun):
		return problem.New(problem.Identity, "burn it, or finish its tablet: it gets the same one again", "%w", err)
	}
	return err
}
