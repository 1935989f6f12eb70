package ui

import (
	"bytes"
	"testing"

	"github.com/zarya-station/zarya/flash"
)

// What a tablet says cannot end its annotation and begin a command of its own.
func TestGitHub(t *testing.T) {
	var out bytes.Buffer
	g := NewGitHub(&out)
	at := flash.Where{Address: "tcp:10.0.0.5:5554"}
	g.Event(flash.Event{Where: at, Body: flash.Warning{Message: "size of boot not told"}})
	g.Event(flash.Event{Where: at, Body: flash.JobDone{Scope: flash.ScopeRun, Result: flash.Pass}})
	g.Event(flash.Event{Where: at, Body: flash.JobDone{Scope: flash.ScopeRun, Result: flash.Fail, Class: flash.ClassDevice, Step: "flash:boot",
		Error: "100% no\n::set-output name=x::y", Hint: "set it aside"}})
	g.Event(flash.Event{Body: Summary{Exit: 3, Error: &SummaryError{Class: "invalid", Message: "p.yaml:1:1: no", Hint: "mend it"}}})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	want := `::warning title=tcp%3A10.0.0.5%3A5554::size of boot not told
::error title=tcp%3A10.0.0.5%3A5554%3A FAIL device::flash:boot: 100%25 no ::set-output name=x::y → set it aside
::error title=zarya%3A invalid::p.yaml:1:1: no → mend it
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}
