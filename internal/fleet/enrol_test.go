package fleet_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

// entry is one row as zarya.append takes it.
const appendSQL = `SELECT coalesce(fault, ''), head_seq FROM zarya.append(ARRAY[1::bigint], ARRAY['t'], ARRAY['k'], ARRAY['{}'],
  ARRAY[decode(repeat('00', 32), 'hex')], ARRAY[%hash%], 1, '')`

// denied fails the test unless the database refused.
func denied(t *testing.T, what string, err error) {
	t.Helper()
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" {
		t.Errorf("%s: %v", what, err)
	}
}

func TestEnrolment(t *testing.T) {
	s := fleettest.Start(t)
	b := fleettest.StartBouncer(t, s)
	ctx := t.Context()
	anna := fleettest.Open(t, b.URL(fleettest.Supervisor), fleet.Login{})

	key := fleettest.Key(t)
	token, _, err := anna.Enrol(ctx, "line.1", 24, false)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := fleet.ParseToken(token.String()); err != nil || again != token {
		t.Fatal(again, err)
	}
	for text, in := range map[string]string{token.String(): "", "-": " " + token.String() + "\nmore"} {
		if again, err := fleet.ReadToken(text, strings.NewReader(in)); err != nil || again != token {
			t.Errorf("%q read from %q: %v, %v", text, in, again, err)
		}
	}
	if _, err := fleet.ReadToken("-", strings.NewReader("")); err == nil {
		t.Error("a token was read from nothing")
	}
	files := fleet.Files{Dir: t.TempDir()}
	if err := fleet.Join(ctx, b.StationURL(), token, files, key, "age1x"); err != nil {
		t.Fatal(err)
	}
	_, as, err := files.Login()
	if err != nil {
		t.Fatal(err)
	}
	db := fleettest.Open(t, b.StationURL(), as)
	list, err := db.Stations(ctx)
	if err != nil || len(list) != 1 || list[0].State != "joined" || !list[0].Proven {
		t.Fatalf("%+v %v", list, err)
	}

	// The answer got lost: the same again is no error. Another machine cannot use the token.
	if err := fleet.Join(ctx, b.StationURL(), token, files, key, "age1x"); err != nil {
		t.Error(err)
	}
	if err := fleet.Join(ctx, s.StationURL(), token, fleet.Files{Dir: t.TempDir()}, key, ""); !fleet.IsRefused(err) {
		t.Errorf("a token was used twice: %v", err)
	}
	if _, _, err := anna.Enrol(ctx, "line.1", 24, false); err == nil || !strings.Contains(err.Error(), "has joined") {
		t.Errorf("it was enrolled twice: %v", err)
	}
	// A key that another put in its place is seen.
	s.Exec("UPDATE zarya.station SET recipient = 'age1thief'")
	if list, err = anna.Stations(ctx); err != nil || list[0].Proven {
		t.Errorf("%+v %v", list, err)
	}

	// A password that is lost is replaced, and the old one is of no use.
	if token, _, err = anna.Enrol(ctx, "line.1", 24, true); err != nil {
		t.Fatal(err)
	}
	renewed := fleet.Files{Dir: t.TempDir()}
	if err := fleet.Join(ctx, b.StationURL(), token, renewed, key, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := fleet.Open(ctx, s.StationURL(), as); !fleet.IsRefused(err) {
		t.Errorf("the old password: %v", err)
	}
	db = s.OpenAs(t, renewed)

	// Revoked, also while it is connected, and for good.
	if err := anna.Revoke(ctx, "line.1"); err != nil {
		t.Fatal(err)
	}
	var fault string
	var seq int64
	denied(t, "a revoked station appends", db.QueryRow(ctx, strings.Replace(appendSQL, "%hash%", "''::bytea", 1)).Scan(&fault, &seq))
	if list, err := db.Stations(ctx); err != nil || len(list) > 0 {
		t.Errorf("a revoked station reads %+v, %v", list, err)
	}
	_, as, _ = renewed.Login()
	for _, url := range []string{s.StationURL(), b.StationURL()} {
		if _, err := fleet.Open(ctx, url, as); err == nil {
			t.Error("a revoked station logs in")
		}
	}
	if _, _, err := anna.Enrol(ctx, "line.1", 24, true); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a revoked station was enrolled: %v", err)
	}
	if err := anna.Revoke(ctx, "line.2"); err == nil || !strings.Contains(err.Error(), "no station line.2") {
		t.Errorf("%v", err)
	}
}

