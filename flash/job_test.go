// One job on one tablet at a time: what a plan, an identity, an unlock code and the
// options of steps do to it, and what a person is told where they do not.

package flash_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/usb"
)

// ran is what is left of one job.
type ran struct {
	done   flash.JobDone
	events []flash.Event
	state  virtual.State // of the tablet
}

// says joins what was reported as warning, retry or result.
func (r ran) says() string {
	var all []string
	for _, e := range r.events {
		switch b := e.Body.(type) {
		case flash.Warning:
			all = append(all, b.Message)
		case flash.JobDone:
			all = append(all, b.Error, b.Hint)
		}
	}
	return strings.Join(all, "\n")
}

// results are those of the steps, in order.
func (r ran) results() (all []string) {
	for _, e := range r.events {
		if d, ok := e.Body.(flash.StepDone); ok {
			all = append(all, string(d.Result))
		}
	}
	return all
}

// runOne runs a job on a tablet of the family kirin710a-ags3, in a bubble.
func runOne(t *testing.T, c virtual.Config, job flash.Job, set func(*flash.EngineOptions)) (out ran) {
	t.Helper()
	inBubble(t, func(_ *testing.T, b *bubble) {
		if c.Serial == "" {
			c.Serial = "SN1"
		}
		st := b.plug("t", "kirin710a-ags3", c)
		var o flash.EngineOptions
		if set != nil {
			set(&o)
		}
		if job.ID == "" {
			job.ID = "1"
		}
		if job.Scope == "" {
			job.Scope = flash.ScopeFlash
		}
		if job.Target == nil {
			job.Target = b.at("t")
		}
		out.done = b.run(o, job)[0]
		out.events, out.state = b.events, st.device.State()
	})
	return out
}

func noError() error { return nil }

// codes are unlock codes for one tablet.
type codes struct {
	code    string
	tried   bool
	failing string // the method that fails
	said    []string
}

var errCodes = errors.New("the file of codes is gone")

func (c *codes) at(what string) error {
	c.said = append(c.said, what)
	if c.failing == what {
		return errCodes
	}
	return nil
}

func (c *codes) Code(*flash.Session) (string, error) { return c.code, c.at("code") }
func (c *codes) Tried(context.Context, *flash.Session, string) (bool, error) {
	return c.tried, c.at("tried")
}
func (c *codes) Trying(context.Context, *flash.Session, string) error { return c.at("trying") }
func (c *codes) Worked(context.Context, *flash.Session, string) error { return c.at("worked") }

func TestUnlock(t *testing.T) {
	locked, err := virtual.ParseFault("locked")
	if err != nil {
		t.Fatal(err)
	}
	const right = "1234567890123456"
	for name, c := range map[string]struct {
		codes    codes
		unlocked bool // before
		class    flash.Class
		says     string
		sent     int // codes
		result   string
	}{
		"the right code":     {codes: codes{code: right}, sent: 1, result: "changed"},
		"unlocked already":   {codes: codes{}, unlocked: true, result: "already"},
		"no code":            {codes: codes{}, class: flash.ClassLocked, says: "no unlock code for this tablet"},
		"tried before":       {codes: codes{code: right, tried: true}, class: flash.ClassLocked, says: "went to this tablet before"},
		"a wrong code":       {codes: codes{code: "6543210987654321"}, class: flash.ClassLocked, says: "oem unlock", sent: 1, result: "fail"},
		"no file of codes":   {codes: codes{failing: "code"}, class: flash.ClassBug, says: "the file of codes is gone"},
		"no record of tries": {codes: codes{code: right, failing: "tried"}, class: flash.ClassBug, says: "the file of codes is gone"},
		"try is not recorded": {codes: codes{code: right, failing: "trying"}, class: flash.ClassStation,
			says: "the unlock code could not be recorded", result: "fail"},
		"success not recorded": {codes: codes{code: right, failing: "worked"}, class: flash.ClassStation,
			says: "the unlock code could not be recorded", sent: 1, result: "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			config := virtual.Config{UnlockCode: right}
			if !c.unlocked {
				config.Faults = []virtual.Fault{locked}
			}
			r := runOne(t, config, flash.Job{Steps: []flash.Step{flash.Unlock{Codes: &c.codes}.Step()}}, nil)
			if r.done.Class != c.class || !strings.Contains(r.done.Error, c.says) || (r.done.Result == flash.Pass) != (c.class == "") {
				t.Errorf("%+v", r.done)
			}
			if strings.Join(r.results(), " ") != c.result || len(r.state.Codes) != c.sent {
				t.Errorf("steps: %v, codes that were sent: %v", r.results(), r.state.Codes)
			}
			if strings.Contains(r.says(), right) || strings.Contains(r.says(), "6543210987654321") {
				t.Errorf("the code is shown: %s", r.says())
			}
			if want := !c.unlocked && (c.sent == 0 || c.codes.code != right); r.state.Locked != want {
				t.Errorf("afterwards it is locked: %v", r.state.Locked)
			}
		})
	}
}

