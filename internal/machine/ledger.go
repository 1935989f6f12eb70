// This file is the ledger of this machine: where it is, and how it is opened.

package machine

import (
	"context"
	"io/fs"
	"os"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/settings"
)

// LedgerPath is the file of the ledger; "" is that there is none.
func (m *Machine) LedgerPath() (string, error) { return settings.LedgerPath(m.Ledger) }

// OwnLedger is the file of the ledger, which there must be, and the name of this station.
func (m *Machine) OwnLedger() (path, station string, err error) {
	if path, err = m.LedgerPath(); err == nil && path == "" {
		err = problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger with --ledger none")
	}
	if err == nil {
		station, err = m.Settings.Station()
	}
	return path, station, err
}

// Begun reports whether there is a ledger to read; where there can be none, reading says so.
func (m *Machine) Begun() (bool, error) {
	path, err := m.LedgerPath()
	return records.Begun(path), err
}

// OpenLedger opens the ledger for writing; nil where there is none.
func (m *Machine) OpenLedger(ctx context.Context) (*ledger.Ledger, error) {
	path, err := m.LedgerPath()
	if err != nil || path == "" {
		return nil, err
	}
	_, station, err := m.OwnLedger()
	if err != nil {
		return nil, err
	}
	return records.Open(ctx, path, station)
}

// Write opens the ledger for writing and calls do.
func (m *Machine) Write(ctx context.Context, do func(context.Context, *ledger.Ledger) error) (err error) {
	path, station, err := m.OwnLedger()
	if err != nil {
		return err
	}
	l, err := records.Open(ctx, path, station)
	if err != nil {
		return err
	}
	defer records.Close(l, &err)
	err = do(ctx, l)
	if _, ok := problem.KindOf(err); err != nil && !ok {
		err = records.Trouble(path, err)
	}
	return err
}

// Amend opens the ledger to say more of what it has, and calls do. There must be one: a mistyped
// name would make one.
func (m *Machine) Amend(ctx context.Context, do func(context.Context, *ledger.Ledger) error) (err error) {
	path, station, err := m.OwnLedger()
	if err != nil {
		return err
	}
	if !records.Begun(path) {
		return records.Trouble(path, fs.ErrNotExist)
	}
	l, err := records.Open(ctx, path, station)
	if err != nil {
		return err
	}
	defer records.Close(l, &err)
	return do(ctx, l)
}

// Select reads the jobs that are asked for; begun is false if nothing was recorded yet.
func (m *Machine) Select(ctx context.Context, s records.Selection) (jobs []*ledger.JobRecord, begun bool, err error) {
	if err := s.Check(); err != nil {
		return nil, false, err
	}
	if begun, err = m.Begun(); err != nil || !begun {
		return nil, begun, err
	}
	err = m.Read(ctx, func(ctx context.Context, l *ledger.Ledger) (err error) {
		jobs, err = s.Jobs(ctx, l)
		return err
	})
	return jobs, true, err
}

// Read opens the ledger for reading and calls do. It warns if entries were lost: what is
// there can be read all the same.
func (m *Machine) Read(ctx context.Context, do func(context.Context, *ledger.Ledger) error) error {
	return m.ReadUnchecked(ctx, func(ctx context.Context, l *ledger.Ledger) error {
		if err := l.CheckHead(ctx); err != nil {
			m.Warn("%v (zarya ledger verify)", err)
		}
		return do(ctx, l)
	})
}

// ReadUnchecked is [Machine.Read] for what looks itself whether entries were lost, or does
// not care.
func (m *Machine) ReadUnchecked(ctx context.Context, do func(context.Context, *ledger.Ledger) error) error {
	path, err := m.LedgerPath()
	if err != nil {
		return err
	}
	return records.Read(ctx, path, do)
}

// Jobs are all jobs of the ledger; none if nothing was recorded yet.
func (m *Machine) Jobs(ctx context.Context) (jobs []*ledger.JobRecord, err error) {
	path, err := m.LedgerPath()
	if err != nil || path == "" || !records.Begun(path) {
		return nil, err
	}
	err = m.Read(ctx, func(ctx context.Context, l *ledger.Ledger) (err error) {
		jobs, err = l.Jobs(ctx)
		return err
	})
	return jobs, err
}

// Peek reads the ledger if it is there and can be read; else it does nothing, and says nothing.
func (m *Machine) Peek(ctx context.Context, do func(context.Context, *ledger.Ledger) error) {
	path, err := m.LedgerPath()
	if err != nil || path == "" {
		return
	}
	if _, err := os.Stat(path); err == nil {
		_ = records.Read(ctx, path, do) // the caller can do without
	}
}

// newest is the newest version of a bundle with which a tablet passed here.
func (m *Machine) newest(ctx context.Context, bundle string) (string, error) {
	path, err := m.LedgerPath()
	if err != nil {
		return "", err
	}
	return records.Newest(ctx, path, bundle)
}

// Record makes an open ledger the one in which jobs under way record the unlock codes that
// they try.
func (m *Machine) Record(l *ledger.Ledger) { m.codes.Ledger = l }
