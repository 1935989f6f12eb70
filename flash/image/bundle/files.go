// This file hands out the files of a bundle that are no images. What is handed out is a
// copy of our own that was compared with the manifest: whoever writes to the bundle
// meanwhile changes nothing that is used (docs/decisions/0021).

package bundle

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// inMemory is the size up to which a file is copied into memory; a larger one goes into
// a file that has no name.
const inMemory = 1 << 20

// copies are the large files that were copied and compared.
type copies struct {
	mu    sync.Mutex
	files map[string]*os.File // by name in the bundle; closed when nothing uses them
}

// Open opens a file that is no image. The reader gives the bytes that have the digest in
// the manifest, even if the folder changes after Open began. It is safe for
// concurrent use.
func (b *Bundle) Open(name string) (io.ReadCloser, int64, error) {
	i := slices.IndexFunc(b.Manifest.Files, func(f File) bool { return f.File == name })
	if i < 0 {
		return nil, 0, &fs.PathError{Op: "open", Path: b.Path + "/" + name, Err: fs.ErrNotExist}
	}
	want := b.Manifest.Files[i]
	if want.Size <= inMemory {
		var text bytes.Buffer
		if err := b.copyChecked(&text, want); err != nil {
			return nil, 0, err
		}
		return io.NopCloser(&text), want.Size, nil
	}
	b.copies.mu.Lock()
	defer b.copies.mu.Unlock()
	f := b.copies.files[name]
	if f == nil {
		var err error
		if f, err = nameless(); err != nil {
			return nil, 0, &Error{Path: b.Path, Problem: fmt.Sprintf("%s cannot be copied: %v", name, err), Err: err}
		}
		if err := b.copyChecked(f, want); err != nil {
			return nil, 0, errors.Join(err, f.Close())
		}
		if b.copies.files == nil {
			b.copies.files = map[string]*os.File{}
		}
		b.copies.files[name] = f
	}
	return io.NopCloser(io.NewSectionReader(f, 0, want.Size)), want.Size, nil
}

// copyChecked copies a file of the bundle to w and compares the bytes that it copies: it
// is the only way to them.
func (b *Bundle) copyChecked(w io.Writer, want File) error {
	r, err := b.raw(want.File)
	if err != nil {
		return &Error{Path: b.Path, Problem: fmt.Sprintf("%s: %v", want.File, err), Err: err}
	}
	defer func() { _ = r.Close() }() // it was only read
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), io.LimitReader(r, want.Size+1))
	if err != nil {
		return &Error{Path: b.Path, Problem: fmt.Sprintf("%s: %v", want.File, err), Err: err}
	}
	if n != want.Size || fmt.Sprintf("sha256:%x", sum.Sum(nil)) != want.Digest {
		return &Error{Path: b.Path, Problem: want.File + " does not have the digest that the manifest gives it: copy or download it again"}
	}
	return nil
}

// nameless makes a file that no one else can open.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "zarya-bundle-") // mode 0600
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// raw opens a file of the bundle, whose bytes nobody has compared.
func (b *Bundle) raw(name string) (io.ReadCloser, error) {
	if b.apart != nil {
		return os.Open(b.where(name))
	}
	if info, err := os.Stat(b.Path); err != nil || info.IsDir() {
		if err != nil {
			return nil, err
		}
		return os.Open(b.where(name))
	}
	z, err := zip.OpenReader(b.Path)
	if err != nil {
		return nil, err
	}
	r, err := z.Open(name)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	return &member{r, z}, nil
}

// member is a file and the zip that it is in.
type member struct {
	io.ReadCloser
	z *zip.ReadCloser
}

func (m *member) Close() error { return errors.Join(m.ReadCloser.Close(), m.z.Close()) }
