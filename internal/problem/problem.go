// Package problem has the errors that end a command: what went wrong, of which kind it
// is, and what the person who typed the command can do about it.
//
// Every package may make one with [New]. Only cmd knows which exit code a [Kind] is
// (docs/events.md), so that any other front end can answer in its own way. A tablet that
// fails is not a problem of the command: that is a flash.Failure.
package problem

import (
	"errors"
	"fmt"
)

// Kind says whose problem an error is.
type Kind int

// The kinds.
const (
	Internal   Kind = iota // a bug
	Usage                  // the command line is wrong
	Invalid                // a profile, a bundle, an image or a record is invalid
	NoDevice               // no tablet, or waiting for one timed out
	InUse                  // another process uses the tablet
	Station                // this machine: permissions, disk, database
	Identity               // a pool of identities is empty, or two claim one
	NotDurable             // the ledger cannot be written
	Failed                 // a tablet did not do what was asked
	Bench                  // a tablet failed for a reason of the bench: try again
)

// String is the kind's name in events and reports.
func (k Kind) String() string {
	return [...]string{"internal", "usage", "invalid", "no-device", "in-use", "station", "identity", "ledger", "failed", "bench"}[k]
}

// Error is an error with its kind and a hint.
type Error struct {
	Kind Kind
	Hint string // what to do next, an imperative; "" is nothing
	Err  error  // never nil
	Said bool   // everything was said: nothing is left to be printed
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind. The format takes %w.
func New(kind Kind, hint, format string, args ...any) error {
	return &Error{Kind: kind, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// errSaid stands in errors of which everything was said.
var errSaid = errors.New("see above")

// Said ends a command that has said everything there is to say.
func Said(kind Kind) error { return &Error{Kind: kind, Err: errSaid, Said: true} }

// Advice is an error for a person on one line: what went wrong, and what to do next.
func Advice(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Hint != "" {
		return err.Error() + ": " + e.Hint
	}
	return err.Error()
}

// KindOf is the kind of the outermost [Error] in err; ok is false if there is none.
func KindOf(err error) (kind Kind, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return Internal, false
	}
	return e.Kind, true
}
