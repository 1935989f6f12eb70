// This file opens databases: which are let in, and how they are spoken to.

package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/zarya-station/zarya/internal/fleet/schema"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

const (
	connectTimeout = 10 * time.Second
	// StatementTimeout is how long the server works on one statement. Stations' logins have
	// it from their enrolment; [DB.Tx] sets it for others.
	StatementTimeout = 30 * time.Second
	// maxConns is how many connections one process holds at most.
	maxConns = 4
)

// Login is who connects, where the URL does not say it.
type Login struct {
	User, Password string
}

// DB is an open database of a fleet.
type DB struct {
	*pgxpool.Pool
}

// Parse reads a URL. A server that is neither this machine (a loopback address, localhost, a
// Unix socket) nor proves by TLS who it is, is refused.
func Parse(rawURL string, as Login) (*pgxpool.Config, error) {
	const hintURL = "write postgres://HOST/DATABASE, with ?sslrootcert=FILE for an authority of your own"
	u, err := url.Parse(rawURL)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		// No %w: it may have a password.
		return nil, problem.New(problem.Usage, hintURL, "the URL of the fleet's database begins with postgres://")
	}
	q := u.Query()
	if !q.Has("sslmode") && os.Getenv("PGSSLMODE") == "" && !isLocal(q.Get("host")) && (q.Has("host") || !isLocal(u.Hostname())) {
		q.Set("sslmode", "verify-full")
	}
	u.RawQuery = q.Encode()
	c, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, problem.New(problem.Usage, hintURL, "the URL of the fleet's database: %w", err)
	}
	hosts := append([]*pgconn.FallbackConfig{{Host: c.ConnConfig.Host, TLSConfig: c.ConnConfig.TLSConfig}}, c.ConnConfig.Fallbacks...)
	for _, h := range hosts {
		if !isLocal(h.Host) && !isVerified(h.TLSConfig) {
			return nil, problem.New(problem.Usage, "take sslmode out of the URL, or write sslmode=verify-full",
				"the fleet's database on %s would not have to prove who it is", h.Host)
		}
	}
	if as.User != "" {
		c.ConnConfig.User, c.ConnConfig.Password = as.User, as.Password
	}
	c.ConnConfig.ConnectTimeout = min(c.ConnConfig.ConnectTimeout, connectTimeout)
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	// One round trip, and nothing of it is left on the server's connection.
	c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.ConnConfig.StatementCacheCapacity, c.ConnConfig.DescriptionCacheCapacity = 0, 0
	if !u.Query().Has("pool_max_conns") {
		c.MaxConns = maxConns
	}
	c.MinConns, c.MinIdleConns = 0, 0
	c.MaxConnIdleTime = time.Minute
	return c, nil
}

// isVerified says whether the server must prove its name.
func isVerified(c *tls.Config) bool { return c != nil && !c.InsecureSkipVerify && c.ServerName != "" }

// isLocal says whether a host is this machine.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// Open opens the database at a URL for whom [Parse] takes it, and refuses one of another
// form than this program knows. It connects.
func Open(ctx context.Context, rawURL string, as Login) (*DB, error) {
	c, err := Parse(rawURL, as)
	if err != nil {
		return nil, err
	}
	db, err := Connect(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := db.CheckVersion(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// Connect makes a pool. It does not connect yet, and checks nothing: see [DB.CheckVersion].
func Connect(ctx context.Context, c *pgxpool.Config) (*DB, error) {
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, Problem(err)
	}
	return &DB{pool}, nil
}

// VersionError says that the database has another form than this program knows.
type VersionError struct {
	Has, Wanted int64 // 0: it has none
}

func (e *VersionError) Error() string {
	switch {
	case e.Has == 0:
		return "the database is not that of a fleet yet"
	case e.Has < e.Wanted:
		return "the fleet's database is older than this version of zarya"
	}
	return "the fleet's database is newer than this version of zarya"
}

func (e *VersionError) hint() string {
	switch {
	case e.Has < e.Wanted:
		return "its owner runs zarya fleet init"
	default:
		return "update zarya on this machine; nothing is lost until then"
	}
}

// CheckVersion refuses a database of another form, with a *[VersionError].
func (db *DB) CheckVersion(ctx context.Context) error {
	has, err := db.version(ctx)
	if err != nil {
		return Problem(err)
	}
	if wanted := schema.Newest(); has != wanted {
		e := &VersionError{has, wanted}
		return problem.New(problem.Station, e.hint(), "%w (it has version %d, this one knows %d)", e, has, wanted)
	}
	return nil
}

func (db *DB) version(ctx context.Context) (has int64, err error) {
	err = db.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+schema.Table+" WHERE is_applied").Scan(&has)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "3F000") { // no such table, no such schema
		return 0, nil
	}
	return has, err
}

// Tx runs f in a transaction whose statements may take [StatementTimeout] each.
func (db *DB) Tx(ctx context.Context, f func(pgx.Tx) error) error {
	const begin = "BEGIN; SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '10s'"
	return Problem(pgx.BeginTxFunc(ctx, db.Pool, pgx.TxOptions{BeginQuery: begin}, f))
}

// serverError is an error of the database with its text cleaned: a server's words are as
// little to be trusted as a tablet's.
type serverError struct{ err error }

func (e serverError) Error() string { return untrusted.Line(e.err.Error(), 500) }
func (e serverError) Unwrap() error { return e.err }

// Problem gives an error of the database its kind and a hint, where it has none yet.
func Problem(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := problem.KindOf(err); ok {
		return err
	}
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	clean := serverError{err}
	switch {
	case errors.As(err, &pg) && isNoLogin(pg):
		return problem.New(problem.Station, "check the password; or ask whether the login was revoked, or its token used or too old",
			"the fleet's database refuses the login: %w", clean)
	case errors.As(err, &pg) && pg.Hint != "":
		return problem.New(problem.Station, untrusted.Line(pg.Hint, 200), "the fleet's database: %w", clean)
	case errors.As(err, &pg) && pg.Code == "42501":
		return problem.New(problem.Station, "use a login that may do it, see docs/fleet.md", "the fleet's database: %w", clean)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return problem.New(problem.Station, "sslrootcert=FILE in the URL names its authority; the certificate is for the host of the URL",
			"the fleet's database does not prove who it is: %w", clean)
	case errors.As(err, &pg) && pg.Code == "3D000":
		return problem.New(problem.Station, "check the name of the database in the URL", "the fleet's database: %w", clean)
	case errors.As(err, &connect):
		return problem.New(problem.Station, "look whether the server runs and the line is up",
			"the fleet's database cannot be reached: %w", clean)
	}
	return problem.New(problem.Station, "", "the fleet's database: %w", clean)
}

// isNoLogin says whether an error is that there is no such login, or that its password is wrong;
// pgbouncer says so in words only.
func isNoLogin(pg *pgconn.PgError) bool {
	return pg.Code == "28P01" || pg.Code == "28000" ||
		pg.Code == "08P01" && (strings.Contains(pg.Message, "no such user") || strings.Contains(pg.Message, "SASL authentication failed"))
}

// IsRefused says whether an error of the database is its answer to who asks: the login was
// revoked, or never enrolled. Waiting does not help.
func IsRefused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (isNoLogin(pg) || pg.Code == "42501")
}
