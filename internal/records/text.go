// This file is zarya ledger, and the opening of the ledger for verbs that run jobs.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"github.com/zarya-station/zarya/internal/ui"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// ledgerPath is the file that --ledger names, or "" for none.
func (a *app) ledgerPath() (string, error) {
	switch kind, rest, _ := strings.Cut(a.ledger, ":"); {
	case a.ledger == "none":
		return "", nil
	case a.ledger == "":
		state := os.Getenv("XDG_STATE_HOME")
		if !filepath.IsAbs(state) {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", problem.New(problem.Station, "name one with --ledger sqlite:PATH", "no place for the ledger: %w", err)
			}
			state = filepath.Join(home, ".local", "state")
		}
		return filepath.Join(state, "zarya", "ledger.db"), nil
	case kind == "sqlite" && rest != "":
		return rest, nil
	case kind == "postgres":
		return "", problem.New(problem.Usage, "use --ledger sqlite:PATH", "--ledger: this version keeps its ledger in SQLite only")
	}
	return "", problem.New(problem.Usage, "write --ledger sqlite:PATH, or none", "--ledger: %q is no ledger", a.ledger)
}

// stationName is what this station's records are signed with.
func (a *app) stationName() (string, error) {
	name, _ := a.config.lookup("station")
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return "", problem.New(problem.Station, "set ZARYA_STATION", "this station has no name: %w", err)
		}
	}
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return "", problem.New(problem.Station, "set ZARYA_STATION to up to 64 letters, digits and marks", "%q is no name for a station", name)
	}
	return name, nil
}

// openLedger opens the ledger for writing; nil with --ledger none.
func (a *app) openLedger() (*ledger.Ledger, error) {
	path, err := a.ledgerPath()
	if path == "" {
		return nil, err
	}
	station, err := a.stationName()
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	l, err := ledger.Open(ctx, path, station)
	if err != nil {
		return nil, ledgerTrouble(path, err)
	}
	return l, nil
}

// ledgerTrouble says what can be done about a ledger that does not open.
func ledgerTrouble(path string, err error) error {
	hint := "give the folder the right owner and room, or name another with --ledger sqlite:PATH"
	var newer *ledger.NewerError
	var held *ledger.HeldError
	var rolled *ledger.RolledBackError
	switch {
	case errors.As(err, &newer):
		hint = "use the newer zarya, or name another ledger with --ledger sqlite:PATH"
	case errors.As(err, &rolled):
		hint = hintRolledBack
	case errors.As(err, &held):
		hint = "end the program that holds it, then try again"
	case errors.Is(err, fs.ErrNotExist):
		return problem.New(problem.Station, "nothing was recorded there yet, or --ledger names the wrong file", "there is no ledger at %s", path)
	}
	return problem.New(problem.Station, hint, "ledger: %w", err)
}

// readLedger opens the ledger for reading and calls do. It warns if entries were lost: what
// is there can be read all the same.
func (a *app) readLedger(do func(context.Context, *ledger.Ledger) error) error {
	return a.withReader(func(ctx context.Context, l *ledger.Ledger) error {
		if err := l.CheckHead(ctx); err != nil {
			a.warn("%v (zarya ledger verify)", err)
		}
		return do(ctx, l)
	})
}

// withReader opens the ledger for reading and calls do.
func (a *app) withReader(do func(context.Context, *ledger.Ledger) error) error {
	path, err := a.ledgerPath()
	if err != nil {
		return err
	}
	if path == "" {
		return problem.New(problem.Usage, "name one with --ledger sqlite:PATH", "there is no ledger to read with --ledger none")
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	l, err := ledger.OpenReader(ctx, path)
	if err != nil {
		return ledgerTrouble(path, err)
	}
	err = do(ctx, l)
	if cerr := l.Close(); err == nil && cerr != nil {
		err = ledgerTrouble(path, cerr)
	}
	return err
}

func newLedger(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Show, export and verify the record of all jobs",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(newLedgerList(a), newLedgerShow(a), newLedgerExport(a), newLedgerVerify(a), newLedgerDispose(a))
	return cmd
}

// selection is which jobs a verb is about.
type selection struct {
	since  time.Duration
	result string
	serial string
}

func (s *selection) flags(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&s.since, "since", 0, "only jobs begun in the last `TIME`, such as 8h")
	cmd.Flags().StringVar(&s.result, "result", "", "only jobs that ended with `RESULT`: pass, compliant, fail, interrupted, skipped, running")
	cmd.Flags().StringVar(&s.serial, "serial", "", "only jobs of the tablet with `SERIAL`")
}

var jobResults = []string{"pass", "compliant", "fail", "interrupted", "skipped", "running"}

func (s *selection) check() error {
	if s.result != "" && !slices.Contains(jobResults, s.result) {
		return problem.New(problem.Usage, "known are "+strings.Join(jobResults, ", "), "--result: no result %q", s.result)
	}
	if s.since < 0 {
		return problem.New(problem.Usage, "write --since 8h", "--since cannot be negative")
	}
	return nil
}

func (s *selection) jobs(ctx context.Context, l *ledger.Ledger) ([]*ledger.JobRecord, error) {
	all, err := l.Jobs(ctx)
	if err != nil {
		return nil, problem.New(problem.Invalid, "zarya ledger verify says more", "ledger: %w", err)
	}
	if s.since > 0 {
		all = ledger.Since(all, time.Now().Add(-s.since))
	}
	return slices.DeleteFunc(all, func(j *ledger.JobRecord) bool {
		return s.result != "" && j.Result != s.result || s.serial != "" && !j.Concerns(s.serial)
	}), nil
}

