// This file is the booted tablet's file system: the ext4 image that was flashed,
// read only, under an overlay that takes all writes and survives a reboot. Writing
// or erasing system or userdata empties the overlay, as it would on a device.

package system

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/masahiro331/go-ext4-filesystem/ext4"
)

// node is one file of the overlay, or of the image.
type node struct {
	Mode   fs.FileMode `json:"mode"` // type and permissions
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
	Data   []byte      `json:"data,omitempty"`
	Target string      `json:"target,omitempty"` // of a link
	Gone   bool        `json:"gone,omitempty"`   // removed
	Time   time.Time   `json:"time"`
	read   func() ([]byte, error)
}

// rootfs is a file system. Its methods may be called from several goroutines.
type rootfs struct {
	file string // where the overlay is kept; "" keeps it in memory only

	mu   sync.Mutex
	base *ext4.FileSystem // guarded by mu
	over map[string]*node // guarded by mu; by clean absolute path
}

const maxLinks = 16

// newRootfs reads the overlay that a file holds.
func newRootfs(file string) (*rootfs, error) {
	r := &rootfs{file: file, over: map[string]*node{}}
	if file == "" {
		return r, nil
	}
	text, err := os.ReadFile(file) //nolint:gosec // the state folder that the user named
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.over)
	}
	return r, err
}

