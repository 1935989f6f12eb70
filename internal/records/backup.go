// This file copies a ledger away, and puts a copy back.

package records

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// Backup copies the ledger at path into a new file, while others write it, and checks the
// copy. It returns where the chains in it end.
func Backup(ctx context.Context, path, to string) (heads []ledger.Head, err error) {
	part := to + ".part"
	if _, err := os.Lstat(to); err == nil {
		return nil, problem.New(problem.Usage, "name another file: a backup overwrites nothing", "%s is there already", to)
	}
	err = Read(ctx, path, func(ctx context.Context, l *ledger.Ledger) error {
		if err := l.CopyTo(ctx, part); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return problem.New(problem.Station, "remove it, if no other backup is running", "%s is there already", part)
			}
			return errors.Join(problem.New(problem.Station, "name a folder that has room", "the backup: %w", err), os.Remove(part))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if heads, err = chainsOf(ctx, part); err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(part))
	}
	return heads, nil
}

// chainsOf checks the chains of a copy.
func chainsOf(ctx context.Context, path string) (heads []ledger.Head, err error) {
	err = Read(ctx, path, func(ctx context.Context, l *ledger.Ledger) error {
		if heads, err = l.Verify(ctx); err != nil {
			return problem.New(problem.Invalid, "take another backup", "%s is broken: %w", path, err)
		}
		return nil
	})
	return heads, err
}

// Restored says what became of a ledger in whose place a backup was put.
type Restored struct {
	Kept string        // where the ledger is that was there before; "": there was none
	Lost []ledger.Head // that it had, and the backup has not
}

// Restore puts a backup in the place of the ledger at path. What was there is kept beside it,
// and what is lost is recorded. Nobody may have the ledger open.
func Restore(ctx context.Context, path, station, from string) (done Restored, err error) {
	if _, err := chainsOf(ctx, from); err != nil {
		return done, err
	}
	fail := func(err error) error {
		if done.Kept == "" {
			return problem.New(problem.Station, "nothing was changed", "the backup cannot be put in place: %w", err)
		}
		return problem.New(problem.Station, "what was there is kept beside it", "the backup cannot be put in place: %w", err)
	}
	live, err := ledger.Live(path)
	switch {
	case err != nil:
		return done, fail(err)
	case live:
		return done, problem.New(problem.InUse, "end the station and all runs first", "%s is being written", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return done, fail(err)
	}
	part := path + ".restored"
	if err := copyFile(from, part); err != nil {
		return done, errors.Join(fail(err), os.Remove(part))
	}
	if _, err := os.Stat(path); err == nil {
		aside := fmt.Sprintf("%s.before-%s", path, time.Now().UTC().Format("20060102T150405Z"))
		for _, suffix := range []string{"", "-wal", "-shm"} { // together they are the ledger
			if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return done, fail(err)
			}
			done.Kept = aside
		}
	}
	if err := os.Rename(part, path); err != nil {
		return done, fail(err)
	}
	done.Lost, err = Accept(ctx, path, station)
	return done, err
}

// copyFile copies a file and forces the copy to the disk.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from) //nolint:gosec // the file that the user names
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // beside the ledger
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
