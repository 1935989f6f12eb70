// This file is what the steps need of a session with a booted tablet, whatever opens it.

package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Device is what the steps here need of a session with a booted tablet: its programs and
// its files. A flash.System whose sessions are Devices runs all steps; overssh.Login is one. Each
// call has a limit of its own, after which the session is given up.
//
// A *flash.Failure is an error that another try does not mend, or one of the connection's.
type Device interface {
	flash.Booted
	// Exec runs a program, as root if asked, and returns what it said and its exit status,
	// which is no error.
	Exec(ctx context.Context, argv []string, root bool, limit time.Duration) (Output, error)
	// ReadFile returns a whole file of at most limit bytes; fs.ErrNotExist if there is none.
	ReadFile(ctx context.Context, name string, limit int64, root bool) (*Content, error)
	// WriteFile puts a file in its place in one step, its folder included.
	WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode, root bool) error
	// Upload writes a large file of the login's that is needed for a while.
	Upload(ctx context.Context, name string, r io.Reader, size int64) error
	// Remove removes a file; fs.ErrNotExist if there is none.
	Remove(ctx context.Context, name string, root bool) error
	// List returns the names in a folder; none if there is no such folder.
	List(ctx context.Context, name string) ([]string, error)
	// Link makes name a symbolic link to target, in one step, as root.
	Link(ctx context.Context, target, name string) error
	// ReadLink returns what a symbolic link points to; fs.ErrNotExist if there is none, or
	// what is there is no link.
	ReadLink(ctx context.Context, name string) (string, error)
	// Exists reports whether there is something at name.
	Exists(ctx context.Context, name string, root bool) (bool, error)
}

// Output is what a program said.
type Output struct {
	Stdout string
	Stderr string // cleaned, for people
	Status int
}

// Content is a file's content and what is known of it.
type Content struct {
	Data []byte
	Mode fs.FileMode // permissions
	Root bool        // root owns it
}

// tablet is a Device and what is done with it here: commands of the table, facts.
type tablet struct{ Device }

// tabletOf returns the booted tablet of a session. Where its system gives no Device, each call
// returns a failure that says so.
func tabletOf(s *flash.Session) tablet {
	booted := s.Booted()
	if d, ok := booted.(Device); ok {
		return tablet{d}
	}
	return tablet{noDevice{booted, failf(flash.ClassProfile, "reach these tablets over SSH, or leave the step out",
		"the way in which this tablet is reached (%T) runs no programs and moves no files", booted)}}
}

// Limits of what a tablet may take and say.
const (
	commandTimeout = time.Minute // for what is no exec step
	// MaxFile is the longest file that a step reads back, in bytes.
	MaxFile = 16 << 20
)

// errNoFile is a file that is not there.
var errNoFile = fs.ErrNotExist

// failf is a failure that another try does not mend.
func failf(c flash.Class, hint, format string, args ...any) *flash.Failure {
	return &flash.Failure{Class: c, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// clean makes a device's words fit for screens and records.
func clean(s string) string { return untrusted.Reply(s, untrusted.Message) }

// Disconnected reports whether an error means that the connection is gone.
func Disconnected(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.As(err, &network)
}

// FactOf reads a fact of a booted tablet by its name in checks; "" is not reported.
func FactOf(ctx context.Context, d Device, name string) (string, error) {
	return tablet{d}.fact(ctx, name)
}

// ReadFact reads a fact of the booted tablet by its name in checks; "" is not reported.
// flash.ErrLater: the tablet is not booted yet.
func ReadFact(ctx context.Context, s *flash.Session, name string) (string, error) {
	if s.Booted() == nil {
		return "", flash.ErrLater
	}
	return tabletOf(s).fact(ctx, name)
}

// run runs one command of the table.
func (t tablet) run(ctx context.Context, cmd command, limit time.Duration) (stdout, stderr string, status int, err error) {
	out, err := t.Exec(ctx, cmd.argv, cmd.root, limit)
	return out.Stdout, out.Stderr, out.Status, err
}

// do runs a command that must succeed, and returns its output.
func (t tablet) do(ctx context.Context, cmd command) (string, error) {
	out, said, status, err := t.run(ctx, cmd, commandTimeout)
	if err != nil {
		return "", err
	}
	if status != 0 {
		if said == "" {
			said = clean(out)
		}
		return "", refused(cmd.argv[0], status, said)
	}
	return out, nil
}

// read returns a whole file; fs.ErrNotExist if there is none.
func (t tablet) read(ctx context.Context, name string, root bool) (*Content, error) {
	return t.ReadFile(ctx, name, MaxFile, root)
}

// noDevice is a session that lets nobody run programs.
type noDevice struct {
	flash.Booted
	why *flash.Failure
}

func (n noDevice) Exec(context.Context, []string, bool, time.Duration) (Output, error) {
	return Output{}, n.why
}

func (n noDevice) ReadFile(context.Context, string, int64, bool) (*Content, error) {
	return nil, n.why
}

func (n noDevice) WriteFile(context.Context, string, []byte, fs.FileMode, bool) error { return n.why }
func (n noDevice) Upload(context.Context, string, io.Reader, int64) error             { return n.why }
func (n noDevice) Remove(context.Context, string, bool) error                         { return n.why }
func (n noDevice) List(context.Context, string) ([]string, error)                     { return nil, n.why }
func (n noDevice) Link(context.Context, string, string) error                         { return n.why }
func (n noDevice) ReadLink(context.Context, string) (string, error)                   { return "", n.why }
func (n noDevice) Exists(context.Context, string, bool) (bool, error)                 { return false, n.why }
