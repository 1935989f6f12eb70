// This file is zarya identity: the pools from which tablets get what makes them
// somebody's.

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

func newIdentity(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "identity", Short: "Pools of identities: import, list, return, burn", Args: cobra.NoArgs,
		Long: `Pools of identities: what makes a tablet somebody's, such as its inventory number, its
hostname, its credentials. A profile names the pool and its columns; a job gets one
identity before anything is written, the same tablet always the same one, and no two
tablets ever one.`}
	cmd.AddCommand(newIdentityImport(a), newIdentityList(a),
		newIdentityMove(a, "return", "Give identities back that were assigned and never came to a tablet",
			`Give identities back that were assigned to a tablet whose job never began to write.
One that may be on a tablet is not given back: burn it.`, a.returnIdentity),
		newIdentityMove(a, "burn", "Take identities out of use for ever",
			`Take identities out of use for ever: those of a tablet that was lost, or broken in the
middle of its job.`, func(_ context.Context, l *ledger.Ledger, r ledger.IdentityRow, why string) error {
				return l.Burn(r.Pool, r.ID, why)
			}))
	return cmd
}

var poolForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func newIdentityImport(a *app) *cobra.Command {
	var pool string
	var secret []string
	cmd := &cobra.Command{
		Use:   "import --pool POOL FILE.csv",
		Short: "Add the rows of a CSV file to a pool",
		Long: `Add the rows of a CSV file to a pool. Its first line names the columns; they are kept
as they are. Columns whose names have password, passphrase, secret, psk, pin or key in
them, and those that --secret names, are encrypted with the station's age key
(ZARYA_AGE_KEY, or zarya/age.key in XDG_CONFIG_HOME; age-keygen makes one). Rows that are
there already are left as they are: a file can be imported again.`,
		Example: "  zarya identity import --pool census tablets.csv",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if !poolForm.MatchString(pool) {
				return problem.New(problem.Usage, "letters, digits, dots and dashes", "--pool: %q cannot be a name", pool)
			}
			rows, err := readIdentities(args[0], secret)
			if err != nil {
				return err
			}
			return a.writeLedger(func(ctx context.Context, l *ledger.Ledger) error {
				added, err := l.Import(ctx, pool, rows, a.stationKey())
				if err != nil {
					return err
				}
				if a.json {
					return a.document("identity-import", []any{map[string]any{"pool": pool, "rows": len(rows), "added": added}})
				}
				fmt.Fprintf(a.stdout, "%s: %d rows, %d of them new\n", pool, len(rows), added)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "the `POOL`; it is made if it is not there")
	cmd.Flags().StringArrayVar(&secret, "secret", nil, "encrypt this `COLUMN` too; repeatable")
	_ = cmd.MarkFlagRequired("pool")
	return cmd
}

const maxIdentities = 64 << 20 // of a file, bytes

// readIdentities reads a CSV file. Nothing of a row is ever in an error.
func readIdentities(file string, secret []string) ([]ledger.NewIdentity, error) {
	info, err := os.Stat(file)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxIdentities) {
		err = fmt.Errorf("%s is no file of at most %d bytes", file, maxIdentities)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(file) //nolint:gosec // the file that the user names
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "name a CSV file", "%w", err)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))))
	records, err := r.ReadAll()
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		return nil, problem.New(problem.Invalid, "every line has as many columns as the first; commas within one are in quotes", "%s:%d: %w", file, bad.Line, bad.Err)
	case err != nil:
		return nil, problem.New(problem.Invalid, "", "%s: %w", file, err)
	case len(records) < 2:
		return nil, problem.New(problem.Invalid, "the first line names the columns, each further one is an identity", "%s has no rows", file)
	}
	columns := records[0]
	form := regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	for i, c := range columns {
		if !form.MatchString(c) || slices.Contains(columns[:i], c) {
			return nil, problem.New(problem.Invalid, "small letters, digits and _, each name once", "%s:1: %q cannot be a column", file, c)
		}
	}
	for _, s := range secret {
		if !slices.Contains(columns, s) {
			return nil, problem.New(problem.Usage, "the columns are "+strings.Join(columns, ", "), "--secret: there is no column %q", s)
		}
	}
	var rows []ledger.NewIdentity
	seen := map[string]int{}
	for i, rec := range records[1:] {
		n := ledger.NewIdentity{Columns: map[string]string{}, Secrets: map[string]string{}}
		plain := ""
		for k, c := range columns {
			v := strings.TrimSpace(rec[k])
			if profiles.SecretColumn(c) || slices.Contains(secret, c) {
				n.Secrets[c] = v
				continue
			}
			n.Columns[c] = v
			plain += c + "\x00" + v + "\x00"
		}
		if at, twice := seen[plain]; twice {
			return nil, problem.New(problem.Invalid, "take one of them out", "%s: the rows %d and %d are the same, secrets aside", file, at, i+1)
		}
		seen[plain] = i + 1
		rows = append(rows, n)
	}
	return rows, nil
}