// pool is a supply of one identity.
type pool struct {
	err, bindErr, burnErr error
	calls                 []string
}

func (p *pool) Assign(_ context.Context, pool, serial, _ string) (*flash.Identity, error) {
	p.calls = append(p.calls, "assign "+serial)
	if p.err != nil {
		return nil, p.err
	}
	return &flash.Identity{Pool: pool, ID: 7, Columns: map[string]string{"inventory": "C-7", "name": "kiosk-7"}}, nil
}

func (p *pool) Release(string) { p.calls = append(p.calls, "release") }

func (p *pool) Held(context.Context, string, string) (*flash.Identity, error) { return nil, p.err }
func (p *pool) Bind(context.Context, *flash.Identity, string) error {
	p.calls = append(p.calls, "bind")
	return p.bindErr
}

func (p *pool) Burn(context.Context, *flash.Identity, string) error {
	p.calls = append(p.calls, "burn")
	return p.burnErr
}

func TestIdentityOfAJob(t *testing.T) {
	disk := errors.New("no space left on device")
	for name, c := range map[string]struct {
		pool   *pool // nil: none
		serial string
		step   func() error
		class  flash.Class
		says   string
		calls  string
	}{
		"bound": {pool: &pool{}, calls: "assign SN1,bind,release"},
		"kept":  {pool: &pool{}, step: func() error { return disk }, class: flash.ClassBug, calls: "assign SN1,release"},
		"burned": {pool: &pool{}, serial: "0123456789ABCDEF", step: func() error { return disk }, class: flash.ClassBug,
			calls: "assign ,burn,release"},
		"not burned": {pool: &pool{burnErr: disk}, serial: "0123456789ABCDEF", step: func() error { return disk }, class: flash.ClassBug,
			says: "could not be taken out of use", calls: "assign ,burn,release"},
		"empty": {pool: &pool{err: &flash.PoolError{Pool: "p", Problem: "none is left", Hint: "import more"}},
			class: flash.ClassIdentity, says: "identities of p: none is left; nothing was written", calls: "assign SN1,release"},
		"not recorded": {pool: &pool{err: disk}, class: flash.ClassStation, says: "the identity could not be recorded",
			calls: "assign SN1,release"},
		"bind not recorded": {pool: &pool{bindErr: disk}, class: flash.ClassStation, says: "the identity could not be recorded",
			calls: "assign SN1,bind,release"},
		"no supply": {class: flash.ClassStation, says: "there is no supply of identities"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.step == nil {
				c.step = noError
			}
			job := flash.Job{Pool: "p", Steps: []flash.Step{doing(usb.Fastboot, c.step)}}
			r := runOne(t, virtual.Config{Serial: c.serial}, job, func(o *flash.EngineOptions) {
				if c.pool != nil {
					o.Identities = c.pool
				}
			})
			if r.done.Class != c.class || !strings.Contains(r.says(), c.says) {
				t.Errorf("%+v\n%s", r.done, r.says())
			}
			if c.pool != nil && strings.Join(c.pool.calls, ",") != c.calls {
				t.Errorf("calls: %v, want %s", c.pool.calls, c.calls)
			}
			if got := r.done.Exhausted; got != (name == "empty") {
				t.Errorf("exhausted: %v", got)
			}
			if inventory := r.done.Inventory; (inventory == "C-7") != (c.calls != "" && c.pool.err == nil) {
				t.Errorf("inventory %q", inventory)
			}
		})
	}
}

func TestPlanByModel(t *testing.T) {
	plan := func(k flash.Key) (flash.Plan, error) {
		if k.Product != "AGS3-L09" {
			return flash.Plan{}, &flash.Failure{Class: flash.ClassProfile, Message: "nothing for it", Hint: "put it back"}
		}
		return flash.Plan{Bundle: "census 2", Steps: []flash.Step{doing(usb.Fastboot, noError)},
			Require: flash.Requirements{Products: []string{"AGS3-L09"}}}, nil
	}
	r := runOne(t, virtual.Config{}, flash.Job{Plan: plan}, nil)
	planned := false
	for _, e := range r.events {
		if p, ok := e.Body.(flash.Planned); ok {
			planned = p.Bundle == "census 2" && len(p.Steps) == 1
		}
	}
	if r.done.Result != flash.Pass || !planned || len(r.results()) != 1 {
		t.Errorf("%+v %v", r.done, r.results())
	}
	r = runOne(t, virtual.Config{}, flash.Job{Plan: func(flash.Key) (flash.Plan, error) { return plan(flash.Key{}) }}, nil)
	if r.done.Class != flash.ClassProfile || r.done.Step != "plan" || r.done.Error != "nothing for it" {
		t.Errorf("%+v", r.done)
	}
}

