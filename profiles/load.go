// This file reads a profile and those that it extends, and makes one of them.

package profiles

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files is where a profile, and what it names, is read from. A name is a path as the
// profile gives it, joined to the profile's folder.
type Files interface {
	// Open opens a regular file and gives its size in bytes.
	Open(name string) (io.ReadCloser, int64, error)
}

// Disk is the files of this machine.
type Disk struct{}

// Open opens a file.
func (Disk) Open(name string) (io.ReadCloser, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its writer
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: errors.New("is no file")}
	}
	f, err := os.Open(name) //nolint:gosec // the file that the profile names
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Settings say how a profile is read.
type Settings struct {
	Files Files // nil: those of this machine
	// Base finds the profile that extends names, where there is no file of that name; nil
	// finds none.
	Base func(name string) (file string, text []byte, ok bool)
}

// maxChain bounds how many profiles one can be made of.
const maxChain = 8

// Load reads a profile. The error joins an *Error for everything that is wrong.
func Load(path string, o Settings) (*Profile, error) {
	if o.Files == nil {
		o.Files = Disk{}
	}
	text, err := readAll(o.Files, path, maxProfile)
	var large *tooLarge
	if errors.As(err, &large) {
		return nil, &Error{File: path, Message: fmt.Sprintf("has %d bytes; a profile has at most %d", large.size, maxProfile)}
	}
	if err != nil {
		return nil, err
	}
	return Parse(path, text, o)
}

// Parse reads a profile from text; files that it names are relative to path.
func Parse(path string, text []byte, o Settings) (*Profile, error) {
	if o.Files == nil {
		o.Files = Disk{}
	}
	t := readYAML(path, text)
	sources, sums := []string{path}, [][sha256.Size]byte{t.sum}
	order := imageOrder(t)
	for chain := []string{path}; len(t.errs) == 0; {
		root, _ := t.root.(map[string]any)
		name, extends := root["extends"].(string)
		if !extends {
			break
		}
		base, err := t.base(name, o)
		if err == nil && slices.Contains(chain, base.file) {
			err = fmt.Errorf("%s extends itself", strings.Join(append(chain, base.file), " → "))
		}
		if err == nil && len(chain) == maxChain {
			err = fmt.Errorf("more than %d profiles in a row", maxChain)
		}
		if err != nil {
			t.at("/extends", "extends: %v", err)
			break
		}
		if len(base.errs) > 0 {
			t.errs = base.errs
			break
		}
		chain, sources, sums = append(chain, base.file), append(sources, base.file), append(sums, base.sum)
		before := imageOrder(base)
		order = append(before, slices.DeleteFunc(order, func(part string) bool { return slices.Contains(before, part) })...)
		t = t.over(base)
	}
	if len(t.errs) == 0 {
		t.hold(schemaShape(), t.root, nil)
	}
	if len(t.errs) > 0 {
		return nil, t.joined()
	}
	p := t.decode()
	p.tree, p.files, p.order, p.sources, p.digest = t, o.Files, order, sources, digestOf(sums)
	if len(t.errs) == 0 {
		p.complete()
		p.check()
	}
	if len(t.errs) > 0 {
		return nil, t.joined()
	}
	return p, nil
}

