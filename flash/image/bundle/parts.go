// This file is a bundle as the files that it is made of: a registry and a store keep each
// of them by itself.

package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Part is a file of a bundle, as it is stored.
type Part struct {
	Name string
	Size int64
	Open func() (io.ReadSeekCloser, error)
}

// Parts returns the files of the bundle: the manifest, the signature if there is one, then
// the others in the manifest's order. Nobody has compared their bytes with the manifest.
func (b *Bundle) Parts() ([]Part, error) {
	parts := []Part{inText(ManifestName, b.text)}
	if b.Signed() {
		parts = append(parts, inText(SignatureName, b.signature))
	}
	spans, err := b.spans()
	if err != nil {
		return nil, &Error{Path: b.Path, Problem: err.Error(), Err: err}
	}
	for _, name := range b.Manifest.Names() {
		if s, ok := spans[name]; ok {
			parts = append(parts, inFile(name, b.Path, s[0], s[1]))
			continue
		}
		path := b.where(name)
		info, err := os.Stat(path)
		if err != nil {
			return nil, &Error{Path: b.Path, Problem: err.Error(), Err: err}
		}
		parts = append(parts, Part{name, info.Size(), func() (io.ReadSeekCloser, error) {
			return os.Open(path) //nolint:gosec // a file of the bundle
		}})
	}
	return parts, nil
}

// Names are the files that the manifest names, each once: images in their order, then the
// others.
func (m *Manifest) Names() (names []string) {
	for _, im := range m.Images {
		if !slices.Contains(names, im.File) {
			names = append(names, im.File)
		}
	}
	for _, f := range m.Files {
		names = append(names, f.File)
	}
	return names
}

// spans are where the files of a zip are in it: the first byte, and how many.
func (b *Bundle) spans() (map[string][2]int64, error) {
	if info, err := os.Stat(b.Path); b.apart != nil || err == nil && info.IsDir() {
		return nil, nil // what is not there is said when it is opened
	}
	z, err := zip.OpenReader(b.Path)
	if err != nil {
		return nil, err
	}
	spans := map[string][2]int64{}
	for _, f := range z.File {
		at, oerr := f.DataOffset()
		err = errors.Join(err, oerr)
		spans[f.Name] = [2]int64{at, int64(f.UncompressedSize64)} //nolint:gosec // it is stored, and no file has 2^63 bytes
	}
	return spans, errors.Join(err, z.Close())
}

// span is a stretch of a file.
type span struct {
	*io.SectionReader
	io.Closer
}

func inFile(name, path string, at, size int64) Part {
	return Part{name, size, func() (io.ReadSeekCloser, error) {
		f, err := os.Open(path) //nolint:gosec // the bundle
		if err != nil {
			return nil, err
		}
		return &span{io.NewSectionReader(f, at, size), f}, nil
	}}
}

func inText(name string, text []byte) Part {
	return Part{name, int64(len(text)), func() (io.ReadSeekCloser, error) {
		return &span{io.NewSectionReader(bytes.NewReader(text), 0, int64(len(text))), io.NopCloser(nil)}, nil
	}}
}

// Apart makes a bundle of a manifest, its signature (nil: none) and files that lie anywhere:
// files has the path of each by its name in the bundle. What it has not is not there yet:
// such a bundle can be looked at and its signature asked about, and its images not opened.
// name stands for the bundle in messages. Nobody can sign it; release, which may be nil, is
// called by Close.
func Apart(name string, manifest, signature []byte, files map[string]string, release func()) (*Bundle, error) {
	b := &Bundle{Path: name, text: manifest, signature: signature}
	if b.apart, b.release = files, release; files == nil {
		b.apart = map[string]string{}
	}
	var err error
	if b.Manifest, err = Parse(manifest); err != nil {
		return nil, &Error{Path: name, Problem: err.Error(), Err: err}
	}
	return b, nil
}

// where is the path of a file of a bundle that is no zip.
func (b *Bundle) where(name string) string {
	if b.apart != nil {
		if path, ok := b.apart[name]; ok {
			return path
		}
		return filepath.Join(b.Path, name) // says well enough what is not there
	}
	return filepath.Join(b.Path, filepath.FromSlash(name))
}

// Close says that the bundle is used no more. Images that were opened stay open.
func (b *Bundle) Close() {
	if b.release != nil {
		b.closed.Do(b.release)
	}
}

// held is what a bundle that lies apart has more.
type held struct {
	apart   map[string]string // the path of each file; nil: all is at Path
	release func()
	closed  sync.Once
}
