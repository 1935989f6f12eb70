// This file is zarya profile: write, list, print, check, and the schema.

package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/profiles"
)

//go:embed starter.yaml
var starter []byte

func newProfile(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "Write, list, print and check profiles", Args: cobra.NoArgs}
	cmd.AddCommand(
		&cobra.Command{
			Use: "validate PROFILE…", Short: "Say everything that is wrong with profiles", Args: cobra.MinimumNArgs(1),
			Example: "  zarya profile validate census.yaml",
			RunE:    func(_ *cobra.Command, args []string) error { return a.validateProfiles(args) },
		},
		&cobra.Command{
			Use: "show PROFILE", Short: "Print a profile as it is understood, secrets hidden", Args: cobra.ExactArgs(1),
			Example: "  zarya profile show census.yaml",
			RunE:    func(_ *cobra.Command, args []string) error { return a.showProfile(args[0]) },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of profiles, for editors", Args: cobra.NoArgs,
			Example: "  zarya profile schema > zarya-profile.schema.json",
			RunE: func(*cobra.Command, []string) error {
				_, err := a.stdout.Write(profiles.Schema)
				return err
			},
		},
		&cobra.Command{
			Use: "list", Short: "List the profiles in this folder and in the user's", Args: cobra.NoArgs,
			Example: "  zarya profile list --json",
			RunE:    func(*cobra.Command, []string) error { return a.listProfiles() },
		},
		&cobra.Command{
			Use: "new FILE", Short: "Write a profile to begin with", Args: cobra.ExactArgs(1),
			Example: "  zarya profile new census.yaml",
			RunE:    func(_ *cobra.Command, args []string) error { return a.newProfileFile(args[0]) },
		},
	)
	return cmd
}

func (a *app) validateProfiles(names []string) error {
	type item struct {
		Profile string   `json:"profile"`
		Valid   bool     `json:"valid"`
		Errors  []string `json:"errors,omitempty"`
	}
	var items []item
	bad := 0
	for _, name := range names {
		it := item{Profile: name, Valid: true}
		if _, err := loadProfile(name); err != nil {
			it.Valid = false
			bad++
			var e *exitError
			if errors.As(err, &e) {
				err = e.err
			}
			if inner := errors.Unwrap(err); inner != nil {
				err = inner
			}
			for _, one := range profiles.Errors(err) {
				it.Errors = append(it.Errors, one.Error())
			}
		}
		items = append(items, it)
	}
	if a.json {
		if err := a.document("profiles", items); err != nil {
			return err
		}
	} else {
		for _, it := range items {
			if it.Valid {
				fmt.Fprintf(a.stdout, "%s: valid\n", it.Profile)
			}
			for _, e := range it.Errors {
				fmt.Fprintln(a.stdout, e)
			}
		}
	}
	if bad > 0 {
		return &exitError{code: exitInvalid}
	}
	return nil
}

func (a *app) showProfile(name string) error {
	p, err := loadProfile(name)
	if err != nil {
		return err
	}
	if a.json {
		return a.document("profile", []any{p})
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	var tree yaml.Node // JSON is YAML; the order of the keys is kept
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return err
	}
	plainStyle(&tree)
	enc := yaml.NewEncoder(a.stdout)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(&tree), enc.Close())
}

// plainStyle turns JSON's braces and quotes into YAML's indentation.
func plainStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plainStyle(c)
	}
}

func (a *app) listProfiles() error {
	type item struct {
		Name   string   `json:"name"`
		File   string   `json:"file"`
		Models []string `json:"models"`
	}
	items := []item{}
	for _, dir := range []string{".", profileFolder()} {
		files, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(exitStation, "", "%w", err)
		}
		for _, f := range files {
			if ext := filepath.Ext(f.Name()); ext != ".yaml" && ext != ".yml" || f.IsDir() {
				continue
			}
			path := filepath.Join(dir, f.Name())
			p, err := profiles.Load(path)
			switch {
			case err == nil:
				items = append(items, item{p.Name, path, p.Tablet.Models})
			case dir != ".": // what is no profile in a working folder is nobody's business
				a.warn("%s is not a valid profile; zarya profile validate says why", path)
			}
		}
	}
	if a.json {
		return a.document("profiles", items)
	}
	for _, it := range items {
		fmt.Fprintf(a.stdout, "%-20s %-30s %s\n", it.Name, it.File, strings.Join(it.Models, ", "))
	}
	return nil
}

func (a *app) newProfileFile(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a profile is no secret
	if errors.Is(err, fs.ErrExist) {
		return fail(exitUsage, "name another file", "%s is there already", path)
	}
	if err == nil {
		_, err = f.Write(starter)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fail(exitStation, "name a file that can be written", "%w", err)
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "wrote %s: put in your models and images, then zarya profile validate %s\n", path, path)
	}
	return nil
}
