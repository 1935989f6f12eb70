// This file moves files to and from a booted tablet. A file takes its place in one step, so
// that a cut connection leaves the old one or the new one.

package overssh

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
)

// fileServer is a way to a tablet's files: by SFTP, or by a few commands where the tablet
// has no SFTP. Its methods are called within a limit that ends the connection.
type fileServer interface {
	// read reads a whole file, and of one that is longer limit+1 bytes.
	read(name string, limit int64) (*provision.Content, error)
	write(name string, data []byte, mode fs.FileMode) error
	// upload streams a file of size bytes into a folder that is there, in no one step.
	upload(name string, r io.Reader, size int64) error
	remove(name string) error
	list(name string) ([]string, error)
	link(target, name string) error
	readLink(name string) (string, error)
	exists(name string) (bool, error)
}

// withFiles uses the files of the login, or of root, within a limit of time.
func (c *Session) withFiles(ctx context.Context, root bool, limit time.Duration, use func(fileServer) error) error {
	s, err := c.fileServer(ctx, root)
	if err != nil {
		return err
	}
	return c.within(ctx, limit, func() error { return use(s) })
}

// ReadFile reads a whole file.
func (c *Session) ReadFile(ctx context.Context, name string, limit int64, root bool) (f *provision.Content, err error) {
	err = c.withFiles(ctx, root, callTimeout, func(s fileServer) error {
		f, err = s.read(name, limit)
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
func (c *Session) WriteFile(ctx context.Context, name string, data []byte, mode fs.FileMode, root bool) error {
	return c.withFiles(ctx, root, callTimeout+timeFor(len(data)), func(s fileServer) error { return s.write(name, data, mode) })
}

// Remove removes a file.
func (c *Session) Remove(ctx context.Context, name string, root bool) error {
	return c.withFiles(ctx, root, callTimeout, func(s fileServer) error { return s.remove(name) })
}

// maxNames is more than any folder here has.
const maxNames = 10_000

// List returns the names in a folder.
func (c *Session) List(ctx context.Context, name string) (names []string, err error) {
	err = c.withFiles(ctx, false, callTimeout, func(s fileServer) error {
		names, err = s.list(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Link makes the link beside name, then renames it.
func (c *Session) Link(ctx context.Context, target, name string) error {
	return c.withFiles(ctx, true, callTimeout, func(s fileServer) error { return s.link(target, name) })
}

// ReadLink returns what a symbolic link points to.
func (c *Session) ReadLink(ctx context.Context, name string) (target string, err error) {
	err = c.withFiles(ctx, false, callTimeout, func(s fileServer) error {
		target, err = s.readLink(name)
		return err
	})
	return target, err
}

// Exists reports whether there is something at name.
func (c *Session) Exists(ctx context.Context, name string, root bool) (there bool, err error) {
	err = c.withFiles(ctx, root, callTimeout, func(s fileServer) error {
		there, err = s.exists(name)
		return err
	})
	return there, err
}

// Upload streams a file to its place.
func (c *Session) Upload(ctx context.Context, name string, r io.Reader, size int64) error {
	return c.withFiles(ctx, false, callTimeout+timeFor(int(size)), func(s fileServer) error { return s.upload(name, r, size) })
}

// fileServer gives the files of the login, or of root: by SFTP where the tablet has it.
func (c *Session) fileServer(ctx context.Context, root bool) (fileServer, error) {
	root = root && c.login.User != "root"
	i := 0
	if root {
		i = 1
	}
	if c.files[i] != nil {
		return c.files[i], nil
	}
	s, err := c.openSFTP(ctx, root)
	switch {
	case errors.Is(err, errNoSFTP):
		c.files[i] = &shellFiles{c, root}
	case err != nil:
		return nil, err
	default:
		c.files[i] = &sftpFiles{c, s}
	}
	return c.files[i], nil
}

// timeFor is how long a file may take beyond a call: at least 100 kB/s.
func timeFor(n int) time.Duration { return time.Duration(n/100_000) * time.Second }
