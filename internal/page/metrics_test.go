// This file holds the numbers to what was done, and the dashboard to the numbers' names.

package page

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/words"
)

func observed(t *testing.T) (*Server, string) {
	t.Helper()
	s, err := New(Options{Listen: "127.0.0.1:0", Words: words.For("en"), Version: "1.2.3", Queues: map[string]func() Queue{
		"ledger": func() Queue {
			return Queue{Pending: 3, Oldest: time.Now().Add(-time.Minute), Written: time.Unix(1_700_000_000, 0)}
		},
		"outbox": func() Queue { return Queue{} },
	}})
	if err != nil {
		t.Fatal(err)
	}
	start(t, s, newStage(oneView()))
	where := flash.Where{Serial: "HT4821", PortName: "A1"}
	for _, b := range []flash.Body{
		flash.StepDone{Step: "flash:system", Bytes: 3_000_000, Seconds: 2, Result: flash.StepOK},
		flash.StepDone{Step: "flash:userdata", Seconds: 1, Result: flash.StepOK},
		flash.StepDone{Step: "/etc/passwd"}, flash.StepDone{Step: evil},
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
		`zarya_step_seconds_count{step="flash"} 2`, `zarya_step_seconds_sum{step="flash"} 3`,
		`zarya_step_seconds_count{step="other"} 2`, `zarya_bytes_total 3e+06`,
		`zarya_ports{state="pass"} 1`, `zarya_ports{state="fail"} 1`, `zarya_ports{state="away"} 0`, `zarya_tablets_today 214`,
		`zarya_uplink_bytes_per_second{hub="A"} 3.8e+07`, `version="1.2.3"} 1`,
		`zarya_queue_records{queue="ledger"} 3`, `zarya_queue_lag_seconds{queue="ledger"} 6`,
		`zarya_queue_last_durable_timestamp_seconds{queue="ledger"} 1.7e+09`,
		`zarya_queue_records{queue="outbox"} 0`, `zarya_queue_lag_seconds{queue="outbox"} 0`,
		`zarya_queue_last_durable_timestamp_seconds{queue="outbox"} 0`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	for what, text := range map[string]string{"serial number": "4821", "partition": "system", "file": "passwd", "strange name": "script"} {
		if regexp.MustCompile(`(?m)^zarya_.*` + text).MatchString(body) {
			t.Errorf("a %s is in a label", what)
		}
	}
	for a := range 26 {
		for b := range 26 {
			s.Observe(flash.Event{Body: flash.StepDone{Step: string([]rune{'a' + rune(a), 'a' + rune(b)}) + ":x"}})
		}
	}
	_, body = get(t, "http://"+s.Addr()+"/metrics")
	if n := strings.Count(body, "zarya_step_seconds_count{"); n != maxKinds+1 {
		t.Errorf("%d kinds of steps are told apart", n)
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
