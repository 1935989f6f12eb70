// This file gives the booted tablet's file system to SFTP, with the rights of the
// user who asks.

package system

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// sftpFiles are the handlers of one session.
type sftpFiles struct {
	system *System
	uid    int
}

// maxFile bounds what a host may write into one file, bytes.
const maxFile = 256 << 20

// mayChange reports whether the user may change what is at name.
func (h *sftpFiles) mayChange(name string) error {
	home := "/home/" + h.system.device.Config.Login.User
	if name = path.Clean(name); h.uid == 0 || name == home || strings.HasPrefix(name, home+"/") || strings.HasPrefix(name, "/tmp/") {
		return nil
	}
	return sftp.ErrSSHFxPermissionDenied
}

// Fileread opens a file for reading.
func (h *sftpFiles) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if at, n, err := h.system.root.walk(r.Filepath, true); err == nil && h.uid != 0 && n.UID == 0 && n.Mode.Perm()&0o004 == 0 && at != "" {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	if b, ok := h.system.synthetic(path.Clean(r.Filepath)); ok {
		return bytes.NewReader(b), nil
	}
	b, err := h.system.root.ReadFile(r.Filepath)
	return bytes.NewReader(b), err
}

// Filewrite opens a file for writing. It is there when it is closed.
func (h *sftpFiles) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	if err := h.mayChange(r.Filepath); err != nil {
		return nil, err
	}
	flags := r.Pflags()
	old, err := h.system.root.ReadFile(r.Filepath)
	switch {
	case err == nil && flags.Creat && flags.Excl:
		return nil, os.ErrExist
	case err != nil && !flags.Creat:
		return nil, err
	case flags.Trunc:
		old = nil
	}
	// An empty file at once: a host that is cut off leaves what a device would.
	if err := h.system.root.WriteFile(r.Filepath, old, 0o644, h.uid); err != nil {
		return nil, err
	}
	return &written{h: h, name: r.Filepath, data: old}, nil
}

// written is a file that is being written.
type written struct {
	h    *sftpFiles
	name string
	mu   sync.Mutex
	data []byte // guarded by mu
}

func (w *written) WriteAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := off + int64(len(p))
	if off < 0 || end > maxFile {
		return 0, os.ErrInvalid
	}
	if end > int64(len(w.data)) {
		w.data = append(w.data, make([]byte, end-int64(len(w.data)))...)
	}
	copy(w.data[off:], p)
	return len(p), nil
}

// Close puts the content in its place.
func (w *written) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.h.system.root.WriteFile(w.name, w.data, 0o644, w.h.uid)
}

