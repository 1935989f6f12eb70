// Package records is the ledger as people and programs use it. It finds jobs ([Find], and a
// [Selection] of them), writes them as tables, texts, CSV and as the chain itself ([Export]),
// verifies the ledger and compares it with heads that were kept elsewhere ([Verify]), backs it up,
// restores it, and records a supervisor's decision about a failed tablet ([Dispose]).
//
// [Open] and [Read] are those of package ledger, with errors that say what to do. The format of
// the file and its rules are package ledger; nothing here knows a terminal or a tablet: texts are
// written to a writer.
package records

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// HintRolledBack is what can be done about a ledger that lost entries.
const HintRolledBack = "put the right file back; to go on with this one: zarya ledger verify --accept-head, " +
	"then burn the identities that were given since"

// Open opens the ledger of a station for writing; nil if path is "".
func Open(ctx context.Context, path, station string) (*ledger.Ledger, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no path is no ledger
	}
	l, err := ledger.Open(ctx, path, station)
	if err != nil {
		return nil, Trouble(path, err)
	}
	return l, nil
}

// Close closes a ledger, where there is one; err is what went wrong before.
func Close(l *ledger.Ledger, err *error) {
	if l == nil {
		return
	}
	if cerr := l.Close(); cerr != nil && *err == nil {
		*err = Trouble(l.Path(), cerr)
	}
}

// Read opens the ledger at path for reading and calls do.
func Read(ctx context.Context, path string, do func(context.Context, *ledger.Ledger) error) (err error) {
	if path == "" {
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger to read with --ledger none")
	}
	l, err := ledger.OpenReader(ctx, path)
	if err != nil {
		return Trouble(path, err)
	}
	defer Close(l, &err)
	return do(ctx, l)
}

// Beside reads a ledger that is being written through another connection: the writer has
// records to write while somebody reads a month. One in memory has no other.
func Beside(ctx context.Context, record *ledger.Ledger, do func(*ledger.Ledger) error) (err error) {
	if record.Path() == "" {
		return do(record)
	}
	return Read(ctx, record.Path(), func(_ context.Context, l *ledger.Ledger) error { return do(l) })
}

// Begun reports whether something was recorded at path; where there can be no ledger, that
// is for [Read] to say.
func Begun(path string) bool {
	_, err := os.Stat(path)
	return path == "" || !errors.Is(err, fs.ErrNotExist)
}

// Newest is the newest version of a bundle with which a tablet passed; "" if none did.
func Newest(ctx context.Context, path, name string) (newest string, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", nil //nolint:nilerr // nothing was recorded yet, or nothing is
	}
	err = Read(ctx, path, func(ctx context.Context, l *ledger.Ledger) error {
		versions, err := l.Bundles(ctx, name)
		if err != nil {
			return Trouble(path, err)
		}
		for _, v := range versions {
			if newest == "" || bundle.Older(newest, v) {
				newest = v
			}
		}
		return nil
	})
	return newest, err
}

// Trouble says what can be done about a ledger that does not open.
func Trouble(path string, err error) error {
	hint := "give the folder the right owner and room, or name another with --ledger sqlite:PATH"
	var newer *ledger.NewerError
	var held *ledger.HeldError
	var rolled *ledger.RolledBackError
	switch {
	case errors.As(err, &newer):
		hint = "use the newer zarya, or name another ledger with --ledger sqlite:PATH"
	case errors.As(err, &rolled):
		hint = HintRolledBack
	case errors.As(err, &held):
		hint = "end the program that holds it, then try again"
	case errors.Is(err, fs.ErrNotExist):
		return problem.New(problem.Station, "nothing was recorded there yet, or --ledger names the wrong file", "there is no ledger at %s", path)
	}
	return problem.New(problem.Station, hint, "ledger: %w", err)
}
