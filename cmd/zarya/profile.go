// This file is zarya profile: write, list, print, check, and the schema.

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/profiles"
)

//go:embed starter.yaml
var starter string

func newProfile(a *app) *cobra.Command {
	var secrets bool
	validate := &cobra.Command{
		Use: "validate PROFILE…", Short: "Say everything that is wrong with profiles", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.validateProfiles(args, secrets) },
	}
	validate.Flags().BoolVar(&secrets, "secrets", false, "secrets that are not at hand are errors")
	cmd := &cobra.Command{Use: "profile", Short: "Write, list, print and check profiles", Args: cobra.NoArgs}
	cmd.AddCommand(newProfileNew(a),
		validate,
		&cobra.Command{
			Use: "show PROFILE", Short: "Print a profile as it is understood, with where each value came from", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.showProfile(args[0]) },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of profiles, for editors", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.stdout.Write(profiles.Schema())
				return err
			},
		},
		&cobra.Command{
			Use: "list", Short: "List the profiles of this folder, of the search path, and those that come with the program", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error { return a.listProfiles() },
		},
	)
	return cmd
}

func newProfileNew(a *app) *cobra.Command {
	var models, targets []string
	cmd := &cobra.Command{
		Use: "new FILE [--model MODEL… | -s TARGET]", Short: "Write a profile to begin with, for the tablet that is plugged in", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.newProfileFile(args[0], models, targets) },
	}
	cmd.Flags().StringArrayVar(&models, "model", nil, "full `MODEL` code; repeatable")
	a.targetFlags(cmd, &targets)
	return cmd
}

func (a *app) validateProfiles(names []string, demandSecrets bool) error {
	type item struct {
		Profile string   `json:"profile"`
		Valid   bool     `json:"valid"`
		Errors  []string `json:"errors,omitempty"`
		Needs   []string `json:"needs,omitempty"` // what must be at hand when it is run
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	var items []item
	bad := 0
	for _, name := range names {
		found := a.maker().Validate(ctx, name, demandSecrets)
		it := item{Profile: name, Valid: len(found.Errors) == 0, Needs: found.Needs}
		for _, err := range found.Errors {
			it.Errors = append(it.Errors, err.Error())
		}
		if !it.Valid {
			bad++
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
			if len(it.Needs) > 0 {
				fmt.Fprintf(a.stdout, "  to run it: %s\n", strings.Join(it.Needs, ", "))
			}
		}
	}
	if bad > 0 {
		return exitStatus(exitInvalid)
	}
	return nil
}

func (a *app) showProfile(name string) error {
	p, err := a.maker().LoadProfile(name)
	if err != nil {
		return err
	}
	if a.json {
		return a.document("profile", []any{p})
	}
	doc, err := p.Resolved()
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(a.stdout)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(doc), enc.Close())
}

// profileItem is one line of the list.
type profileItem struct {
	Name   string   `json:"name"`
	File   string   `json:"file"` // built in for those of the program
	Models []string `json:"models"`
}

func (a *app) listProfiles() error {
	listed, err := a.maker().ListProfiles()
	if err != nil {
		return err
	}
	items := []profileItem{}
	for _, l := range listed {
		if l.Problem != nil {
			a.warn("%s is not a valid profile; zarya profile validate says why", l.File)
			continue
		}
		items = append(items, profileItem{l.Name, l.File, l.Models})
	}
	if a.json {
		return a.document("profiles", items)
	}
	for _, it := range items {
		fmt.Fprintf(a.stdout, "%-20s %-30s %s\n", it.Name, it.File, strings.Join(it.Models, ", "))
	}
	return nil
}

// starterModel stands in the text of a new profile where the models go.
const starterModel = "MODELS"

func (a *app) newProfileFile(path string, models, targets []string) error {
	if len(models) > 0 && len(targets) > 0 {
		return problem.New(problem.Usage, "give one of them", "--model and -s both say which tablet")
	}
	how := "put in your models"
	if len(models) == 0 {
		if found := a.pluggedIn(targets); len(found) > 0 {
			models, how = found, "made for the "+strings.Join(found, ", ")+" that is plugged in"
		} else if len(targets) > 0 {
			return problem.New(problem.NoDevice, "name it with --model", "no tablet there tells its model")
		} else {
			models = []string{"AGS3-L09"}
		}
	} else {
		how = "made for " + strings.Join(models, ", ")
	}
	text := strings.ReplaceAll(starter, starterModel, strings.Join(models, ", "))
	if _, err := profiles.Parse(path, []byte(text), profiles.Settings{}); err != nil {
		return problem.New(problem.Usage, "a model is a full code, such as AGS3-L09", "%w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a profile is no secret
	if errors.Is(err, fs.ErrExist) {
		return problem.New(problem.Usage, "name another file", "%s is there already", path)
	}
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return problem.New(problem.Station, "name a file that can be written", "%w", err)
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "wrote %s: %s; then zarya profile validate %s\n", path, how, path)
	}
	return nil
}

// pluggedIn are the models of tablets that are there and tell them.
func (a *app) pluggedIn(names []string) (models []string) {
	if len(names) == 0 && len(typedTargets(names)) == 0 {
		found, err := a.targets(nil)
		if err != nil {
			return nil // none, or several
		}
		names = []string{found[0].String()}
	}
	targets, err := a.targets(names)
	if err != nil {
		return nil
	}
	answers, err := each(a, targets, ask.Look)
	if err != nil {
		return nil
	}
	for _, r := range answers {
		if r.Value != nil && r.Value.Model != "" && !slices.Contains(models, r.Value.Model) {
			models = append(models, r.Value.Model)
		}
	}
	return models
}
