// Package sshsign signs texts as ssh-keygen -Y sign does, and says whose signatures count,
// as the file allowed_signers of ssh-keygen(1) does. Bundles, heads of chains and receipts
// are signed by it, each for a namespace of its own, so that a signature for one is never
// taken for one for another.
package sshsign

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Sign signs a text for a namespace, in the armoured form of OpenSSH.
func Sign(text []byte, key ssh.Signer, namespace string) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(text), key, sshsig.HashSHA512, namespace)
	if err != nil {
		return nil, err
	}
	return sshsig.Armor(sig), nil
}

// The ways in which a signature is of no use.
var (
	ErrNoSignature = errors.New("no SSH signature")
	ErrChanged     = errors.New("the signature is over another text")
)

// NamespaceError says that a signature is for something else.
type NamespaceError struct{ Is, Want string }

func (e *NamespaceError) Error() string {
	return fmt.Sprintf("the signature is for %q, not for %q", e.Is, e.Want)
}

// Verify checks that a signature is one over a text, for a namespace. It returns the key
// that made it; whether that key counts is another question (see [Allowed]). Its errors
// wrap one of the above, or are a *NamespaceError; with [ErrChanged] the key is returned too.
func Verify(text, signature []byte, namespace string) (ssh.PublicKey, error) {
	sig, err := sshsig.Unarmor(signature)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSignature, err)
	}
	switch err := sshsig.Verify(bytes.NewReader(text), sig, sig.PublicKey, sig.HashAlgorithm, namespace); {
	case errors.Is(err, sshsig.ErrNamespaceMismatch):
		return nil, &NamespaceError{sig.Namespace, namespace}
	case err != nil:
		return sig.PublicKey, ErrChanged
	}
	return sig.PublicKey, nil
}

// Allowed is one line of allowed_signers: a key and what it may sign.
type Allowed struct {
	Who        string // the principals, separated by commas
	key        ssh.PublicKey
	namespaces []string // empty: any
	after      time.Time
	before     time.Time
}

// ParseAllowed reads a line: principals, options, key. Options that are not known are
// refused, as a limit that is not kept is none.
func ParseAllowed(line string) (Allowed, error) {
	who, rest, ok := strings.Cut(line, " ")
	if !ok {
		return Allowed{}, errors.New("a line is: NAME [OPTIONS] KEY-TYPE KEY")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return Allowed{}, fmt.Errorf("no key: %w", err)
	}
	a := Allowed{Who: who, key: key}
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			a.namespaces = strings.Split(value, ",")
		case "valid-after":
			a.after, err = moment(value)
		case "valid-before":
			a.before, err = moment(value)
		default:
			err = fmt.Errorf("the option %q is not known", o) // cert-authority among them
		}
		if err != nil {
			return Allowed{}, err
		}
	}
	return a, nil
}

// moment reads YYYYMMDD[HHMM[SS]][Z], local without Z.
func moment(s string) (time.Time, error) {
	zone := time.Local
	digits, utc := strings.CutSuffix(s, "Z")
	if utc {
		zone = time.UTC
	}
	for _, form := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(form) {
			if at, err := time.ParseInLocation(form, digits, zone); err == nil {
				return at, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC", s)
}

// Same reports whether two keys are one.
func Same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// Is reports whether the line is about a key.
func (a Allowed) Is(key ssh.PublicKey) bool { return Same(a.key, key) }

// Names reports whether one of the line's principals is this one. Patterns are no names.
func (a Allowed) Names(who string) bool { return slices.Contains(strings.Split(a.Who, ","), who) }

// Refuses says why the line's key may not sign for a namespace at a time; "" is that it may.
// The words follow "is signed by ".
func (a Allowed) Refuses(namespace, things string, now time.Time) string {
	switch {
	case len(a.namespaces) > 0 && !slices.Contains(a.namespaces, namespace):
		return fmt.Sprintf("%s, whose key may not sign %s (namespaces)", a.Who, things)
	case !a.after.IsZero() && now.Before(a.after):
		return fmt.Sprintf("%s, whose key is valid only from %s on", a.Who, a.after.Format(time.DateTime))
	case !a.before.IsZero() && !now.Before(a.before):
		return fmt.Sprintf("%s, whose key was valid only until %s", a.Who, a.before.Format(time.DateTime))
	}
	return ""
}
