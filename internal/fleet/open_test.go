package fleet_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/problem"
)

func TestAServerElsewhereProvesWhoItIs(t *testing.T) {
	t.Setenv("PGSSLMODE", "")
	for _, url := range []string{
		"postgres://db.example.org/zarya?sslmode=disable", "postgres://db.example.org/zarya?sslmode=prefer",
		"postgres://db.example.org/zarya?sslmode=require", "postgres://db.example.org/zarya?sslmode=verify-ca",
		"postgres://10.0.0.1/zarya?sslmode=disable", "postgres://127.0.0.1,db.example.org/zarya?sslmode=disable",
		"postgres:///zarya?host=db.example.org&sslmode=disable", "postgres://localhost.example.org/zarya?sslmode=allow",
	} {
		if _, err := fleet.Parse(url, fleet.Login{}); err == nil || !strings.Contains(err.Error(), "prove") {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"postgres://db.example.org/zarya", "postgres://db.example.org/zarya?sslmode=verify-full",
		"postgres://127.0.0.1/zarya", "postgres://[::1]/zarya", "postgres://localhost:6432/zarya", "postgres:///zarya?host=/run/postgresql",
		"postgres:///zarya?host=db.example.org",
	} {
		c, err := fleet.Parse(url, fleet.Login{User: "me", Password: "p"})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if strings.Contains(url, "example") && (c.ConnConfig.TLSConfig == nil || c.ConnConfig.TLSConfig.ServerName != "db.example.org") {
			t.Errorf("%s: without TLS", url)
		}
		if c.ConnConfig.User != "me" || c.ConnConfig.Password != "p" {
			t.Errorf("%s: as %s", url, c.ConnConfig.User)
		}
	}
	t.Setenv("PGSSLMODE", "disable")
	if _, err := fleet.Parse("postgres://db.example.org/zarya", fleet.Login{}); err == nil {
		t.Error("the environment turned TLS off")
	}
}

func TestAURLThatIsNone(t *testing.T) {
	for _, url := range []string{"", "sqlite:a.db", "host=a password=secret", "postgres://a:secret@b:x/z",
		"postgres://u:secret@localhost/z?sslmode=secure"} {
		_, err := fleet.Parse(url, fleet.Login{})
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage {
			t.Errorf("%q: %v of kind %v", url, err, kind)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestADatabaseOfAnotherForm(t *testing.T) {
	s := fleettest.StartEmpty(t)
	open := func() error {
		db, err := fleet.Open(t.Context(), s.URL(fleettest.Owner), fleet.Login{})
		if err == nil {
			db.Close()
		}
		return err
	}
	expect := func(has bool, text string) {
		t.Helper()
		err := open()
		var version *fleet.VersionError
		var p *problem.Error
		if !errors.As(err, &version) || (version.Has != 0) != has || !errors.As(err, &p) || !strings.Contains(p.Error()+p.Hint, text) {
			t.Fatalf("it said %v", err)
		}
	}
	expect(false, "zarya fleet init")
	from, to, err := fleet.Migrate(t.Context(), s.URL(fleettest.Owner), fleet.Login{})
	if err != nil || from != 0 || to == 0 {
		t.Fatal(from, to, err)
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	if from, to, err = fleet.Migrate(t.Context(), s.URL(fleettest.Owner), fleet.Login{}); err != nil || from != to {
		t.Fatal(from, to, err)
	}
	s.Exec("INSERT INTO zarya.schema_version (version_id, is_applied) VALUES (9999, true)")
	expect(true, "update zarya")
	if _, _, err := fleet.Migrate(t.Context(), s.URL(fleettest.Owner), fleet.Login{}); err == nil {
		t.Error("a newer form was migrated")
	}
	s.Exec("DELETE FROM zarya.schema_version WHERE version_id > 0")
	expect(false, "zarya fleet init")
}

// TestALoginThatIsRefusedIsCalledSo: by the server, and by pgbouncer, which has words of its own.
func TestALoginThatIsRefusedIsCalledSo(t *testing.T) {
	s := fleettest.Start(t)
	b := fleettest.StartBouncer(t, s)
	for _, url := range []string{s.URL("nobody"), b.URL("nobody"), strings.Replace(b.URL(fleettest.Reader), fleettest.Password, "wrong", 1)} {
		_, err := fleet.Open(t.Context(), url, fleet.Login{})
		if !fleet.IsRefused(err) || !strings.Contains(err.Error(), "refuses the login") {
			t.Errorf("%v", err)
		}
	}
}

// TestAHintForWhatIsWrong: a server that answers is not one that cannot be reached.
func TestAHintForWhatIsWrong(t *testing.T) {
	s := fleettest.Start(t)
	for address, want := range map[string]string{
		strings.Replace(s.URL(fleettest.Reader), "/"+fleettest.Database+"?", "/nothing?", 1):      "check the name of the database",
		strings.Replace(s.URL(fleettest.Reader), fleettest.Password, "wrong", 1):                  "check the password",
		strings.Replace(s.URL(fleettest.Reader), url.QueryEscape(s.Dir), "%2Ftmp%2Fno-server", 1): "look whether the server runs",
	} {
		_, err := fleet.Open(t.Context(), address, fleet.Login{})
		if kind, _ := problem.KindOf(err); kind != problem.Station || !strings.Contains(problem.Advice(err), want) {
			t.Errorf("%s: %v (%s); want %q", address, err, problem.Advice(err), want)
		}
	}
}

func TestAStatementThatTakesTooLongIsEnded(t *testing.T) {
	s := fleettest.Start(t)
	b := fleettest.StartBouncer(t, s)
	for _, url := range []string{s.URL(fleettest.Reader), b.URL(fleettest.Reader)} {
		db := fleettest.Open(t, url, fleet.Login{})
		var timeout string
		if err := db.Tx(t.Context(), func(tx pgx.Tx) error {
			return tx.QueryRow(t.Context(), "SHOW statement_timeout").Scan(&timeout)
		}); err != nil || timeout != "30s" {
			t.Errorf("%s: %v", timeout, err)
		}
		if err := db.QueryRow(t.Context(), "SHOW statement_timeout").Scan(&timeout); err != nil || timeout != "0" {
			t.Errorf("the setting stayed on the connection: %s, %v", timeout, err)
		}
	}
}
