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
	"age-key", "cache", "cache-size", "concurrency", "ledger", "lock-dir", "lock-wait", "lot", "no-color", "no-input",
	"operator", "quiet", "scanner", "station", "trust", "verbose", "wait-for-device",
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

// loadConfig reads the file that --config names, or those that are there.
func loadConfig(named string) (config, error) {
	if named != "" {
		c, err := readConfig(named)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, problem.New(problem.Usage, "name a file that is there", "--config: %w", err)
		}
		return c, err
	}
	all := config{}
	for _, file := range configFiles() {
		c, err := readConfig(file)
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

// readConfig reads one file: lines of KEY: VALUE.
func readConfig(file string) (config, error) {
	text, err := os.ReadFile(file) //nolint:gosec // settings of the user, the project or the system
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, problem.New(problem.Station, "", "settings: %w", err)
	}
	c := config{}
	if err := yaml.Unmarshal(text, &c); err != nil {
		return nil, problem.New(problem.Invalid, "it has lines such as ledger: sqlite:/var/lib/zarya/ledger.db", "%s: %w", file, err)
	}
	for key := range c {
		if !slices.Contains(configKeys, key) {
			return nil, problem.New(problem.Invalid, "known are "+strings.Join(configKeys, ", "), "%s: there is no setting %q", file, key)
		}
	}
	return c, nil
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
	if a.config, err = loadConfig(named); err != nil {
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