// Filecmd changes files.
func (h *sftpFiles) Filecmd(r *sftp.Request) error {
	for _, name := range []string{r.Filepath, r.Target} {
		if r.Method == "Symlink" && name == r.Filepath {
			continue // what a link points to is not changed
		}
		if name != "" {
			if err := h.mayChange(name); err != nil {
				return err
			}
		}
	}
	root := h.system.root
	switch r.Method {
	case "Setstat":
		attr, flags := r.Attributes(), r.AttrFlags()
		return root.change(r.Filepath, func(n *node) {
			if flags.Permissions {
				n.Mode = n.Mode.Type() | attr.FileMode().Perm()
			}
			if flags.UidGid {
				n.UID, n.GID = int(attr.UID), int(attr.GID)
			}
			if flags.Acmodtime {
				n.Time = time.Unix(int64(attr.Mtime), 0).UTC()
			}
			if flags.Size && n.Mode.IsRegular() && attr.Size <= uint64(len(n.Data)) {
				n.Data = n.Data[:attr.Size]
			}
		})
	case "Rename":
		if _, _, err := root.walk(r.Target, false); err == nil {
			return os.ErrExist
		}
		return root.Rename(r.Filepath, r.Target)
	case "Remove", "Rmdir":
		return root.Remove(r.Filepath)
	case "Mkdir":
		at, _, err := root.walk(r.Filepath, true)
		if err == nil {
			return os.ErrExist
		}
		if _, dir, derr := root.walk(path.Dir(at), true); derr != nil || !dir.Mode.IsDir() {
			return os.ErrNotExist
		}
		return root.put(at, &node{Mode: fs.ModeDir | 0o755, UID: h.uid, GID: h.uid})
	case "Symlink":
		at, _, err := root.walk(r.Target, false)
		if err == nil {
			return os.ErrExist
		}
		return root.put(at, &node{Mode: fs.ModeSymlink | 0o777, UID: h.uid, GID: h.uid, Target: r.Filepath})
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces what is at the new name.
func (h *sftpFiles) PosixRename(r *sftp.Request) error {
	for _, name := range []string{r.Filepath, r.Target} {
		if err := h.mayChange(name); err != nil {
			return err
		}
	}
	return h.system.root.Rename(r.Filepath, r.Target)
}

// Filelist lists a folder or tells of a file.
func (h *sftpFiles) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method == "List" {
		names, err := h.system.root.list(r.Filepath)
		if err != nil {
			return nil, err
		}
		var infos infoList
		for _, name := range names {
			if at, n, err := h.system.root.walk(path.Join(r.Filepath, name), false); err == nil {
				infos = append(infos, h.info(at, n))
			}
		}
		return infos, nil
	}
	return h.stat(r.Filepath, true)
}

// Lstat tells of a link itself.
func (h *sftpFiles) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return h.stat(r.Filepath, false) }

// Readlink gives what a link points to.
func (h *sftpFiles) Readlink(name string) (string, error) {
	return h.system.root.readLink(name)
}

func (h *sftpFiles) stat(name string, follow bool) (sftp.ListerAt, error) {
	if b, ok := h.system.synthetic(path.Clean(name)); ok {
		return infoList{fileInfo{path.Base(name), &node{Mode: 0o444}, int64(len(b))}}, nil
	}
	at, n, err := h.system.root.walk(name, follow)
	if err != nil {
		return nil, err
	}
	return infoList{h.info(at, n)}, nil
}

func (h *sftpFiles) info(at string, n *node) fs.FileInfo {
	size := int64(len(n.Data))
	if n.read != nil && n.Mode.IsRegular() {
		if b, err := n.read(); err == nil {
			size = int64(len(b))
		}
	}
	return fileInfo{path.Base(at), n, size}
}

type infoList []fs.FileInfo

// ListAt hands out a part of the list.
func (l infoList) ListAt(out []os.FileInfo, from int64) (int, error) {
	if from >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(out, l[from:])
	if n < len(out) {
		return n, io.EOF
	}
	return n, nil
}

// fileInfo is a node as SFTP tells it.
type fileInfo struct {
	name string
	n    *node
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.n.Mode }
func (i fileInfo) ModTime() time.Time { return i.n.Time }
func (i fileInfo) IsDir() bool        { return i.n.Mode.IsDir() }

// Sys has the owner, as pkg/sftp asks for it.
func (i fileInfo) Sys() any {
	return &sftp.FileStat{UID: uint32(i.n.UID), GID: uint32(i.n.GID)}
}

// Uid and Gid are how pkg/sftp reads the owner on the server's side.
func (i fileInfo) Uid() uint32 { return uint32(i.n.UID) }
func (i fileInfo) Gid() uint32 { return uint32(i.n.GID) }

// staysOpen leaves closing to the caller: the exit status comes after the files.
type staysOpen struct{ io.ReadWriter }

func (staysOpen) Close() error { return nil }

// serveSFTP serves files until the host ends it.
func (s *System) serveSFTP(rw io.ReadWriter, uid int) {
	h := &sftpFiles{system: s, uid: uid}
	server := sftp.NewRequestServer(staysOpen{rw}, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h},
		sftp.WithStartDirectory("/home/"+s.device.Config.Login.User))
	_ = server.Serve() // ends with the connection
	_ = server.Close()
}
