// This file is the session with a booted tablet: who comes in, and how commands
// and files go through.

package overssh

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Login is who logs in to booted tablets, and how: a flash.System whose sessions are each a
// [Session].
type Login struct {
	User         string
	Password     string
	Signer       ssh.Signer // of a private key; nil: none
	Root         string     // RootNone, RootDevelSu, RootSudo
	RootPassword string
	TCPPort      int    // 0 is the target's own number
	Fingerprint  string // SHA256:… of the host key; "": the first one of a job counts
	Legacy       bool   // algorithms that count as insecure are taken, too
}

// Limits of what a tablet may take and say.
const (
	callTimeout = time.Minute // of one call on its files, and longer for a long file
	maxOutput   = 1 << 20     // of a command, bytes
)

// Port is the TCP port.
func (s *Login) Port() int { return s.TCPPort }

// failf is a failure that another try does not mend.
func failf(c flash.Class, hint, format string, args ...any) *flash.Failure {
	return &flash.Failure{Class: c, Hint: hint, Message: fmt.Sprintf(format, args...)}
}

// Open logs in. A refused login and an unexpected host key are a *flash.Failure.
func (s *Login) Open(ctx context.Context, conn net.Conn, pin string) (flash.Booted, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	budget := &budgetConn{Conn: conn}
	conn = budget
	c := &Session{login: s, conn: budget}
	var changed *flash.Failure
	config := &ssh.ClientConfig{
		User:          s.User,
		ClientVersion: "SSH-2.0-zarya",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			c.hostKey = ssh.FingerprintSHA256(key)
			for _, want := range []string{s.Fingerprint, pin} {
				if want != "" && !slices.Contains(strings.Split(want, "\n"), c.hostKey) {
					changed = failf(flash.ClassDevice, "find out who answers there: another tablet, or somebody in between; nothing more was sent to it",
						"the host key is %s, and must be %s", c.hostKey, strings.ReplaceAll(want, "\n", " or "))
					return changed
				}
			}
			return nil
		},
	}
	if s.Legacy {
		allowInsecure(config)
	}
	if s.Signer != nil {
		config.Auth = append(config.Auth, ssh.PublicKeys(s.Signer))
	}
	if s.Password != "" {
		config.Auth = append(config.Auth, ssh.Password(s.Password))
	}
	sc, channels, requests, err := ssh.NewClientConn(conn, conn.RemoteAddr().String(), config)
	if !stop() && err == nil {
		err = errors.Join(ctx.Err(), sc.Close())
	}
	switch {
	case changed != nil:
		err = changed
	case err != nil && strings.Contains(err.Error(), "unable to authenticate"):
		err = failf(flash.ClassProfile, "put the right user and password or key under ssh in the profile",
			"the tablet refuses the login of %s", s.User)
	case err != nil:
		err = cmp.Or(s.oldAlgorithms(err), error(&saidError{err}))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	c.ssh = ssh.NewClient(sc, channels, requests)
	return c, nil
}

// allowInsecure adds the algorithms that x/crypto marks insecure to those that it prefers.
func allowInsecure(config *ssh.ClientConfig) {
	good, old := ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()
	config.KeyExchanges = append(good.KeyExchanges, old.KeyExchanges...)
	config.Ciphers = append(good.Ciphers, old.Ciphers...)
	config.MACs = append(good.MACs, old.MACs...)
	config.HostKeyAlgorithms = append(good.HostKeys, old.HostKeys...)
}

// oldAlgorithms explains a server with which no algorithm is in common; nil is another
// error. Another try does not help, so it is a failure of the tablet.
func (s *Login) oldAlgorithms(err error) error {
	var none *ssh.AlgorithmNegotiationError
	if !errors.As(err, &none) {
		return nil
	}
	f := failf(flash.ClassDevice, "take an image with a newer SSH server; or, knowing that these algorithms can be broken, "+
		"write ssh: {legacy: true} in the profile", "the tablet's SSH server has only old algorithms: %s", clean(offered(none)))
	if s.Legacy {
		f.Hint = "take an image with a newer SSH server: what it offers is not known here"
	}
	return f
}

// offered says for what there is no algorithm, and which ones the tablet has.
func offered(e *ssh.AlgorithmNegotiationError) string {
	what, _, _ := strings.Cut(strings.TrimPrefix(e.Error(), "ssh: "), ";")
	_, theirs, _ := strings.Cut(e.Error(), "peer offered: ")
	return what + "; it has " + theirs
}

// Session is the session with one booted tablet: a provision.Device.
type Session struct {
	login   *Login
	conn    *budgetConn
	ssh     *ssh.Client
	hostKey string
	files   [2]fileServer // as the login, as root; opened at first use
}

// HostKey is the fingerprint of the key that the tablet showed.
func (c *Session) HostKey() string { return c.hostKey }

