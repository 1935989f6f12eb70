// This file lets stations in and takes them out.

package fleet

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/problem"
)

// Name is what stations of a fleet may be called.
var Name = lazyregexp.New(`^[!-.0-~]{1,50}$`)

// CheckName refuses what is no name of a station.
func CheckName(station string) error {
	if !Name.MatchString(station) {
		return problem.New(problem.Usage, "take up to 50 letters, digits and marks", "%q is no name for a station of a fleet", station)
	}
	return nil
}

// loginOf is the login of a station, as zarya.enrol makes it.
func loginOf(station string) string { return "zarya-" + station }

// Token lets one station join, once: its name and a password.
type Token struct {
	Station, secret string
}

// String is what is told to the station.
func (t Token) String() string { return t.Station + "." + t.secret }

// ParseToken reads what a person typed.
func ParseToken(text string) (Token, error) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || !Name.MatchString(text[:i]) || len(text[i+1:]) < 20 {
		return Token{}, problem.New(problem.Usage, "copy it whole, as zarya fleet enrol printed it", "this is no token")
	}
	return Token{text[:i], text[i+1:]}, nil
}

// ReadToken is [ParseToken], or, of -, of the first line that is read from in: what is typed as
// an argument, other users of the machine see.
func ReadToken(text string, in io.Reader) (Token, error) {
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(in, 1024)).ReadString('\n')
		if err != nil && line == "" {
			return Token{}, problem.New(problem.Usage, "write it to stdin", "--token -: %w", err)
		}
		text = strings.TrimSpace(line)
	}
	return ParseToken(text)
}

// Enrol makes a token for a station, good for some hours. again gives one to a station that
// has joined and lost its password; its chain goes on.
func (db *DB) Enrol(ctx context.Context, station string, hours int, again bool) (t Token, until time.Time, err error) {
	if err := CheckName(station); err != nil {
		return t, until, err
	}
	t = Token{station, rand.Text()}
	v, err := verifier(t.secret)
	if err != nil {
		return t, until, err
	}
	var login string
	err = db.QueryRow(ctx, "SELECT login, until FROM zarya.enrol($1, $2, $3, $4)", station, v, hours, again).Scan(&login, &until)
	return t, until, Problem(err)
}

// Join makes this machine the station that a token is for: it registers the public half of
// the key that the station signs with and the age key that is sealed for (recipient), uses
// the token up, and keeps the password that it logs in with from then on in files. An answer
// that got lost is no harm: Join is called again.
func Join(ctx context.Context, rawURL string, t Token, files Files, key Key, recipient string) error {
	had, as, err := files.Login()
	switch {
	case err == nil && had != t.Station:
		return problem.New(problem.Station, "remove "+files.LoginFile()+" if it is that no more", "this machine is station %s already", had)
	case err == nil && !files.IsElsewhere():
		if joined, err := isJoined(ctx, rawURL, as, t.Station); joined || (err != nil && !IsRefused(err)) {
			return err
		}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	proof, err := key.SignText(proofText(t.Station, recipient), JoinNamespace)
	if err != nil {
		return err
	}
	db, err := Open(ctx, rawURL, Login{loginOf(t.Station), t.secret})
	if err != nil {
		return err
	}
	defer db.Close()
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	as = Login{loginOf(t.Station), base64.RawURLEncoding.EncodeToString(secret[:])}
	v, err := verifier(as.Password)
	if err != nil {
		return err
	}
	if err := files.saveLogin(t.Station, as); err != nil { // before: the answer may get lost
		return problem.New(problem.Station, "", "the station's login cannot be kept: %w", err)
	}
	var station string
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key.Public())))
	return Problem(db.QueryRow(ctx, "SELECT zarya.join_fleet($1, $2, $3, $4)", public, recipient, string(proof), v).Scan(&station))
}

// isJoined says whether a login is a station's already.
func isJoined(ctx context.Context, rawURL string, as Login, station string) (bool, error) {
	db, err := Open(ctx, rawURL, as)
	if err != nil {
		return false, err
	}
	defer db.Close()
	var is bool
	err = db.QueryRow(ctx, "SELECT coalesce(zarya.current_station() = $1, false)", station).Scan(&is)
	return is, Problem(err)
}

// Revoke takes a station out at once. What it has sent stays.
func (db *DB) Revoke(ctx context.Context, station string) error {
	_, err := db.Exec(ctx, "SELECT zarya.revoke($1)", station)
	return Problem(err)
}

// Resume takes a station's fault away and returns which it was; "" is none. What is still
// wrong is found again.
func (db *DB) Resume(ctx context.Context, station string) (was string, err error) {
	err = db.QueryRow(ctx, "SELECT zarya.resume($1)", station).Scan(&was)
	return was, Problem(err)
}