// mount puts an ext4 image under the overlay.
func (r *rootfs) mount(image io.ReaderAt, size int64) error {
	base, err := ext4.NewFS(*io.NewSectionReader(image, 0, size), nil)
	if err != nil {
		return fmt.Errorf("system is no ext4 file system: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.base = base
	return nil
}

// reset empties the overlay.
func (r *rootfs) reset() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.over)
	if r.file == "" {
		return nil
	}
	if err := os.Remove(r.file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// put changes the overlay and makes it durable.
func (r *rootfs) put(name string, n *node) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n.Time.IsZero() {
		n.Time = time.Now().UTC().Truncate(time.Second)
	}
	r.over[name] = n
	if r.file == "" {
		return nil
	}
	text, err := json.Marshal(r.over)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.file+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(r.file+".new", r.file)
}

// entry is what stands at a clean path, links not followed in its last part.
func (r *rootfs) entry(name string) (*node, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.over[name]; n != nil {
		if n.Gone {
			return nil, fs.ErrNotExist
		}
		return n, nil
	}
	if r.base == nil {
		return nil, fs.ErrNotExist
	}
	info, err := r.base.ReadDirInfo(name)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	n := &node{Mode: info.Mode(), Time: info.ModTime().UTC()}
	if n.Mode&fs.ModeSymlink != 0 {
		n.Target, err = r.base.ReadLink(name)
		return n, err
	}
	n.read = func() ([]byte, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f, err := r.base.Open(name)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(io.LimitReader(f, 64<<20))
	}
	return n, nil
}

// walk gives the clean path that name leads to, and what is there. With follow, a
// link at its end is followed too. What is not there has its path all the same.
func (r *rootfs) walk(name string, follow bool) (string, *node, error) {
	at, rest := "/", strings.Split(path.Clean("/" + name)[1:], "/")
	for links := 0; len(rest) > 0; {
		if rest[0] == "" {
			rest = rest[1:]
			continue
		}
		next := path.Join(at, rest[0])
		n, err := r.entry(next)
		last := len(rest) == 1
		switch {
		case err != nil && last:
			return next, nil, err
		case err != nil:
			return path.Join(append([]string{next}, rest[1:]...)...), nil, err
		case n.Mode&fs.ModeSymlink != 0 && (!last || follow):
			if links++; links > maxLinks {
				return "", nil, syscall.ELOOP
			}
			target := n.Target
			if !path.IsAbs(target) {
				target = path.Join(at, target)
			}
			at, rest = "/", append(strings.Split(path.Clean(target)[1:], "/"), rest[1:]...)
			continue
		case !last && !n.Mode.IsDir():
			return "", nil, syscall.ENOTDIR
		}
		at, rest = next, rest[1:]
	}
	n, err := r.entry(at)
	if at == "/" && err != nil {
		return "/", &node{Mode: fs.ModeDir | 0o755}, nil //nolint:nilerr // the root is always there
	}
	return at, n, err
}

// ReadFile reads a whole file.
func (r *rootfs) ReadFile(name string) ([]byte, error) {
	_, n, err := r.walk(name, true)
	switch {
	case err != nil:
		return nil, err
	case n.Mode.IsDir():
		return nil, syscall.EISDIR
	case n.read != nil:
		return n.read()
	}
	return slices.Clone(n.Data), nil
}

// WriteFile writes a whole file; its folder must be there.
func (r *rootfs) WriteFile(name string, data []byte, mode fs.FileMode, uid int) error {
	at, n, err := r.walk(name, true)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, dir, err := r.walk(path.Dir(at), true); err != nil || !dir.Mode.IsDir() {
		return fs.ErrNotExist
	}
	if n != nil {
		if n.Mode.IsDir() {
			return syscall.EISDIR
		}
		mode, uid = n.Mode, n.UID
	}
	return r.put(at, &node{Mode: mode.Perm(), UID: uid, GID: uid, Data: data})
}

// change rewrites what is known of a file.
func (r *rootfs) change(name string, edit func(*node)) error {
	at, n, err := r.walk(name, true)
	if err != nil {
		return err
	}
	copied := *n
	if n.read != nil {
		if n.Mode.IsRegular() {
			if copied.Data, err = n.read(); err != nil {
				return err
			}
		}
		copied.read = nil
	}
	edit(&copied)
	return r.put(at, &copied)
}

// Remove removes a file, a link or an empty folder.
func (r *rootfs) Remove(name string) error {
	at, n, err := r.walk(name, false)
	if err != nil {
		return err
	}
	if n.Mode.IsDir() {
		if names, err := r.list(at); err != nil || len(names) > 0 {
			return errors.Join(err, syscall.ENOTEMPTY)
		}
	}
	return r.put(at, &node{Gone: true})
}

// Rename moves a file over what is at its new name.
func (r *rootfs) Rename(from, to string) error {
	at, n, err := r.walk(from, false)
	if err != nil {
		return err
	}
	if n.Mode.IsDir() {
		return syscall.EISDIR // of what this table of commands needs, no folder is ever renamed
	}
	dest, _, err := r.walk(to, false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	moved := *n
	if n.read != nil {
		if moved.Data, err = n.read(); err != nil {
			return err
		}
		moved.read = nil
	}
	if err := r.put(dest, &moved); err != nil {
		return err
	}
	return r.put(at, &node{Gone: true})
}

// list gives the names in a folder, sorted.
func (r *rootfs) list(name string) ([]string, error) {
	at, n, err := r.walk(name, true)
	if err != nil {
		return nil, err
	}
	if !n.Mode.IsDir() {
		return nil, syscall.ENOTDIR
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	names := map[string]bool{}
	if r.base != nil {
		entries, err := r.base.ReadDir(strings.TrimPrefix(at, "/"))
		if err == nil {
			for _, e := range entries {
				names[e.Name()] = true
			}
		}
	}
	for p, n := range r.over {
		if path.Dir(p) == at && p != "/" {
			names[path.Base(p)] = !n.Gone
		}
	}
	maps.DeleteFunc(names, func(name string, there bool) bool { return !there || name == "." || name == ".." })
	return slices.Sorted(maps.Keys(names)), nil
}

// readLink returns what a link points to.
func (r *rootfs) readLink(name string) (string, error) {
	_, n, err := r.walk(name, false)
	if err == nil && n.Mode&fs.ModeSymlink == 0 {
		err = os.ErrInvalid
	}
	if err != nil {
		return "", err
	}
	return n.Target, nil
}