func newLedgerList(a *app) *cobra.Command {
	var s selection
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List jobs, the newest last",
		Example: "  zarya ledger list --since 8h\n  zarya ledger list --result fail --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := s.check(); err != nil {
				return err
			}
			path, err := a.ledgerPath()
			if err != nil {
				return err
			}
			if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
				if a.json {
					return a.document("jobs", []any{})
				}
				fmt.Fprintf(a.stderr, "nothing was recorded yet at %s\n", path)
				return nil
			}
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				jobs, err := s.jobs(ctx, l)
				if err != nil {
					return err
				}
				if a.json {
					return a.document("jobs", append([]*ledger.JobRecord{}, jobs...))
				}
				w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "RECORD\tSTARTED\tTABLET\tSERIAL\tMODEL\tPROFILE\tRESULT\tTIME\tWRITTEN\tTRY\tLOT\tOPERATOR\tDISPOSITION")
				for _, j := range jobs {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1fs\t%s\t%s\t%s\t%s\t%s\n",
						j.Record, local(cmp.Or(j.Started, j.Ended)), ui.Dash(j.Tablet), ui.Dash(j.Serial),
						ui.Dash(j.Model), ui.Dash(j.Profile), word(j), j.Seconds, bytesize.Text(j.Bytes),
						attempt(j), ui.Dash(j.Lot), ui.Dash(j.Operator), ui.Dash(string(j.Disposition)))
				}
				return w.Flush()
			})
		},
	}
	s.flags(cmd)
	return cmd
}

// attempt is which one of its tablet at its station a job is.
func attempt(j *ledger.JobRecord) string {
	if j.Attempt == 0 {
		return "-"
	}
	return strconv.FormatInt(j.Attempt, 10)
}

// word is a job's result as the board says it.
func word(j *ledger.JobRecord) string {
	w := strings.ToUpper(j.Result)
	if j.Result != "running" {
		w = flash.JobResult(j.Result).Word(j.Scope)
	}
	if j.Class != "" {
		w += " " + string(j.Class)
	}
	return w
}

// local is a time of the ledger as a person reads it.
func local(ts string) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ui.Dash(ts)
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func newLedgerShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show RECORD|JOB|SERIAL",
		Short:   "Show everything that is recorded of a job, or of a tablet's jobs",
		Example: "  zarya ledger show VT0003\n  zarya ledger show bench-42 --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				jobs, err := (&selection{}).jobs(ctx, l)
				if err != nil {
					return err
				}
				jobs = slices.DeleteFunc(jobs, func(j *ledger.JobRecord) bool {
					return j.Record != args[0] && j.Job != args[0] && !j.Concerns(args[0])
				})
				if len(jobs) == 0 {
					return problem.New(problem.Usage, "zarya ledger list shows what there is", "no record, job or serial %q is in the ledger", args[0])
				}
				if a.json {
					return a.document("jobs", jobs)
				}
				for i, j := range jobs {
					if i > 0 {
						fmt.Fprintln(a.stdout)
					}
					showJob(a.stdout, j)
				}
				return nil
			})
		},
	}
}

func showJob(out io.Writer, j *ledger.JobRecord) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("record", j.Record)
	row("job", j.Job+", "+string(j.Scope))
	row("tablet", strings.TrimSpace(fmt.Sprintf("%s, serial %s, model %s", j.Tablet, ui.Dash(j.Serial), ui.Dash(j.Model))))
	if j.OtherSerial != "" {
		row("exchanged", "the serial "+j.OtherSerial+" was found in its place")
	}
	if j.Attempt > 0 {
		row("attempt", fmt.Sprintf("%d of this tablet at %s", j.Attempt, j.Station))
	}
	if j.Golden {
		row("golden", "a golden or test unit: no statistic counts it")
	}
	row("operator", j.Operator)
	row("lot", j.Lot)
	row("profile", j.Profile)
	row("bundle", j.Bundle)
	row("program", j.Program)
	row("started", local(j.Started))
	if j.Ended != "" {
		row("ended", local(j.Ended))
	}
	for _, im := range j.Images {
		row("image", fmt.Sprintf("%s: %s, %s, %s", im.Partition, im.File, bytesize.Text(im.Size), im.Digest))
	}
	for _, s := range j.Steps {
		text := fmt.Sprintf("%s: %s, %.2fs", s.Step, s.Result, s.Seconds)
		if s.Bytes > 0 {
			text += ", " + bytesize.Text(s.Bytes)
		}
		row("step", text)
	}
	for _, m := range j.Measurements {
		row("measured", measurement(m))
	}
	row("result", word(j))
	row("verified", j.Verified)
	if j.Error != "" {
		row("error", strings.TrimPrefix(j.Step+": ", ": ")+j.Error)
	}
	if j.Disposition != "" {
		row("disposition", string(j.Disposition)+", by "+cmp.Or(j.DisposedBy, "somebody"))
	}
	_ = w.Flush() // to a buffer of the process's own output
}

// measurement is one as a person reads it, with its limits.
func measurement(m flash.Measurement) string {
	value := func(n int64) string {
		switch m.Unit {
		case "ms":
			return strconv.FormatFloat(float64(n)/1000, 'f', 2, 64) + "s"
		case "B/s":
			return bytesize.Text(n) + "/s"
		}
		return fmt.Sprintf("%d %s", n, m.Unit)
	}
	text := m.Name + ": " + value(m.Value)
	if m.Low != 0 {
		text += ", at least " + value(m.Low)
	}
	if m.High != 0 {
		text += ", at most " + value(m.High)
	}
	return text
}