func TestATokenThatIsTooOld(t *testing.T) {
	s := fleettest.Start(t)
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	key := fleettest.Key(t)
	token, _, err := anna.Enrol(t.Context(), "a", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := fleet.Join(t.Context(), s.StationURL(), token, fleet.Files{Dir: t.TempDir()}, key, ""); !fleet.IsRefused(err) {
		t.Errorf("%v", err)
	}
	// The server's check of the login apart, the function has its own.
	s.Exec(`ALTER ROLE "zarya-a" VALID UNTIL 'infinity'`)
	if err := fleet.Join(t.Context(), s.StationURL(), token, fleet.Files{Dir: t.TempDir()}, key, ""); !fleet.IsRefused(err) {
		t.Errorf("%v", err)
	}
}

func TestEachSeesAndChangesItsOwnOnly(t *testing.T) {
	s := fleettest.Start(t)
	ctx := t.Context()
	a, b := s.OpenAs(t, s.Enrol(t, "a", "")), s.OpenAs(t, s.Enrol(t, "b", ""))
	send := func(db *fleet.DB, name string) (fault string, seq int64) {
		t.Helper()
		hash := "sha256('\\x0000000000000001'||'" + name + "'::bytea||'\\x000000000000000131000000000000000174'" +
			"||'\\x00000000000000016b00000000000000027b7d0000000000000020'||decode(repeat('00', 32), 'hex'))"
		if err := db.QueryRow(ctx, strings.Replace(appendSQL, "%hash%", hash, 1)).Scan(&fault, &seq); err != nil {
			t.Fatal(err)
		}
		return fault, seq
	}
	if fault, seq := send(a, "a"); fault != "" || seq != 1 {
		t.Fatal(fault, seq)
	}
	// b sends what is a's: its name is not told, it is its login's, so the hash is another.
	if fault, seq := send(b, "a"); fault != fleet.Changed || seq != 0 {
		t.Fatal(fault, seq)
	}
	for table, want := range map[string]int{"station": 1, "head": 1, "entry": 1} {
		var n int
		var mine bool
		column := map[bool]string{true: "name", false: "station"}[table == "station"]
		sql := "SELECT count(*), coalesce(bool_and(" + column + " = 'a'), true) FROM zarya." + table
		if err := a.QueryRow(ctx, sql).Scan(&n, &mine); err != nil || n != want || !mine {
			t.Errorf("a reads %d rows of %s, all its own: %v, %v", n, table, mine, err)
		}
	}
	var n int
	if err := b.QueryRow(ctx, "SELECT count(*) FROM zarya.entry").Scan(&n); err != nil || n != 0 {
		t.Errorf("b reads %d of a's entries, %v", n, err)
	}
	part := ""
	reader := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{})
	if err := reader.QueryRow(ctx, "SELECT min(tableoid::regclass::text) FROM zarya.entry").Scan(&part); err != nil || part == "" {
		t.Fatal(part, err)
	}
	for _, sql := range []string{
		"SELECT * FROM " + part, "INSERT INTO zarya.entry SELECT * FROM zarya.entry", "DELETE FROM zarya.entry",
		"UPDATE zarya.head SET seq = 7", "UPDATE zarya.station SET fault = ''", "INSERT INTO zarya.head (station) VALUES ('c')",
		"SELECT zarya.resume('b')", "SELECT zarya.revoke('a')",
		"SELECT zarya.enrol('c', '', 1, false)", "SELECT zarya.make_month('2020-01-01')",
		"CREATE TABLE zarya.mine (x int)", "SET ROLE zarya_supervisor", `SET ROLE "zarya-a"`,
		"UPDATE zarya.schema_version SET version_id = 9",
	} {
		_, err := b.Exec(ctx, sql)
		denied(t, "b: "+sql, err)
	}
	for _, sql := range []string{
		"SELECT zarya.revoke('a')", "SELECT zarya.report_fault('fork', 1, '')", "DELETE FROM zarya.entry",
		"SELECT zarya.enrol('c', '', 1, false)",
	} {
		_, err := reader.Exec(ctx, sql)
		denied(t, "a reader: "+sql, err)
	}
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	for _, sql := range []string{"DELETE FROM zarya.entry", "UPDATE zarya.station SET role = 'anna'", "SELECT zarya.report_rewind(3)"} {
		_, err := anna.Exec(ctx, sql)
		denied(t, "a supervisor: "+sql, err)
	}
	if was, err := anna.Resume(ctx, "b"); err != nil || was != fleet.Changed {
		t.Errorf("%q %v", was, err)
	}
}

func TestALoginThatOthersMayReadIsRefused(t *testing.T) {
	files := fleet.Files{Dir: t.TempDir()}
	text := `{"v":1,"kind":"fleet-login","station":"a","user":"u","password":"p"}`
	if err := os.WriteFile(files.LoginFile(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := files.Login(); err == nil || !strings.Contains(err.Error(), "others may read") {
		t.Error(err)
	}
	if err := os.Chmod(files.LoginFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	if station, as, err := files.Login(); err != nil || station != "a" || as.Password != "p" {
		t.Error(station, as, err)
	}
}

// TestACopyOfADiskIsNoStation: not with the login that it has, nor with a token that is used up.
// A new token makes it the station, and the other one's login is of no use from then on.
func TestACopyOfADiskIsNoStation(t *testing.T) {
	s := fleettest.Start(t)
	anna := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{})
	fleettest.OnMachine(t, "aaaa", "52:54:00:00:00:01")
	key, files := fleettest.Key(t), fleet.Files{Dir: t.TempDir()}
	token, _, err := anna.Enrol(t.Context(), "a", 24, false)
	if err == nil {
		err = fleet.Join(t.Context(), s.StationURL(), token, files, key, "")
	}
	if err != nil || files.IsElsewhere() {
		t.Fatal(files.IsElsewhere(), err)
	}
	_, original, _ := files.Login()
	fleettest.OnMachine(t, "aaaa", "52:54:00:00:00:02") // with the disk of the first
	if !files.IsElsewhere() {
		t.Fatal("it is taken for the machine that joined")
	}
	if err := fleet.Join(t.Context(), s.StationURL(), token, files, key, ""); !fleet.IsRefused(err) {
		t.Errorf("it joined with a token that is used up: %v", err)
	}
	if !files.IsElsewhere() {
		t.Error("an attempt made it the station")
	}
	if token, _, err = anna.Enrol(t.Context(), "a", 24, true); err == nil {
		err = fleet.Join(t.Context(), s.StationURL(), token, files, key, "")
	}
	if err != nil || files.IsElsewhere() {
		t.Errorf("it joined: elsewhere: %v, %v", files.IsElsewhere(), err)
	}
	if _, err := fleet.Open(t.Context(), s.StationURL(), original); !fleet.IsRefused(err) {
		t.Errorf("the first machine's login: %v", err)
	}
	s.OpenAs(t, files)
}
