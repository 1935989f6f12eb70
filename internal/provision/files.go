// This file moves files: read, compare, and replace in one step, so that a cut
// connection leaves the old file or the new one.

package provision

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

	"github.com/zarya-station/zarya/flash"
)

// sftp gives the file client of the login, or of root.
func (c *Client) sftp(ctx context.Context, root bool) (*sftp.Client, error) {
	root = root && c.login.User != "root"
	i := 0
	if root {
		i = 1
	}
	if c.files[i] != nil {
		return c.files[i], nil
	}
	err := c.within(ctx, commandTimeout, func() error {
		if !root {
			f, err := sftp.NewClient(c.ssh)
			c.files[i] = f
			return err
		}
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
		if err := s.Start(commandFiles().line(c.login.Root)); err != nil {
			return err
		}
		if _, err := io.WriteString(in, c.login.RootPassword+"\n"); err != nil {
			return err
		}
		f, err := sftp.NewClientPipe(out, in)
		if err != nil {
			_ = s.Close()
			_ = s.Wait() // so that all that it says is there
			errs.mu.Lock()
			defer errs.mu.Unlock()
			if text := errs.b.String(); strings.Contains(text, "Auth failed") || strings.Contains(text, "incorrect password") {
				return c.rootRefused()
			}
			return fmt.Errorf("files as root: %w %s", err, clean(errs.b.String()))
		}
		c.files[i] = f
		return nil
	})
	return c.files[i], err
}

// errNoFile is a file that is not there.
var errNoFile = fs.ErrNotExist

// ReadFile reads over SFTP.
func (c *Client) ReadFile(ctx context.Context, name string, limit int64, root bool) (*Content, error) {
	s, err := c.sftp(ctx, root)
	if err != nil {
		return nil, err
	}
	f := &Content{}
	err = c.within(ctx, commandTimeout, func() error {
		r, err := s.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }() // it was only read
		info, err := r.Stat()
		if err != nil {
			return err
		}
		f.Mode = info.Mode().Perm()
		if st, ok := info.Sys().(*sftp.FileStat); ok {
			f.Root = st.UID == 0
		}
		f.Data, err = io.ReadAll(io.LimitReader(r, limit+1))
		if err == nil && int64(len(f.Data)) > limit {
			err = failf(flash.ClassDevice, "look at the tablet: no such file is that long", "%s has more than %d bytes", name, limit)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// temporary is where a new file is written before it takes its place.
func temporary(name string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+".zarya-new")
}

// WriteFile writes beside the file, then renames.
func (c *Client) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode, root bool) error {
	s, err := c.sftp(ctx, root)
	if err != nil {
		return err
	}
	return c.within(ctx, commandTimeout+timeFor(len(data)), func() error {
		if err := s.MkdirAll(path.Dir(name)); err != nil {
			return fmt.Errorf("folder of %s: %w", name, c.explainNoSpace(s, name, err))
		}
		next := temporary(name)
		w, err := s.Create(next)
		if err != nil {
			return fmt.Errorf("%s: %w", name, c.explainNoSpace(s, name, err))
		}
		if err := w.Chmod(0o600); err != nil { // whatever it holds is nobody else's before it is whole
			return errors.Join(err, w.Close())
		}
		if _, err := w.ReadFrom(bytes.NewReader(data)); err != nil {
			err = errors.Join(c.explainNoSpace(s, name, err), w.Close())
			if !isDisconnect(err) {
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
	})
}

// Upload streams a file to its place.
func (c *Client) Upload(ctx context.Context, name string, r io.Reader, size int64) error {
	s, err := c.sftp(ctx, false)
	if err != nil {
		return err
	}
	return c.within(ctx, commandTimeout+timeFor(int(size)), func() error {
		w, err := s.Create(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.ReadFrom(r); err != nil {
			return errors.Join(c.explainNoSpace(s, name, err), w.Close())
		}
		return w.Close()
	})
}

// explainNoSpace explains an error by a storage that has no room left, where the server can tell:
// over SFTP every failure looks the same.
func (c *Client) explainNoSpace(s *sftp.Client, name string, err error) error {
	if isDisconnect(err) {
		return err
	}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		v, serr := s.StatVFS(dir)
		if errors.Is(serr, fs.ErrNotExist) && dir != "/" {
			continue
		}
		if serr == nil && (v.Bavail*v.Frsize < 64<<10 || v.Files > 0 && v.Favail == 0) {
			return failf(flash.ClassDevice, "make room on the tablet, or flash it again", "the tablet has no room left for %s", name)
		}
		return err
	}
}

// Remove removes a file.
func (c *Client) Remove(ctx context.Context, name string, root bool) error {
	s, err := c.sftp(ctx, root)
	if err != nil {
		return err
	}
	return c.within(ctx, commandTimeout, func() error { return s.Remove(name) })
}

// maxNames is more than any folder here has.
const maxNames = 10_000

// List gives the names in a folder.
func (c *Client) List(ctx context.Context, name string) (names []string, err error) {
	s, err := c.sftp(ctx, false)
	if err != nil {
		return nil, err
	}
	err = c.within(ctx, commandTimeout, func() error {
		entries, err := s.ReadDir(name)
		if len(entries) > maxNames {
			err = fmt.Errorf("%s has %d entries", name, len(entries))
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Link makes the link beside name, then renames it.
func (c *Client) Link(ctx context.Context, target, name string) error {
	s, err := c.sftp(ctx, true)
	if err != nil {
		return err
	}
	return c.within(ctx, commandTimeout, func() error {
		next := temporary(name)
		if err := s.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := s.Symlink(target, next); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return s.PosixRename(next, name)
	})
}

// ReadLink gives what a symbolic link points to.
func (c *Client) ReadLink(ctx context.Context, name string) (target string, err error) {
	s, err := c.sftp(ctx, false)
	if err != nil {
		return "", err
	}
	err = c.within(ctx, commandTimeout, func() error {
		target, err = s.ReadLink(name)
		return err
	})
	return target, err
}

// Exists reports whether there is something at name.
func (c *Client) Exists(ctx context.Context, name string, root bool) (bool, error) {
	s, err := c.sftp(ctx, root)
	if err != nil {
		return false, err
	}
	err = c.within(ctx, commandTimeout, func() error {
		_, err := s.Lstat(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func unsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported
}
