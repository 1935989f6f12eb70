// This file finds every tablet on USB that a profile or a bundle is for.

package ask

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// askModel bounds how long one tablet may take to say what it is.
const askModel = 10 * time.Second

// Matching returns every tablet on USB that reports one of the models, and waits for expect
// of them; 0 is any number. A tablet that reports another model, or none, is left alone and is
// among the others, with what it is.
func Matching(ctx context.Context, b *target.Bench, models []string, expect int, wait time.Duration) (
	matching []target.Target, others []string, err error) {
	asked := map[string]string{} // what each device said, by port and address: it is asked once
	_, err = b.WaitUntil(ctx, wait, func() (bool, error) {
		bus, names, err := b.Plugged()
		if err != nil {
			return false, err
		}
		matching, others = nil, nil
		for _, d := range bus.Tablets() {
			t := b.At(d.Port, names)
			model := modelOf(ctx, t, d, asked)
			if slices.ContainsFunc(models, func(m string) bool { return strings.EqualFold(m, model) }) {
				matching = append(matching, t)
			} else {
				others = append(others, fmt.Sprintf("%s (%s)", t, model))
			}
		}
		return len(matching) > 0 && len(matching) >= expect, nil
	})
	const hint = "zarya devices shows what is plugged in"
	switch {
	case err != nil:
	case len(matching) == 0:
		err = problem.New(problem.NoDevice, hint, "no tablet on USB is one of %s", strings.Join(models, ", "))
	case len(matching) < expect:
		err = problem.New(problem.NoDevice, hint, "%d tablets match, and --expect says %d: nothing was written", len(matching), expect)
	}
	return matching, others, err
}

// modelOf asks a tablet what it is, once for each time that it is plugged in.
func modelOf(ctx context.Context, t target.USB, d usb.Device, asked map[string]string) string {
	key := fmt.Sprintf("%s at %d, %s", t, d.Address, d.Mode)
	if model, ok := asked[key]; ok {
		return model
	}
	ctx, cancel := context.WithTimeout(ctx, askModel)
	defer cancel()
	model, err := t.Model(ctx)
	switch {
	case err != nil:
		model = "it does not say what it is: " + err.Error()
	case model == "":
		model = "it does not say what it is"
	}
	asked[key] = model
	return model
}

// Models are the models that targets told, each once.
func Models(answers []Answer[Device]) (models []string) {
	for _, r := range answers {
		if r.Value != nil && r.Value.Model != "" && !slices.Contains(models, r.Value.Model) {
			models = append(models, r.Value.Model)
		}
	}
	return models
}