// Close ends the session.
func (c *Session) Close() error {
	err := c.ssh.Close()
	for _, f := range c.files {
		if f, ok := f.(io.Closer); ok {
			_ = f.Close() // with its connection gone
		}
	}
	return err
}

// within gives a call on the connection a limit: at its end the connection is
// closed, and whatever waits for the tablet returns.
func (c *Session) within(ctx context.Context, limit time.Duration, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.conn.begin()
	stop := context.AfterFunc(ctx, func() { _ = c.conn.Close() })
	err := do()
	inTime := stop()
	if c.conn.spent.Load() && err != nil {
		return errTooMuch
	}
	if !inTime && err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return failf(flash.ClassTimeout, "look at the tablet; restart it, then try again", "the tablet did not answer within %s", limit)
		}
		return context.Cause(ctx)
	}
	var failure *flash.Failure
	if err == nil || errors.As(err, &failure) {
		return err
	}
	err = &saidError{err}
	if disconnected(err) {
		return &flash.Failure{Class: flash.ClassCable, Err: err, Message: "the connection to the booted tablet broke: " + err.Error(),
			Hint: "check the cable and the socket, then try again"}
	}
	return err
}

// disconnected reports whether an error means that the connection is gone.
func disconnected(err error) bool {
	var missing *ssh.ExitMissingError
	return err != nil && (provision.Disconnected(err) || errors.Is(err, sftp.ErrSSHFxConnectionLost) || errors.As(err, &missing) ||
		strings.Contains(err.Error(), "ssh: disconnect"))
}

// bounded keeps the first bytes and drops the rest.
type bounded struct {
	most int // bytes; 0 is maxOutput

	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (w *bounded) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p[:min(len(p), max(0, cmp.Or(w.most, maxOutput)-w.b.Len()))])
	return len(p), nil
}

func (w *bounded) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// rootRefused is the failure for a wrong password of root.
func (c *Session) rootRefused() error {
	return failf(flash.ClassProfile, "put the right root-password under ssh in the profile",
		"the tablet refuses %s with this root password", c.login.Root)
}

// Exec runs a program through the login's shell.
func (c *Session) Exec(ctx context.Context, argv []string, root bool, limit time.Duration) (provision.Output, error) {
	var out, errs bounded
	cmd, status := command{argv, root}, 0
	err := c.within(ctx, limit, func() error {
		s, err := c.ssh.NewSession()
		if err != nil {
			return err
		}
		defer func() { _ = s.Close() }() // it is at its end
		s.Stdout, s.Stderr = &out, &errs
		if cmd.root && c.login.Root != RootNone {
			s.Stdin = strings.NewReader(c.login.RootPassword + "\n")
		}
		return s.Run(cmd.line(c.login.Root))
	})
	var exit *ssh.ExitError
	if errors.As(err, &exit) {
		status, err = exit.ExitStatus(), nil
		if cmd.root && (strings.Contains(errs.text(), "Auth failed") || strings.Contains(errs.text(), "incorrect password")) {
			err = c.rootRefused()
		}
	}
	return provision.Output{Stdout: out.text(), Stderr: clean(errs.text()), Status: status}, err
}

// clean makes a device's words fit for screens and records.
func clean(s string) string { return untrusted.Reply(s, untrusted.Message) }

// saidError is an error with the tablet's words in it, cleaned: a message of SFTP or a
// reason to disconnect can be as long as a packet and hold anything.
type saidError struct{ err error }

func (e *saidError) Error() string { return clean(e.err.Error()) }
func (e *saidError) Unwrap() error { return e.err }

// Serial is what the kernel was told by the bootloader.
func (c *Session) Serial(ctx context.Context) (string, error) {
	return provision.FactOf(ctx, c, "serial")
}

// Model is what the device information service says.
func (c *Session) Model(ctx context.Context) (string, error) {
	return provision.FactOf(ctx, c, "model")
}

// Boot is the kernel's name for this run of the system.
func (c *Session) Boot(ctx context.Context) (string, error) {
	return provision.FactOf(ctx, c, "boot-id")
}

// Bootloader sends the tablet to fastboot; the connection ends with it.
func (c *Session) Bootloader(ctx context.Context) error {
	if c.login.Root == RootNone && c.login.User != "root" {
		return errors.New("that needs root: give ssh.root in the profile")
	}
	out, err := c.Exec(ctx, commandBootloader().argv, true, callTimeout)
	var failure *flash.Failure
	if errors.As(err, &failure) && failure.Class == flash.ClassCable {
		return nil // it went before it answered
	}
	if err == nil && out.Status != 0 {
		err = fmt.Errorf("reboot bootloader: exit status %d: %s", out.Status, out.Stderr)
	}
	return err
}
