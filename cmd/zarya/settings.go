// This file is what the command line takes from this machine's settings: flags that were
// not typed, the cache, and what recipes are made with.

package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/words"
)

// applyConfig gives a verb's flags that were not typed the values of the settings.
func (a *app) applyConfig(cmd *cobra.Command, named string) (err error) {
	if named == "" {
		named = os.Getenv("ZARYA_CONFIG")
	}
	if a.Settings, err = settings.Load(named, cmd.Name() == "station"); err != nil {
		return err
	}
	for _, key := range settings.Keys {
		if value, source := a.Settings.Lookup(key); value != "" {
			if err := setUntyped(cmd, key, source, value); err != nil {
				return err
			}
		}
	}
	if a.lang != "" && words.Language(a.lang, os.Getenv) != a.lang {
		return problem.New(problem.Usage, "en or ru", "--lang %s: there are no words in this language", a.lang)
	}
	return nil
}

// applyStationConfig gives the station's flags that were not typed the values of its own file.
func (a *app) applyStationConfig(cmd *cobra.Command) error {
	for _, key := range append([]string{"yes"}, settings.Lists...) {
		if err := setUntyped(cmd, key, "the setting "+key, a.Settings.Values(key)...); err != nil {
			return err
		}
	}
	return nil
}

// setUntyped sets a flag, if the verb has it and it was not typed.
func setUntyped(cmd *cobra.Command, name, source string, values ...string) error {
	flag := cmd.Flags().Lookup(name)
	if flag == nil || flag.Changed {
		return nil
	}
	for _, v := range values {
		if err := flag.Value.Set(v); err != nil {
			return problem.New(problem.Usage, "", "%s: %q: %w", source, v, err)
		}
	}
	return nil
}

// openImages opens images until the first signal.
func (a *app) openImages(uses ...recipe.ImageUse) (recipe.Images, error) {
	return a.Maker().OpenImages(a.Context, uses)
}