// digestOf is the digest of a profile by the sums of its file and of those that it extends,
// in this order.
func digestOf(sums [][sha256.Size]byte) string {
	sum := sums[0]
	if len(sums) > 1 {
		var all []byte
		for _, s := range sums {
			all = append(all, s[:]...)
		}
		sum = sha256.Sum256(all)
	}
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Digest is sha256:HEX over the profile's text. If it extends others, it is that over the
// 32 bytes of each file's digest, its own first.
func (p *Profile) Digest() string { return p.digest }

// imageOrder are the images in the order in which a file has them.
func imageOrder(t *tree) (order []string) {
	if n := t.places["/images"].value; n != nil {
		for i := 0; i+1 < len(n.Content); i += 2 {
			order = append(order, n.Content[i].Value)
		}
	}
	return order
}

// base reads the profile that extends names.
func (t *tree) base(name string, o Settings) (*tree, error) {
	from := t.places["/extends"].file
	for _, file := range []string{within(filepath.Dir(from), name), within(filepath.Dir(from), name+".yaml")} {
		text, err := readAll(o.Files, file, maxProfile)
		if err == nil {
			return readYAML(file, text), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	if o.Base != nil {
		if file, text, ok := o.Base(name); ok {
			return readYAML(file, text), nil
		}
	}
	return nil, fmt.Errorf("there is no profile %q beside this one, and zarya profile list has none", name)
}

// over puts t over a base: maps are merged, lists and values replaced, and append adds
// to a list.
func (t *tree) over(base *tree) *tree {
	delete(t.root.(map[string]any), "extends") // only a map has it
	m := &tree{file: t.file, places: map[string]place{}}
	m.root = m.merge("", base, base.root, t, t.root)
	return m
}

func (t *tree) merge(pointer string, base *tree, below any, top *tree, above any) any {
	upper, isMap := above.(map[string]any)
	lower, wasMap := below.(map[string]any)
	list, isList := below.([]any)
	added, adds := upper["append"].([]any)
	switch {
	case isMap && adds && len(upper) == 1 && isList:
		out := slices.Concat(list, added)
		t.places[pointer] = top.places[pointer]
		for i := range list {
			t.take(base, fmt.Sprintf("%s/%d", pointer, i), fmt.Sprintf("%s/%d", pointer, i))
		}
		for i := range added {
			t.take(top, fmt.Sprintf("%s/append/%d", pointer, i), fmt.Sprintf("%s/%d", pointer, len(list)+i))
		}
		return out
	case isMap && wasMap:
		t.places[pointer] = top.places[pointer]
		out := map[string]any{}
		for key, v := range lower {
			if _, both := upper[key]; !both {
				t.take(base, pointer+"/"+escape(key), pointer+"/"+escape(key))
				out[key] = v
			}
		}
		for key, v := range upper {
			at := pointer + "/" + escape(key)
			if was, both := lower[key]; both {
				out[key] = t.merge(at, base, was, top, v)
			} else {
				t.take(top, at, at)
				out[key] = v
			}
		}
		return out
	}
	t.take(top, pointer, pointer)
	return above
}

// take takes over where something stands, and all that is in it.
func (t *tree) take(from *tree, pointer, to string) {
	for p, where := range from.places {
		if p == pointer || strings.HasPrefix(p, pointer+"/") {
			t.places[to+p[len(pointer):]] = where
		}
	}
}

// decode fills the Go values; scalars are strings here, and their types take them.
// Members are decoded one by one, so that each error has its place.
func (t *tree) decode() *Profile {
	p := &Profile{}
	root := t.root.(map[string]any) // the schema says so
	one := func(pointer string, v any, to any) {
		b, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(b, to)
		}
		if err != nil {
			t.at(pointer, "%v", err)
		}
	}
	for _, key := range []struct {
		name string
		to   any
	}{
		{"name", &p.Name}, {"tablet", &p.Tablet}, {"access", &p.Access}, {"bundles", &p.Bundles}, {"images", &p.Images},
		{"partitions", &p.Partitions}, {"secrets", &p.Secrets}, {"identity", &p.Identity}, {"boot", &p.Boot}, {"hooks", &p.Hooks},
	} {
		if v, ok := root[key.name]; ok {
			one("/"+key.name, v, key.to)
		}
	}
	if m, ok := root["ssh"].(map[string]any); ok {
		p.SSH = &SSH{}
		var legacy string // true or false, which the schema holds it to
		for _, key := range []struct {
			name string
			to   any
		}{
			{"user", &p.SSH.User}, {"password", &p.SSH.Password}, {"key", &p.SSH.Key}, {"port", &p.SSH.Port},
			{"root", &p.SSH.Root}, {"root-password", &p.SSH.RootPassword}, {"host-key", &p.SSH.HostKey}, {"legacy", &legacy},
		} {
			if v, ok := m[key.name]; ok {
				one("/ssh/"+key.name, v, key.to)
			}
		}
		p.SSH.Legacy = legacy == "true"
	}
	if m, ok := root["vars"].(map[string]any); ok {
		p.Vars = map[string]Var{}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			var v Var
			one("/vars/"+escape(name), m[name], &v)
			p.Vars[name] = v
		}
	}
	p.Flash = each[FlashStep](root["flash"], "/flash", one)
	p.Provision = each[ProvisionStep](root["provision"], "/provision", one)
	p.Checks = each[Check](root["checks"], "/checks", one)
	p.Finish = each[FinishStep](root["finish"], "/finish", one)
	return p
}

// each decodes the items of a list.
func each[T any](list any, pointer string, one func(string, any, any)) []T {
	items, _ := list.([]any)
	out := make([]T, len(items))
	for i, item := range items {
		one(fmt.Sprintf("%s/%d", pointer, i), item, &out[i])
	}
	return out
}

// tooLarge is a file that is larger than what may be read.
type tooLarge struct {
	name       string
	size, most int64
}

func (e *tooLarge) Error() string {
	return fmt.Sprintf("%s has %d bytes; at most %d are read", e.name, e.size, e.most)
}

func readAll(files Files, name string, most int64) ([]byte, error) {
	r, size, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // it was only read
	if size > most {
		return nil, &tooLarge{name, size, most}
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = &tooLarge{name, int64(len(b)), most}
	}
	return b, err
}

func within(dir, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(dir, file)
}

// resolve makes a path of one that stands at a place, and keeps it as named.
func (p *Profile) resolve(pointer, file string) string {
	path := within(filepath.Dir(p.tree.place(pointer).file), file)
	if !slices.Contains(p.named, path) {
		p.named = append(p.named, path)
	}
	return path
}

// Named are the files, images and bundles aside, that the profile names; Texts are its
// own and those of the profiles that it extends, its own first. The paths are as they
// are opened.
func (p *Profile) Named() []string { return p.named }

// Texts are the profile's file and those that it extends, in that order.
func (p *Profile) Texts() []string { return p.sources }

// Open opens one of the named files.
func (p *Profile) Open(name string) (io.ReadCloser, int64, error) { return p.files.Open(name) }

// ReadFile reads one of the named files, if it is not larger than most bytes.
func (p *Profile) ReadFile(name string, most int64) ([]byte, error) {
	return readAll(p.files, name, most)
}

// Errors takes apart what Load returned.
func Errors(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
