// This file is jobs as text for people: a table, and everything of each.

package records

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/internal/words"
)

// Table writes a line for each job.
func Table(out io.Writer, ws *words.Words, jobs []*ledger.JobRecord) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, ws.Titles("RECORD", "STARTED", "TABLET", "SERIAL", "MODEL", "PROFILE", "RESULT", "TIME", "WRITTEN", "TRY", "LOT",
		"OPERATOR", "DISPOSITION"))
	for _, j := range jobs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			j.Record, local(ws, cmp.Or(j.Started, j.Ended)), ui.Dash(j.Tablet), ui.Dash(j.Serial),
			ui.Dash(j.Model), ui.Dash(j.Profile), said(ws, j), ws.Say(fmt.Sprintf("%.1fs", j.Seconds)), ws.Say(bytesize.Text(j.Bytes)),
			attempt(j), ui.Dash(j.Lot), ui.Dash(j.Operator), ui.Dash(fate(ws, j)))
	}
	return w.Flush()
}

// attempt is which one of its tablet at its station a job is.
func attempt(j *ledger.JobRecord) string {
	if j.Attempt == 0 {
		return "-"
	}
	return strconv.FormatInt(j.Attempt, 10)
}

// Word is a job's result as the board says it.
func Word(j *ledger.JobRecord) string {
	w := strings.ToUpper(j.Result)
	if j.Result != "running" {
		w = flash.JobResult(j.Result).Word(j.Scope)
	}
	if j.Class != "" {
		w += " " + string(j.Class)
	}
	return w
}

// said is a job's result in a person's language.
func said(ws *words.Words, j *ledger.JobRecord) string {
	if ws.Lang() == words.Languages[0] {
		return Word(j)
	}
	if j.Result == "running" {
		return ws.Text("result.working", nil)
	}
	return ui.Result(ws, flash.JobDone{Result: flash.JobResult(j.Result), Scope: j.Scope, Class: j.Class})
}

// fate is the decision about a failed tablet, in a person's language.
func fate(ws *words.Words, j *ledger.JobRecord) string {
	if j.Disposition == "" || ws.Lang() == words.Languages[0] {
		return string(j.Disposition)
	}
	return ws.Text("fate."+string(j.Disposition), nil)
}

// local is a time of the ledger as a person reads it.
func local(ws *words.Words, ts string) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ui.Dash(ts)
	}
	return t.Local().Format(ws.DateForm() + " 15:04:05")
}

// Text writes everything that is recorded of jobs, for people.
func Text(out io.Writer, ws *words.Words, jobs []*ledger.JobRecord) {
	for i, j := range jobs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		text(out, ws, j)
	}
}

func source(j *ledger.JobRecord) (s flash.Source) {
	if j.Source != nil {
		s = *j.Source
	}
	return s
}

// exact is the name of a profile or of a bundle, which file it was, and who signed it.
func exact(ws *words.Words, name, digest, signer string) string {
	if digest != "" {
		name += ", " + digest
	}
	if signer != "" {
		name += ", " + ws.Sayf("signed by %s", signer)
	}
	return name
}

func text(out io.Writer, ws *words.Words, j *ledger.JobRecord) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", ws.Say(name), value)
		}
	}
	row("record", j.Record)
	row("job", j.Job+", "+string(j.Scope))
	row("tablet", strings.TrimSpace(ws.Sayf("%s, serial %s, model %s", j.Tablet, ui.Dash(j.Serial), ui.Dash(j.Model))))
	if j.OtherSerial != "" {
		row("exchanged", ws.Sayf("the serial %s was found in its place", j.OtherSerial))
	}
	if j.Attempt > 0 {
		row("attempt", ws.Sayf("%d of this tablet at %s", j.Attempt, j.Station))
	}
	if j.Golden {
		row("golden", ws.Say("a golden or test unit: no statistic counts it"))
	}
	row("operator", j.Operator)
	row("lot", j.Lot)
	row("profile", exact(ws, j.Profile, source(j).Profile, ""))
	row("bundle", exact(ws, j.Bundle, source(j).Bundle, source(j).Signer))
	row("lock", j.Lock)
	row("program", j.Program)
	if j.Started != "" { // not one that failed before its intent
		row("started", local(ws, j.Started))
	}
	if j.Ended != "" {
		row("ended", local(ws, j.Ended))
	}
	for _, im := range j.Images {
		row("image", fmt.Sprintf("%s: %s, %s, %s", im.Partition, im.File, ws.Say(bytesize.Text(im.Size)), im.Digest))
	}
	for _, s := range j.Steps {
		text := fmt.Sprintf("%s: %s, %s", s.Step, ws.Say(s.Result), ws.Say(fmt.Sprintf("%.2fs", s.Seconds)))
		if s.Bytes > 0 {
			text += ", " + ws.Say(bytesize.Text(s.Bytes))
		}
		row("step", text)
	}
	for _, m := range j.Measurements {
		row("measured", measurement(ws, m))
	}
	if j.Answer != nil {
		row("hook said", strings.TrimSuffix(string(j.Answer.Say)+": "+j.Answer.Reason, ": "))
	}
	row("result", said(ws, j))
	row("verified", j.Verified)
	if j.Error != "" {
		row("error", strings.TrimPrefix(j.Step+": ", ": ")+ws.Say(j.Error))
	}
	if j.Disposition != "" {
		row("disposition", ws.Sayf("%s, by %s", fate(ws, j), cmp.Or(j.DisposedBy, ws.Say("somebody"))))
	}
	_ = w.Flush() // to a buffer of the process's own output
}

// measurement is one as a person reads it, with its limits.
func measurement(ws *words.Words, m flash.Measurement) string {
	value := func(n int64) string {
		switch m.Unit {
		case "ms":
			return ws.Say(fmt.Sprintf("%.2fs", float64(n)/1000))
		case "B/s":
			return ws.Say(bytesize.Text(n) + "/s")
		}
		return fmt.Sprintf("%d %s", n, m.Unit)
	}
	text := m.Name + ": " + value(m.Value)
	if m.Low != 0 {
		text += ", " + ws.Sayf("at least %s", value(m.Low))
	}
	if m.High != 0 {
		text += ", " + ws.Sayf("at most %s", value(m.High))
	}
	if m.Outside() {
		text += ": " + ws.Say("beyond it")
	}
	return text
}
