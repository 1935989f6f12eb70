// This file is the one place where outcomes become exit codes. The codes are a
// contract with scripts: docs/events.md.

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/zarya-station/zarya/flash"
)

// The exit codes in use so far.
const (
	exitOK         = 0
	exitFailed     = 1  // a tablet failed by image, profile, device, lock, boot or identity
	exitUsage      = 2  // the command line is wrong
	exitInvalid    = 3  // an image or a profile is invalid, the ledger is broken
	exitNoDevice   = 4  // no device, or waiting timed out
	exitLocked     = 5  // another process uses the tablet
	exitStation    = 6  // station trouble before any job
	exitIdentity   = 7  // a pool has no identity left
	exitNotDurable = 8  // the ledger could not be written: flashing stopped
	exitBench      = 9  // tablets failed, all for reasons of the bench
	exitInternal   = 70 // a bug
)

// exitError is an error with its code and what to do about it.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// fail makes an error that ends the program with code.
func fail(code int, hint, format string, args ...any) error {
	return &exitError{code: code, hint: hint, err: fmt.Errorf(format, args...)}
}

// report prints an error, if there is one to print, and gives the exit code.
// What is not an exitError comes from parsing the command line.
func (a *app) report(err error) int {
	if code := a.signalCode(); code != 0 {
		return code
	}
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitUsage, err: err, hint: "see zarya --help"}
	}
	if e.err != nil {
		fmt.Fprintf(a.stderr, "zarya: %v\n", e.err)
		if e.hint != "" {
			fmt.Fprintf(a.stderr, "  → %s\n", e.hint)
		}
	}
	return e.code
}

// signalExit is 128 and the signal's number, as shells count.
func signalExit(sig os.Signal) int {
	if s, ok := sig.(syscall.Signal); ok {
		return 128 + int(s)
	}
	return 0
}

// exitOf is the code for the results of a run's jobs, signals aside.
func exitOf(results []flash.JobDone) int {
	failed, bench, absent := 0, 0, 0
	for _, r := range results {
		switch {
		case r.Class == flash.ClassBug:
			return exitInternal
		case r.Result == flash.Pass, r.Result == flash.Compliant:
			continue
		case r.Class.Bench():
			bench++
			if r.Step == "connect" {
				absent++
			}
		default:
			failed++
		}
	}
	switch {
	case absent > 0 && absent == len(results):
		return exitNoDevice
	case failed > 0:
		return exitFailed
	case bench > 0:
		return exitBench
	}
	return exitOK
}
