// This file reads settings: from flags, then the environment, then files of the project,
// the user and the system. The first that has a key counts.

package main

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/problem"
)

// configKeys are the keys that a file of settings may have, and the environment as
// ZARYA_KEY. A key that is also a flag of the verb stands for the flag. What makes
// writing possible (--yes, --allow-partition, targets) is not among them.
var configKeys = []string{
	"age-key", "bell", "cache", "cache-size", "concurrency", "lang", "ledger", "listen", "lock-dir", "lock-wait", "lot", "no-color",
	"no-input", "operator", "page-cert", "page-key", "page-token-file", "plan", "quiet", "scanner", "station", "trust", "verbose",
	"wait-for-device",
}

// config are the settings of files; the environment is asked first.
type config map[string]string

// configFiles returns the files that are read when --config names none, the first before
// the second.
func configFiles() []string {
	files := []string{"zarya.yaml"}
	if dir := configFolder(); dir != "" {
		files = append(files, filepath.Join(dir, "config.yaml"))
	}
	return append(files, "/etc/zarya/config.yaml")
}

// loadConfig reads the file that --config names, or those that are there. isStation says that
// the verb is the station, whose own file may have more.
func loadConfig(named string, isStation bool) (config, error) {
	if named != "" {
		c, err := readConfig(named, isStation)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, problem.New(problem.Usage, "name a file that is there", "--config: %w", err)
		}
		return c, err
	}
	all := config{}
	for _, file := range configFiles() {
		c, err := readConfig(file, false)
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

// readConfig reads one file: lines of KEY: VALUE. isStation says that
// it is the station's own.
func readConfig(file string, isStation bool) (config, error) {
	text, err := os.ReadFile(file) //nolint:gosec // settings of the user, the project or the system
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, problem.New(problem.Station, "", "settings: %w", err)
	}
	var values map[string]settingValue
	if err := yaml.Unmarshal(text, &values); err != nil {
		return nil, problem.New(problem.Invalid, "it has lines such as ledger: sqlite:/var/lib/zarya/ledger.db", "%s: %w", file, err)
	}
	c := config{}
	for key, value := range values {
		list := slices.Contains(stationLists, key)
		switch {
		case (list || key == "yes") && !isStation:
			return nil, problem.New(problem.Invalid, "type it each time; only zarya station --config FILE may have it in FILE", "%s: there is no setting %s for all verbs", file, key)
		case !list && key != "yes" && !slices.Contains(configKeys, key):
			return nil, problem.New(problem.Invalid, "known are "+strings.Join(configKeys, ", "), "%s: there is no setting %q", file, key)
		case !list && len(value) != 1:
			return nil, problem.New(problem.Invalid, "write one value", "%s: %s is a list", file, key)
		}
		c[key] = strings.Join(value, listSeparator)
	}
	return c, nil
}

// stationLists are the settings of a station's own file that have several values. With "yes"
// they make writing possible, so only a file that --config names may have them.
var stationLists = []string{"profile", "bundle", "target", "golden"}

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

// applyStationConfig gives the station's flags that were not typed the values of its own file.
func (a *app) applyStationConfig(cmd *cobra.Command) error {
	for _, key := range append([]string{"yes"}, stationLists...) {
		flag, value := cmd.Flags().Lookup(key), a.config[key]
		if flag == nil || flag.Changed || value == "" {
			continue
		}
		for _, v := range strings.Split(value, listSeparator) {
			if err := flag.Value.Set(v); err != nil {
				return problem.New(problem.Usage, "", "the setting %s: %q: %w", key, v, err)
			}
		}
	}
	return nil
}

// lookup returns a setting of the environment or a file, and where it comes from.
func (c config) lookup(key string) (value, source string) {
	variable := "ZARYA_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
	if v := os.Getenv(variable); v != "" {
		return v, variable
	}
	return c[key], "the setting " + key
}

// applyConfig gives a verb's flags that were not typed the values of the settings.
func (a *app) applyConfig(cmd *cobra.Command, named string) (err error) {
	if named == "" {
		named = os.Getenv("ZARYA_CONFIG")
	}
	if a.config, err = loadConfig(named, cmd.Name() == "station"); err != nil {
		return err
	}
	for _, key := range configKeys {
		flag := cmd.Flags().Lookup(key)
		value, source := a.config.lookup(key)
		if flag == nil || flag.Changed || value == "" {
			continue
		}
		if err := flag.Value.Set(value); err != nil {
			return problem.New(problem.Usage, "", "%s: %q: %w", source, value, err)
		}
	}
	return nil
}
