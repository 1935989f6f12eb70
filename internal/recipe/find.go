// This file finds profiles: by file, or by name in the user's folder, the station's, and
// among those that come with the program.

package recipe

import (
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

// ProfileFolders returns the folders that are searched for the name of a profile, the
// first before the second.
func (m *Maker) ProfileFolders() []string {
	return []string{filepath.Join(m.Config, "profiles"), filepath.Join(stationConfig, "profiles")}
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
	if errors.Is(err, fs.ErrNotExist) {
		file, text, ok := m.NamedProfile(name)
		if !ok {
			return nil, problem.New(problem.Invalid, "zarya profile list shows what there is", "there is no profile %s", name)
		}
		p, err = profiles.Parse(file, text, settings)
	}
	return p, invalidProfile(err)
}

func invalidProfile(err error) error {
	if err != nil {
		err = problem.New(problem.Invalid, "mend the profile; nothing was done", "%w", err)
	}
	return err
}

// exists reports whether there is a file or folder at path.
func exists(path string) bool { _, err := os.Stat(path); return err == nil }
