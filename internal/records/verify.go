// This file is whether a ledger is whole: the chain, the tables beside it, and the heads
// that were kept outside.

package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/sshsign"
	"github.com/zarya-station/zarya/internal/words"
)

// ReadHeads reads what --head names: a file with what verify --json printed or a witness kept, or
// the address of that at another station; "" is none. A signature that is there must be right. If signers names a file of keys, each head
// must be signed by one that may sign for its station.
func ReadHeads(ctx context.Context, file, signers string) ([]ledger.Head, error) {
	if file == "" && signers != "" {
		return nil, problem.New(problem.Usage, "name the heads with --head FILE", "--signers says who must have signed the heads")
	}
	if file == "" {
		return nil, nil
	}
	var allowed evidence.Signers
	if signers != "" {
		var err error
		if allowed, err = evidence.LoadSigners(signers); err != nil {
			return nil, err
		}
	}
	if evidence.IsRemote(file) {
		kept, err := evidence.FetchHeads(ctx, file)
		return kept, errors.Join(err, allowed.CheckHeads(kept))
	}
	f, err := os.Open(file) //nolint:gosec // the file that the user names
	if err != nil {
		return nil, problem.New(problem.Usage, "name a file with what zarya ledger verify --json printed", "--head: %w", err)
	}
	defer func() { _ = f.Close() }()
	kept, err := ledger.ReadHeads(f)
	if err == nil && len(kept) == 0 {
		err = errors.New("there is no head in it")
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "name a file with what zarya ledger verify --json printed", "--head %s: %w", file, err)
	}
	return kept, allowed.CheckHeads(kept)
}

// CheckKept holds signed heads to the keys in the file signers, or, where that is "", to
// lines of allowed_signers.
func CheckKept(kept []ledger.Head, signers string, lines []string) error {
	if signers != "" {
		allowed, err := evidence.LoadSigners(signers)
		if err != nil {
			return err
		}
		return allowed.CheckHeads(kept)
	}
	allowed := evidence.Signers{}
	for _, line := range lines {
		a, err := sshsign.ParseAllowed(line)
		if err != nil {
			return problem.New(problem.Invalid, "name the keys with --signers FILE", "a station's key: %w", err)
		}
		allowed = append(allowed, a)
	}
	return allowed.CheckHeads(kept)
}

// Rolled gives the error of heads that the chain has not its kind and a hint.
func Rolled(err error) error {
	if err == nil {
		return nil
	}
	return headProblem(err)
}

// Verified is a ledger whose chain is unbroken.
type Verified struct {
	Heads   []ledger.Head  // where each station's chain ends
	Clashes []ledger.Clash // found by two stations that did not know of each other
}

// EditedError says that rows beside the chain are not what its entries say.
type EditedError struct{ Differences []ledger.Difference }

func (e *EditedError) Error() string {
	return fmt.Sprintf("the ledger was edited beside its chain: %d differences", len(e.Differences))
}

// mostShown are the differences that are listed.
const mostShown = 20

// Text writes the differences for people.
func (e *EditedError) Text(w io.Writer, ws *words.Words) {
	for _, d := range e.Differences[:min(mostShown, len(e.Differences))] {
		fmt.Fprintln(w, ws.Say(d.String()))
	}
	if n := len(e.Differences) - mostShown; n > 0 {
		fmt.Fprintln(w, ws.Sayf("… and %d more", n))
	}
}

// Verify checks the chain, its heads against those that were kept (from says where), and
// the tables beside it. Its error may be an [EditedError].
func Verify(ctx context.Context, l *ledger.Ledger, kept []ledger.Head, from string) (v Verified, err error) {
	if v.Heads, err = l.Verify(ctx); err != nil {
		return v, problem.New(problem.Invalid, "keep this file as it is, and compare it with a backup or an export",
			"the ledger is broken: %w", err)
	}
	if err := l.CompareHeads(ctx, kept, from); err != nil {
		return v, headProblem(err)
	}
	if err := l.CheckHead(ctx); err != nil {
		return v, headProblem(err)
	}
	verifyPools := func(ctx context.Context) ([]ledger.Difference, error) { return pool.Verify(ctx, l) }
	var all []ledger.Difference
	for _, verify := range []func(context.Context) ([]ledger.Difference, error){l.VerifyClaims, l.VerifyAttempts, verifyPools} {
		found, err := verify(ctx)
		if err != nil {
			return v, err
		}
		all = append(all, found...)
	}
	if len(all) > 0 {
		return v, problem.New(problem.Invalid, "the chain is right: keep this file as it is, and compare these rows with a backup",
			"%w", &EditedError{all})
	}
	v.Clashes, err = l.Clashes(ctx)
	return v, err
}

// headProblem is an error about heads.
func headProblem(err error) error {
	var rolled *ledger.RolledBackError
	if errors.As(err, &rolled) {
		return problem.New(problem.Invalid, HintRolledBack, "the ledger was rolled back: %w", err)
	}
	return problem.New(problem.Invalid, "zarya ledger verify --accept-head writes the head file anew", "the head file: %w", err)
}

// Accept records what a station's ledger has lost, so that work can go on with it.
func Accept(ctx context.Context, path, station string) (lost []ledger.Head, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, Trouble(path, err)
	}
	lost, err = ledger.AcceptRollback(ctx, path, station)
	var broken *ledger.BrokenError
	switch {
	case errors.As(err, &broken):
		return nil, problem.New(problem.Invalid, "a broken chain cannot be accepted: use a backup, or begin a new ledger",
			"the ledger is broken: %w", err)
	case err != nil:
		return nil, Trouble(path, err)
	}
	return lost, nil
}