func TestStepOptions(t *testing.T) {
	answers := func(on bool, err error) func(context.Context, *flash.Session) (bool, error) {
		return func(context.Context, *flash.Session) (bool, error) { return on, err }
	}
	checked := func(context.Context, *flash.Session) ([]flash.Verdict, error) {
		return []flash.Verdict{{Fact: "a fact", Answer: fastboot.No, Fail: &flash.Failure{Class: flash.ClassProfile, Message: "checked"}}}, nil
	}
	odd := errors.New("an odd condition")
	for name, c := range map[string]struct {
		change func(*flash.Step)
		result string
		says   string
	}{
		"plain":                  {func(*flash.Step) {}, "ok", ""},
		"its condition holds":    {func(s *flash.Step) { s.When = answers(true, nil) }, "ok", ""},
		"its condition does not": {func(s *flash.Step) { s.When, s.Check = answers(false, nil), checked }, "skipped", ""},
		"checked if it does":     {func(s *flash.Step) { s.When, s.Check = answers(true, nil), checked }, "", "checked"},
		"a condition fails":      {func(s *flash.Step) { s.When, s.Check = answers(false, odd), checked }, "", "an odd condition"},
		"a late condition fails": {func(s *flash.Step) { s.When = answers(false, odd) }, "fail", "an odd condition"},
		"checked for later":      {func(s *flash.Step) { s.When, s.Check = answers(false, flash.ErrLater), checked }, "", "checked"},
		"within its limit":       {func(s *flash.Step) { s.Limit = time.Minute }, "ok", ""},
		"over its limit":         {func(s *flash.Step) { s.Limit = time.Second }, "ok", ""},
	} {
		t.Run(name, func(t *testing.T) {
			step := doing(usb.Fastboot, noError)
			c.change(&step)
			if name == "over its limit" {
				step.Run = func(ctx context.Context, _ *flash.Session) error { <-ctx.Done(); return ctx.Err() }
				c.result, c.says = "fail", "doing did not end within 1s"
			}
			r := runOne(t, virtual.Config{}, flash.Job{Steps: []flash.Step{step}}, nil)
			if got := strings.Join(r.results(), " "); got != c.result || !strings.Contains(r.done.Error, c.says) ||
				(r.done.Result == flash.Fail) != (c.says != "") {
				t.Errorf("%s: %+v", got, r.done)
			}
		})
	}
}

func TestFactsOfASession(t *testing.T) {
	want := map[string]string{
		"tablet.serial": "SN1", "tablet.model": "AGS3-L09", "tablet.place": "mem:t", "tablet.lock": "unlocked", "tablet.battery": "",
		"port.name": "", "port.path": "", "bundle.name": "census", "bundle.version": "5.1 rc",
		"identity.inventory": "C-7", "identity.none": "",
	}
	got := map[string]string{}
	step := doing(usb.Fastboot, noError)
	step.Writes = true // so that the lock is asked for
	step.Run = func(_ context.Context, s *flash.Session) error {
		for name := range want {
			var err error
			if got[name], err = s.Fact(name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := s.Fact("tablet.colour"); err == nil {
			t.Error("a fact that there is not")
		}
		if s.Job().Bundle != "census 5.1 rc" || s.Where().Address != "mem:t" || s.Fastboot() == nil || s.Booted() != nil || s.Changed() {
			t.Errorf("%+v %+v", s.Job(), s.Where())
		}
		s.Found("serial", "SN1", true)
		s.Found("storage", "64", false)
		return nil
	}
	step.Check = func(_ context.Context, s *flash.Session) ([]flash.Verdict, error) {
		if _, err := s.Fact("identity.inventory"); !errors.Is(err, flash.ErrLater) {
			t.Errorf("before the identity is there: %v", err)
		}
		return nil, nil
	}
	r := runOne(t, virtual.Config{}, flash.Job{Bundle: "census 5.1 rc", Pool: "p", Steps: []flash.Step{step}},
		func(o *flash.EngineOptions) { o.Identities = &pool{} })
	if r.done.Result != flash.Pass || r.done.Facts["storage"] != "64" || len(r.done.Unique) != 1 || r.done.Unique[0] != "serial" {
		t.Errorf("%+v", r.done)
	}
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
}

func TestLockState(t *testing.T) {
	look := doing(usb.Fastboot, noError)
	look.Writes = true // so that the lock is asked for
	left := flash.LockState{Leave: "unlocked", Because: "a bench unit"}.Step()
	r := runOne(t, virtual.Config{}, flash.Job{Steps: []flash.Step{look, left}}, nil)
	if r.done.Result != flash.Pass || r.done.Facts["lock-state"] != "unlocked: a bench unit" || r.results()[1] != "already" {
		t.Errorf("%+v %v", r.done, r.results())
	}
	r = runOne(t, virtual.Config{}, flash.Job{Steps: []flash.Step{look, flash.LockState{Leave: "locked"}.Step()}}, nil)
	if r.done.Class != flash.ClassLocked || !strings.Contains(r.done.Error, "left unlocked, and must be locked") {
		t.Errorf("%+v", r.done)
	}
}
