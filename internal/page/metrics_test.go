// This file holds the numbers to what was done, and the dashboard to the numbers' names.

package page

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/words"
)

func observed(t *testing.T) (*Server, string) {
	t.Helper()
	s, err := New(Options{Listen: "127.0.0.1:0", Words: words.For("en"), Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, newStage(oneView()))
	where := flash.Where{Serial: "HT4821", PortName: "A1"}
	for _, b := range []flash.Body{
		flash.StepDone{Step: "flash:system", Bytes: 3_000_000, Seconds: 2, Result: flash.StepOK},
		flash.JobDone{Result: flash.Pass, Bytes: 3_000_000},
		flash.JobDone{Result: flash.Fail, Class: flash.ClassCable, Error: evil},
		flash.JobDone{Result: flash.Fail, Class: flash.ClassCable},
		flash.Log{Message: "HT4821"},
	} {
		s.Observe(flash.Event{Where: where, Body: b})
	}
	_, body := get(t, "http://"+s.Addr()+"/metrics")
	return s, body
}

func TestMetrics(t *testing.T) {
	s, body := observed(t)
	for _, want := range []string{
		`zarya_jobs_total{class="",result="pass"} 1`, `zarya_jobs_total{class="cable",result="fail"} 2`,
		`zarya_step_seconds_count{step="flash:system"} 1`, `zarya_step_seconds_sum{step="flash:system"} 2`, `zarya_bytes_total 3e+06`,
		`zarya_ports{state="pass"} 1`, `zarya_ports{state="fail"} 1`, `zarya_ports{state="away"} 0`, `zarya_tablets_today 214`,
		`zarya_uplink_bytes_per_second{hub="A"} 3.8e+07`, `version="1.2.3"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if strings.Contains(body, "4821") {
		t.Error("a serial number is in a label")
	}
	for i := range 3 * maxSteps {
		s.Observe(flash.Event{Body: flash.StepDone{Step: strings.Repeat("x", i+1)}})
	}
	_, body = get(t, "http://"+s.Addr()+"/metrics")
	if n := strings.Count(body, "zarya_step_seconds_count{"); n > maxSteps+1 {
		t.Errorf("%d steps are told apart", n)
	}
}

func TestDashboardAsksForWhatThereIs(t *testing.T) {
	_, body := observed(t)
	text, err := os.ReadFile("../../packaging/grafana-zarya.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, p := range dashboard.Panels {
		for _, q := range p.Targets {
			for _, name := range regexp.MustCompile(`[a-z_]*(zarya|process|go)_[a-z_]+`).FindAllString(q.Expr, -1) {
				if seen++; !strings.Contains(body, "\n"+name+"{") && !strings.Contains(body, "\n"+name+" ") {
					t.Errorf("%s asks for %s, which is not there", p.Title, name)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("the dashboard asks for %d numbers only", seen)
	}
}
