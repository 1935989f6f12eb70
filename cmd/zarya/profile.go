// This file is zarya profile: write, list, print, check, and the schema.

package main

import (
	_ "embed"
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/author"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/show"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/profiles"
)

func newProfile(a *app) *cobra.Command {
	var secrets bool
	validate := &cobra.Command{
		Use: "validate PROFILE…", Short: "List everything that is wrong with profiles", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.validateProfiles(args, secrets) },
	}
	validate.Flags().BoolVar(&secrets, "secrets", false, "secrets that are not at hand are errors")
	cmd := &cobra.Command{Use: "profile", Short: "Write, list, print and check profiles", Args: cobra.NoArgs}
	cmd.AddCommand(newProfileNew(a),
		validate,
		&cobra.Command{
			Use: "show PROFILE", Short: "Print a profile as zarya understands it, and where each value came from", Args: cobra.ExactArgs(1),
			RunE: func(_ *cobra.Command, args []string) error { return a.showProfile(args[0]) },
		},
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of profiles, for editors", Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				_, err := a.Out.Write(profiles.Schema())
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
		Use:   "new FILE [--model MODEL… | -s TARGET]",
		Short: "Write a profile to start with, for the tablet that is plugged in", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.newProfileFile(args[0], models, targets) },
	}
	cmd.Flags().StringArrayVar(&models, "model", nil, "full `MODEL` code; repeatable")
	a.targetFlags(cmd, &targets)
	return cmd
}

func (a *app) validateProfiles(names []string, demandSecrets bool) error {
	var items []show.Validation
	valid := true
	for _, name := range names {
		it := show.OfValidation(name, a.Maker().Validate(a.Context, name, demandSecrets))
		items, valid = append(items, it), valid && it.Valid
	}
	if err := console.Items(a.Console, "profiles", items); err != nil || valid {
		return err
	}
	return problem.Said(problem.Invalid)
}

func (a *app) showProfile(name string) error {
	p, err := a.Maker().LoadProfile(name)
	if err != nil {
		return err
	}
	if a.JSON {
		return a.Document("profile", []any{p})
	}
	doc, err := p.Resolved()
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(a.Out)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(doc), enc.Close())
}

func (a *app) listProfiles() error {
	listed, err := a.Maker().ListProfiles()
	if err != nil {
		return err
	}
	items, broken := show.OfProfiles(listed)
	for _, file := range broken {
		a.Warnf("%s is not a valid profile; zarya profile validate says why", file)
	}
	return console.Items(a.Console, "profiles", items)
}

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
	if err := author.NewProfile(path, models); err != nil {
		return err
	}
	a.Notef("wrote %s: %s; then zarya profile validate %s", path, how, path)
	return nil
}

// pluggedIn are the models of tablets that are there and tell them.
func (a *app) pluggedIn(names []string) (models []string) {
	if len(names) == 0 && len(runs.Named(names)) == 0 {
		found, err := a.Targets(nil)
		if err != nil {
			return nil // none, or several
		}
		names = []string{found[0].String()}
	}
	targets, err := a.Targets(names)
	if err != nil {
		return nil
	}
	answers, err := runs.Each(&a.Front, targets, ask.Look)
	if err != nil {
		return nil
	}
	return ask.Models(answers)
}
