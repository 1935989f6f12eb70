// This file is several recipes of one station: the tablet chooses which one is for it.

package recipe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
)

// Set is recipes of which at most one is for any model. It is not changed after NewSet.
type Set struct{ recipes []*Recipe }

// NewSet joins recipes. Two that are for one model are a problem: which of them a tablet
// would get must not depend on their order. The set owns the recipes.
func NewSet(recipes ...*Recipe) (*Set, error) {
	owner := map[string]*Recipe{}
	for _, r := range recipes {
		if len(r.Models()) == 0 {
			return nil, problem.New(problem.Invalid, "write tablet: {models: […]} in the profile",
				"%s does not say for which models it is: a station lets the tablet choose", r.Title())
		}
		for _, m := range r.Models() {
			key := strings.ToLower(m)
			if other := owner[key]; other != nil && other != r {
				return nil, problem.New(problem.Invalid, "leave one of them out, or take the model out of one of them",
					"%s and %s are both for %s", other.Title(), r.Title(), m)
			}
			owner[key] = r
		}
	}
	return &Set{recipes}, nil
}

// PrepareSet makes the recipes of several profiles and of bundles with a profile in each.
// What they have in common is said once.
func (m *Maker) PrepareSet(ctx context.Context, common Request, profiles, bundles []string) (*Set, error) {
	var requests []Request
	for _, p := range profiles {
		common.Profile, common.Bundle = p, ""
		requests = append(requests, common)
	}
	for _, b := range bundles {
		common.Profile, common.Bundle = "", b
		requests = append(requests, common)
	}
	set := &Set{}
	for _, q := range requests {
		r, err := m.Prepare(ctx, q)
		if err != nil {
			set.Close()
			return nil, err
		}
		set.recipes = append(set.recipes, r)
	}
	checked, err := NewSet(set.recipes...)
	if err != nil {
		set.Close()
	}
	return checked, err
}

// Title names the recipes, for a person.
func (s *Set) Title() string {
	titles := make([]string, len(s.recipes))
	for i, r := range s.recipes {
		titles[i] = r.Title()
	}
	return strings.Join(titles, "; ")
}

// Models returns the models that one of the recipes is for.
func (s *Set) Models() (models []string) {
	for _, r := range s.recipes {
		models = append(models, r.Models()...)
	}
	return models
}

// Pools returns the pools that the recipes take identities of.
func (s *Set) Pools() (pools []string) {
	for _, r := range s.recipes {
		if id := r.profile.Identity; id != nil && !slices.Contains(pools, id.Pool) {
			pools = append(pools, id.Pool)
		}
	}
	return pools
}

// Close closes the images of all recipes.
func (s *Set) Close() {
	for _, r := range s.recipes {
		r.Close()
	}
}

// Job makes the job of one target, whose tablet chooses what is done. One that none of the
// recipes is for is left alone. A tablet that is booted is reached as the first recipe says.
func (s *Set) Job(id string, t flash.Target) flash.Job {
	j := s.recipes[0].Job(id, t)
	j.Images, j.Steps = nil, nil
	j.Bundle, j.Source, j.LeaveForeign = "", flash.Source{}, true
	if len(s.recipes) > 1 {
		j.Profile = ""
	}
	j.Plan = s.plan
	return j
}

// plan chooses for a tablet that has said what it is. What does not report is preflight's to
// refuse, if there is only one thing that could be done.
func (s *Set) plan(k flash.Key) (flash.Plan, error) {
	if k.Product == "" {
		return flash.Plan{}, &flash.Failure{Class: flash.ClassDevice, Hint: "name its profile: zarya run --profile P -s TARGET",
			Message: "the tablet does not report its product, so nothing here can be chosen for it"}
	}
	for _, r := range s.recipes {
		if r.variantFor(k.Product) == nil {
			continue
		}
		p, err := r.choosePlan(k)
		j := r.Job("", nil)
		p.Profile = &flash.ProfilePart{Name: r.profile.Name, System: j.System, Boot: j.Boot, Pool: j.Pool, Words: j.Words, Hooks: j.Hooks}
		return p, err
	}
	return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Err: flash.ErrForeign,
		Hint:    "put this tablet back, or use the bundle made for it",
		Message: fmt.Sprintf("the tablet is %q, and this station works on %s", k.Product, strings.Join(s.Models(), ", "))}
}

// Shelf is the set that a station uses now. It is also the supply of identities of all
// sets: each pool's identities are handed out as the recipe that names the pool says.
type Shelf struct {
	flash.Identities // the supply itself
	secrets          *flash.Secrets
	now              atomic.Pointer[Set]
}

// NewShelf makes a shelf with a set on it. Secrets of identities go into secrets.
func NewShelf(set *Set, supply flash.Identities, secrets *flash.Secrets) *Shelf {
	s := &Shelf{Identities: supply, secrets: secrets}
	s.now.Store(set)
	return s
}

// Set returns the set that is used now.
func (s *Shelf) Set() *Set { return s.now.Load() }

// Put replaces the set and returns the one before, which jobs under way still use.
func (s *Shelf) Put(set *Set) (before *Set) { return s.now.Swap(set) }

// Assign gives an identity as the recipe of its pool says.
func (s *Shelf) Assign(ctx context.Context, pool, serial, job string) (*flash.Identity, error) {
	return s.supply(pool).Assign(ctx, pool, serial, job)
}

// Held returns the identity that a tablet has, its secrets hidden.
func (s *Shelf) Held(ctx context.Context, pool, serial string) (*flash.Identity, error) {
	return s.supply(pool).Held(ctx, pool, serial)
}

func (s *Shelf) supply(pool string) flash.Identities {
	for _, r := range s.Set().recipes {
		if id := r.profile.Identity; id != nil && id.Pool == pool {
			return r.HideIdentities(s.Identities, s.secrets)
		}
	}
	return s.Identities
}
