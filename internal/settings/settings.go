// Package settings reads the settings of a machine, and from them says where the machine keeps
// things: the ledger, the cache of prepared images, its keys.
//
// [Load] gathers them from the environment, then from the files of the project, of the user and of
// the system; the first that has a key counts. [Settings] is the result, a table of texts. A front
// end asks Settings.Lookup for each of Keys that it has, after what was typed; what a setting
// means is the business of those who use it.
package settings

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/problem"
)

// Settings are those of files; the environment is asked first.
type Settings map[string]string

// files returns the files that are read when --config names none, the first before
// the second.
func files() []string {
	list := []string{"zarya.yaml"}
	if dir := Folder(); dir != "" {
		list = append(list, filepath.Join(dir, "config.yaml"))
	}
	return append(list, "/etc/zarya/config.yaml")
}

// Load reads the file that --config names, or those that are there. own says that
// the verb is the station, whose own file may have more: for other verbs, which read it to find
// the station's ledger and fleet, that is not there.
func Load(named string, own bool) (Settings, error) {
	if named != "" {
		c, err := read(named, true)
		if !own {
			maps.DeleteFunc(c, func(key, _ string) bool { return isStations(key) })
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, problem.New(problem.Usage, "name an existing file", "--config: %w", err)
		}
		return c, err
	}
	all := Settings{}
	for _, file := range files() {
		c, err := read(file, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(c, func(key, _ string) bool { _, have := all[key]; return have })
		maps.Copy(all, c)
	}
	return all, nil
}

// read reads one file: lines of KEY: VALUE. own says that it is the station's own.
func read(file string, own bool) (Settings, error) {
	text, err := os.ReadFile(file) //nolint:gosec // settings of the user, the project or the system
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, problem.New(problem.Station, "", "settings: %w", err)
	}
	var lines map[string]yaml.Node
	err = yaml.Unmarshal(text, &lines)
	var values map[string]settingValue
	if err == nil {
		values, err = flat(lines)
	}
	if err != nil {
		return nil, problem.New(problem.Invalid, "it has lines such as ledger: sqlite:/var/lib/zarya/ledger.db", "%s: %w", file, err)
	}
	c := Settings{}
	for key, value := range values {
		list := slices.Contains(Lists, key)
		switch {
		case isStations(key) && !own:
			return nil, problem.New(problem.Invalid, "type it each time; only zarya station --config FILE may have it in FILE",
				"%s: there is no setting %s for all verbs", file, key)
		case !isStations(key) && !slices.Contains(Keys, key):
			return nil, problem.New(problem.Invalid, "choose one of "+strings.Join(Keys, ", "), "%s: there is no setting %q", file, key)
		case !list && len(value) != 1:
			return nil, problem.New(problem.Invalid, "write one value", "%s: %s is a list", file, key)
		}
		c[key] = strings.Join(value, listSeparator)
	}
	return c, nil
}

// isStations says whether only a station's own file has a key: for all verbs, it would agree to
// what nobody reads.
func isStations(key string) bool { return key == "yes" || slices.Contains(Lists, key) }

// group is the one key that has keys of its own: fleet: {database: …} is fleet-database.
const group = "fleet"

// flat reads the values, those of the group under their whole names.
func flat(lines map[string]yaml.Node) (map[string]settingValue, error) {
	values := map[string]settingValue{}
	for key, node := range lines {
		if key == group && node.Kind == yaml.MappingNode {
			var own map[string]settingValue
			if err := node.Decode(&own); err != nil {
				return nil, err
			}
			for k, v := range own {
				values[group+"-"+k] = v
			}
			continue
		}
		var v settingValue
		if err := node.Decode(&v); err != nil {
			return nil, err
		}
		values[key] = v
	}
	return values, nil
}

// listSeparator stands between the values of a list. No value has it.
const listSeparator = "\n"

// settingValue is one value, or a list of them.
type settingValue []string

// UnmarshalYAML reads either.
func (v *settingValue) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		return n.Decode((*[]string)(v))
	}
	var one string
	err := n.Decode(&one)
	*v = settingValue{one}
	return err
}

// Lookup returns a setting of the environment or a file, and where it comes from.
func (s Settings) Lookup(key string) (value, source string) {
	variable := "ZARYA_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
	if v := os.Getenv(variable); v != "" {
		return v, variable
	}
	return s[key], "the setting " + key
}

// Values are those of a key that may have several, see [Lists]; or the one of another key.
func (s Settings) Values(key string) []string {
	if s[key] == "" {
		return nil
	}
	return strings.Split(s[key], listSeparator)
}