func newIdentityList(a *app) *cobra.Command {
	var pool, state string
	cmd := &cobra.Command{
		Use:     "list [--pool POOL] [--state STATE]",
		Short:   "List identities, their states and their tablets; secrets are not shown",
		Example: "  zarya identity list --pool census --state assigned",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.readLedger(func(ctx context.Context, l *ledger.Ledger) error {
				rows, err := l.ListIdentities(ctx, pool)
				if err != nil {
					return err
				}
				rows = slices.DeleteFunc(rows, func(r ledger.IdentityRow) bool { return state != "" && r.State != state })
				if a.json {
					if rows == nil {
						rows = []ledger.IdentityRow{}
					}
					return a.document("identities", rows)
				}
				w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "POOL\tID\tSTATE\tTABLET\tCOLUMNS")
				for _, r := range rows {
					var words []string
					for _, c := range slices.Sorted(maps.Keys(r.Columns)) {
						words = append(words, c+"="+r.Columns[c])
					}
					fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Pool, r.ID, r.State, cmp.Or(r.Serial, "-"), strings.Join(words, " "))
				}
				return w.Flush()
			})
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "only this `POOL`")
	cmd.Flags().StringVar(&state, "state", "", "only this `STATE`: free, assigned, bound, burned")
	return cmd
}

// newIdentityMove is a verb that changes the state of identities.
func newIdentityMove(a *app, verb, short, long string, do func(context.Context, *ledger.Ledger, ledger.IdentityRow, string) error) *cobra.Command {
	var pool, why string
	cmd := &cobra.Command{
		Use: verb + " --pool POOL {ID | COLUMN=VALUE}…", Short: short, Long: long,
		Example: "  zarya identity " + verb + " --pool census inventory=C-000123",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.writeLedger(func(ctx context.Context, l *ledger.Ledger) error {
				rows, err := l.ListIdentities(ctx, pool)
				if err != nil {
					return err
				}
				var chosen []ledger.IdentityRow
				for _, arg := range args {
					r, err := identityOf(rows, arg)
					if err != nil {
						return err
					}
					chosen = append(chosen, r)
				}
				for _, r := range chosen {
					err := do(ctx, l, r, why)
					var state *ledger.StateError
					if errors.As(err, &state) {
						return problem.New(problem.Identity, "zarya identity list shows the states", "%w", err)
					}
					if err != nil {
						return err
					}
					if !a.quiet {
						fmt.Fprintf(a.stderr, "%s %d: %s\n", r.Pool, r.ID, map[string]string{"return": "free", "burn": "burned"}[verb])
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&pool, "pool", "", "the `POOL`")
	cmd.Flags().StringVar(&why, "because", "", "the `REASON`, for the record")
	_ = cmd.MarkFlagRequired("pool")
	return cmd
}

// identityOf finds the one that is named, by its number or a column's value.
func identityOf(rows []ledger.IdentityRow, arg string) (ledger.IdentityRow, error) {
	column, value, named := strings.Cut(arg, "=")
	id, err := strconv.ParseInt(arg, 10, 64)
	if !named && err != nil {
		return ledger.IdentityRow{}, problem.New(problem.Usage, "write a number, or inventory=C-000123", "%q names no identity", arg)
	}
	var found []ledger.IdentityRow
	for _, r := range rows {
		if !named && r.ID == id || named && r.Columns[column] == value {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return ledger.IdentityRow{}, problem.New(problem.Usage, "zarya identity list shows them", "there is no identity %s", arg)
	}
	return ledger.IdentityRow{}, problem.New(problem.Usage, "name it by its number", "%s fits %d identities", arg, len(found))
}

// returnIdentity gives back what never came near a tablet.
func (a *app) returnIdentity(ctx context.Context, l *ledger.Ledger, r ledger.IdentityRow, why string) error {
	if r.State == ledger.StateAssigned {
		begun, err := l.Begun(ctx, r)
		if err != nil {
			return err
		}
		if begun {
			return problem.New(problem.Identity, "burn it, or finish its tablet: it gets the same one again", "identity %d of %s may be on the tablet %s: its job had begun to write", r.ID, r.Pool, cmp.Or(r.Serial, "without a serial"))
		}
	}
	return l.Return(r.Pool, r.ID, why)
}

// writeLedger opens the ledger for writing and calls do.
func (a *app) writeLedger(do func(context.Context, *ledger.Ledger) error) (err error) {
	l, err := a.openLedger()
	if err != nil {
		return err
	}
	if l == nil {
		return problem.New(problem.Usage, "leave --ledger none out", "identities are in the ledger")
	}
	defer func() {
		if cerr := l.Close(); cerr != nil && err == nil {
			err = ledgerTrouble(a.ledger, cerr)
		}
	}()
	err = do(a.ctx, l)
	if _, ok := problem.KindOf(err); err != nil && !ok {
		err = ledgerTrouble(a.ledger, err)
	}
	return err
}
