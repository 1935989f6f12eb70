// No event and no record shows a secret: every text of every type is cleaned, but for the
// fields that are named here.

package flash

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// bodies is one of each type of event that the engine has.
var bodies = []Body{Device{}, JobStarted{}, Planned{}, StateChanged{}, StepStarted{}, StepDone{}, Progress{}, Waiting{}, Retry{}, Warning{},
	Log{}, JobDone{}}

// ownWords are the fields in which words of a profile or of the program stand, and which
// a secret that is a common word must not change. A new text field is not here, so that
// this test asks whether it is cleaned.
var ownWords = []string{
	"Device.Change", "Device.Mode",
	"JobStarted.Scope", "JobStarted.Profile", "Planned.Profile", "JobStarted.Bundle", "JobStarted.Steps", "JobStarted.Images",
	"Planned.Bundle", "Planned.Steps", "Planned.Images",
	"StateChanged.State", "StepStarted.Step", "StepDone.Step", "StepDone.Result", "Progress.Step", "Waiting.For",
	"Retry.Step", "Retry.Class", "Warning.Class", "Log.Class",
	"JobDone.Scope", "JobDone.Result", "JobDone.Verified", "JobDone.Class", "JobDone.Step", "JobDone.Record",
	"JobDone.Measurements",
}

const password = "hunter2-and-more"

// fill puts the password into every text below v.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("before " + password + " after")
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e)
		v.SetMapIndex(reflect.ValueOf("key"), e)
	default:
	}
}

func TestEveryTextOfEveryEventIsCleaned(t *testing.T) {
	secrets := &Secrets{}
	secrets.Add(password)
	for _, b := range bodies {
		full := reflect.New(reflect.TypeOf(b)).Elem()
		fill(full)
		before := fmt.Sprintf("%+v", full.Interface())
		cleaned := reflect.ValueOf(clean(secrets, full.Interface().(Body)))
		if after := fmt.Sprintf("%+v", full.Interface()); after != before {
			t.Errorf("%T was changed, which others may share", b)
		}
		for i := range full.NumField() {
			name := full.Type().Name() + "." + full.Type().Field(i).Name
			had := strings.Contains(fmt.Sprintf("%+v", full.Field(i).Interface()), password)
			has := strings.Contains(fmt.Sprintf("%+v", cleaned.Field(i).Interface()), password)
			switch own := slices.Contains(ownWords, name); {
			case !had && own:
				t.Errorf("%s holds no text, and needs no exception", name)
			case had && has != own:
				t.Errorf("%s shows the secret: %v, and should: %v", name, has, own)
			}
		}
	}
}

// newEvent is what somebody might add: none of its fields is known to anybody.
type newEvent struct {
	Anything string
	Lists    [][]string
	Deeper   struct{ Maps map[string][]string }
	Kind     Class
	Named    string `redact:"never"`
	Number   int
	None     []string
	NoMap    map[string]string
}

func (newEvent) EventType() string { return "new" }

func TestNewFieldsAreCleanedByDefault(t *testing.T) {
	secrets := &Secrets{}
	secrets.Add(password)
	e := newEvent{Anything: password, Lists: [][]string{{password}}, Kind: Class(password), Named: password, Number: 7}
	e.Deeper.Maps = map[string][]string{"a": {password}}
	got := clean[Body](secrets, e).(newEvent)
	if got.Anything != hidden || got.Lists[0][0] != hidden || got.Deeper.Maps["a"][0] != hidden {
		t.Errorf("not cleaned: %+v", got)
	}
	if got.Kind != Class(password) || got.Named != password || got.Number != 7 || got.None != nil || got.NoMap != nil {
		t.Errorf("changed without need: %+v", got)
	}
	if e.Lists[0][0] != password || e.Deeper.Maps["a"][0] != password {
		t.Error("the original was changed")
	}
	if d := clean(secrets, JobDone{Error: password, Step: password}); d.Error != hidden || d.Step != password {
		t.Errorf("a record: %+v", d)
	}
}

func TestSecrets(t *testing.T) {
	var none *Secrets
	if none.Clean(password) != password || clean(none, Log{Message: password}).Message != password {
		t.Error("without secrets nothing is hidden")
	}
	for text, c := range map[string]struct {
		add  []string
		want string
	}{
		"a longer secret before one within it":  {[]string{"longer", "a longer secret"}, hidden + " before one within it"},
		"short: abc stays":                      {[]string{"abc"}, "short: abc stays"},
		"line one\nline two\n":                  {[]string{"line one\n  line two  \n"}, hidden + "\n" + hidden + "\n"},
		"only line two":                         {[]string{"line one\n  line two  \n"}, "only " + hidden},
		"twice twice":                           {[]string{"twice", "twice"}, hidden + " " + hidden},
		"spaces around do not matter: pass1234": {[]string{"  pass1234 \n"}, "spaces around do not matter: " + hidden},
	} {
		secrets := &Secrets{}
		secrets.Add(c.add...)
		if got := secrets.Clean(text); got != c.want {
			t.Errorf("%q: %q, want %q", text, got, c.want)
		}
	}
}

// TestEventsHide adds secrets from one goroutine while another reports.
func TestEventsHide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets := &Secrets{}
		secrets.Add(password)
		var got []string
		events := NewEvents("r", func(e Event) { got = append(got, e.Body.(Log).Message) })
		events.Hide(secrets)
		var both sync.WaitGroup
		both.Go(func() {
			for i := range 100 {
				secrets.Add(fmt.Sprintf("secret-%d", i))
			}
		})
		both.Go(func() {
			for range 100 {
				events.Emit(Event{Body: Log{Message: "it is " + password}})
			}
		})
		both.Wait()
		events.Close()
		events.Emit(Event{Body: Log{Message: "after the end"}})
		if len(got) != 100 || strings.Contains(strings.Join(got, ""), password) {
			t.Errorf("%d events: %v", len(got), got)
		}
	})
}
