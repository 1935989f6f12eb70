// This file finds profiles: by file, or by name in the user's folder, the station's, and
// among those that come with the program.

package recipe

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/profiles"
)

// stationConfig is the folder of the station's own configuration.
const stationConfig = "/etc/zarya"

func (m *Maker) machineFolder() string { return cmp.Or(m.Machine, stationConfig) }

// ProfileFolders returns the folders that are searched for the name of a profile, the
// first before the second.
func (m *Maker) ProfileFolders() []string {
	return []string{filepath.Join(m.Config, "profiles"), filepath.Join(m.machineFolder(), "profiles")}
}

// NamedProfile finds a profile by its name: in the search path, then among those that
// come with the program. ok is false if there is none.
func (m *Maker) NamedProfile(name string) (file string, text []byte, ok bool) {
	if strings.ContainsRune(name, filepath.Separator) {
		return "", nil, false
	}
	for _, dir := range m.ProfileFolders() {
		file := filepath.Join(dir, name+".yaml")
		if text, err := os.ReadFile(file); err == nil { //nolint:gosec // the user's own profiles
			return file, text, true
		}
	}
	text, ok = profiles.Builtin(name)
	return name + ".yaml" + builtinMark, text, ok
}

// builtinMark ends the file name of a profile that comes with the program.
const builtinMark = " (built in)"

// LoadProfile reads the profile that --profile names: a file, or a name.
func (m *Maker) LoadProfile(name string) (*profiles.Profile, error) {
	if name == "" {
		return nil, problem.New(problem.Usage, "zarya profile new writes one to begin with", "name a profile with --profile")
	}
	settings := profiles.Settings{Base: m.NamedProfile}
	p, err := profiles.Load(name, settings)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, invalidProfile(err)
	}
	if file, text, ok := m.NamedProfile(name); ok {
		p, err = profiles.Parse(file, text, settings)
		return p, invalidProfile(err)
	}
	listed, err := m.ListProfiles()
	if err != nil {
		return nil, err
	}
	for _, l := range listed {
		if l.Name == name && l.Problem == nil {
			p, err = profiles.Load(l.File, settings)
			return p, invalidProfile(err)
		}
	}
	return nil, problem.New(problem.Invalid, "zarya profile list shows what there is", "there is no profile %s", name)
}

// Listed is a profile that can be named.
type Listed struct {
	Name    string
	File    string // "built in" for those that come with the program
	Models  []string
	Problem error // why it cannot be used; then there is only File
}

// ListProfiles returns the profiles of this folder, of the search path, and those that
// come with the program. A file in this folder that is no profile is left out.
func (m *Maker) ListProfiles() ([]Listed, error) {
	var all []Listed
	settings := profiles.Settings{Base: m.NamedProfile}
	for _, dir := range append([]string{"."}, m.ProfileFolders()...) {
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, problem.New(problem.Station, "", "%w", err)
		}
		for _, f := range files {
			if ext := filepath.Ext(f.Name()); ext != ".yaml" && ext != ".yml" || f.IsDir() {
				continue
			}
			path := filepath.Join(dir, f.Name())
			p, err := profiles.Load(path, settings)
			switch {
			case err == nil:
				all = append(all, Listed{p.Name, path, p.Tablet.Models, nil})
			case dir != ".":
				all = append(all, Listed{File: path, Problem: err})
			}
		}
	}
	for _, name := range profiles.Builtins() {
		text, _ := profiles.Builtin(name)
		p, err := profiles.Parse(name+".yaml", text, settings)
		if err != nil {
			return nil, err
		}
		all = append(all, Listed{name, "built in", p.Tablet.Models, nil})
	}
	return all, nil
}

func invalidProfile(err error) error {
	if err != nil {
		err = problem.New(problem.Invalid, "fix the profile; nothing was done", "%w", err)
	}
	return err
}

// exists reports whether there is a file or folder at path.
func exists(path string) bool { _, err := os.Stat(path); return err == nil }
