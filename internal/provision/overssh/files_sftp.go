// This file reaches a tablet's files by SFTP.

package overssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
)

// errNoSFTP is a tablet that has no SFTP server, as small systems have none.
var errNoSFTP = errors.New("the tablet has no SFTP server")

// sftpFiles are files by SFTP.
type sftpFiles struct {
	client *Session
	*sftp.Client
}

// openSFTP starts the tablet's server of files, for the login or for root.
func (c *Session) openSFTP(ctx context.Context, root bool) (files *sftp.Client, err error) {
	err = c.within(ctx, callTimeout, func() error {
		s, err := c.ssh.NewSession()
		if err != nil {
			return err
		}
		in, err := s.StdinPipe()
		if err != nil {
			return err
		}
		out, err := s.StdoutPipe()
		if err != nil {
			return err
		}
		var errs bounded
		s.Stderr = &errs
		if root {
			files, err = c.startRootFiles(s, in, out, &errs)
			return err
		}
		if err := s.RequestSubsystem("sftp"); err != nil {
			_ = s.Close()
			if disconnected(err) {
				return err
			}
			return errNoSFTP // it answers, and not with SFTP
		}
		if files, err = sftp.NewClientPipe(out, in); err != nil {
			_ = s.Close()
			if c.gone() {
				return err
			}
			return errNoSFTP // dropbear takes the request and finds no program for it
		}
		return nil
	})
	return files, err
}

// gone reports whether the connection itself does not answer any more.
func (c *Session) gone() bool {
	_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
	return err != nil
}

// startRootFiles runs the server of files as root; its input begins with the password, where
// something asks for it.
func (c *Session) startRootFiles(s *ssh.Session, in io.WriteCloser, out io.Reader, errs *bounded) (*sftp.Client, error) {
	if err := s.Start(commandFiles().line(c.login.Root)); err != nil {
		return nil, err
	}
	if c.login.Root != RootNone {
		if _, err := io.WriteString(in, c.login.RootPassword+"\n"); err != nil {
			return nil, err
		}
	}
	f, err := sftp.NewClientPipe(out, in)
	if err == nil {
		return f, nil
	}
	_ = s.Close()
	werr := s.Wait() // so that all that it says is there
	said := errs.text()
	if strings.Contains(said, "Auth failed") || strings.Contains(said, "incorrect password") {
		return nil, c.rootRefused()
	}
	var exit *ssh.ExitError
	if errors.As(werr, &exit) && (exit.ExitStatus() == 127 || exit.ExitStatus() == 126 || exit.ExitStatus() == 1) && !c.gone() {
		return nil, errNoSFTP
	}
	return nil, fmt.Errorf("files as root: %w %s", err, clean(said))
}

func (s *sftpFiles) read(name string, limit int64) (*provision.Content, error) {
	r, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	info, err := r.Stat()
	if err != nil {
		return nil, err
	}
	f := &provision.Content{Mode: info.Mode().Perm()}
	if st, ok := info.Sys().(*sftp.FileStat); ok {
		f.Root = st.UID == 0
	}
	f.Data, err = io.ReadAll(io.LimitReader(r, limit+1))
	return f, err
}

func (s *sftpFiles) write(name string, data []byte, mode fs.FileMode) error {
	if err := s.MkdirAll(path.Dir(name)); err != nil {
		return fmt.Errorf("folder of %s: %w", name, s.explainFull(name, err))
	}
	next := temporary(name)
	w, err := s.Create(next)
	if err != nil {
		return fmt.Errorf("%s: %w", name, s.explainFull(name, err))
	}
	if err := w.Chmod(0o600); err != nil { // whatever it holds is nobody else's before it is whole
		return errors.Join(err, w.Close())
	}
	if _, err := w.ReadFrom(bytes.NewReader(data)); err != nil {
		err = errors.Join(s.explainFull(name, err), w.Close())
		if !disconnected(err) {
			_ = s.Remove(next) // it would only take room
		}
		return err
	}
	// The server of files may not know how to sync.
	if err := w.Sync(); err != nil && !unsupported(err) {
		return errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := s.Chmod(next, mode); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return s.PosixRename(next, name)
}

// explainFull explains an error by a storage that has no room left, where the server can
// tell: over SFTP every failure looks the same.
func (s *sftpFiles) explainFull(name string, err error) error {
	if disconnected(err) {
		return err
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		v, serr := s.StatVFS(dir)
		if errors.Is(serr, fs.ErrNotExist) && dir != "/" {
			continue
		}
		if serr == nil && (v.Bavail*v.Frsize < 64<<10 || v.Files > 0 && v.Favail == 0) {
			return noRoom(name)
		}
		return err
	}
}

func noRoom(name string) error {
	return failf(flash.ClassDevice, "make room on the tablet, or flash it again", "the tablet has no room left for %s", name)
}

func (s *sftpFiles) upload(name string, r io.Reader, _ int64) error {
	w, err := s.Create(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if _, err := w.ReadFrom(r); err != nil {
		return errors.Join(s.explainFull(name, err), w.Close())
	}
	return w.Close()
}

func (s *sftpFiles) remove(name string) error { return s.Remove(name) }

func (s *sftpFiles) list(name string) (names []string, err error) {
	entries, err := s.ReadDir(name)
	if len(entries) > maxNames {
		err = fmt.Errorf("%s has %d entries", name, len(entries))
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (s *sftpFiles) link(target, name string) error {
	next := temporary(name)
	if err := s.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.Symlink(target, next); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return s.PosixRename(next, name)
}

// readLink asks again what is there where there is no link to read: over SFTP a file that is
// none is a failure like any other.
func (s *sftpFiles) readLink(name string) (string, error) {
	target, err := s.ReadLink(name)
	if err == nil || disconnected(err) || errors.Is(err, fs.ErrNotExist) {
		return target, err
	}
	if info, serr := s.Lstat(name); serr == nil && info.Mode()&fs.ModeSymlink == 0 {
		return "", fs.ErrNotExist
	}
	return "", err
}

func (s *sftpFiles) exists(name string) (bool, error) {
	_, err := s.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func unsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported
}
