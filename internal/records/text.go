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
)

// Table writes a line for each job.
func Table(out io.Writer, jobs []*ledger.JobRecord) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RECORD\tSTARTED\tTABLET\tSERIAL\tMODEL\tPROFILE\tRESULT\tTIME\tWRITTEN\tTRY\tLOT\tOPERATOR\tDISPOSITION")
	for _, j := range jobs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.1fs\t%s\t%s\t%s\t%s\t%s\n",
			j.Record, local(cmp.Or(j.Started, j.Ended)), ui.Dash(j.Tablet), ui.Dash(j.Serial),
			ui.Dash(j.Model), ui.Dash(j.Profile), Word(j), j.Seconds, bytesize.Text(j.Bytes),
			attempt(j), ui.Dash(j.Lot), ui.Dash(j.Operator), ui.Dash(string(j.Disposition)))
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

// local is a time of the ledger as a person reads it.
func local(ts string) string {
	t, err := time.Parse(time.RFC3339Nano, ts)
	if err != nil {
		return ui.Dash(ts)
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// Text writes everything that is recorded of jobs, for people.
func Text(out io.Writer, jobs []*ledger.JobRecord) {
	for i, j := range jobs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		text(out, j)
	}
}

func source(j *ledger.JobRecord) (s flash.Source) {
	if j.Source != nil {
		s = *j.Source
	}
	return s
}

// exact is the name of a profile or of a bundle, which file it was, and who signed it.
func exact(name, digest, signer string) string {
	if digest != "" {
		name += ", " + digest
	}
	if signer != "" {
		name += ", signed by " + signer
	}
	return name
}

func text(out io.Writer, j *ledger.JobRecord) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	row("record", j.Record)
	row("job", j.Job+", "+string(j.Scope))
	row("tablet", strings.TrimSpace(fmt.Sprintf("%s, serial %s, model %s", j.Tablet, ui.Dash(j.Serial), ui.Dash(j.Model))))
	if j.OtherSerial != "" {
		row("exchanged", "the serial "+j.OtherSerial+" was found in its place")
	}
	if j.Attempt > 0 {
		row("attempt", fmt.Sprintf("%d of this tablet at %s", j.Attempt, j.Station))
	}
	if j.Golden {
		row("golden", "a golden or test unit: no statistic counts it")
	}
	row("operator", j.Operator)
	row("lot", j.Lot)
	row("profile", exact(j.Profile, source(j).Profile, ""))
	row("bundle", exact(j.Bundle, source(j).Bundle, source(j).Signer))
	row("lock", j.Lock)
	row("program", j.Program)
	row("started", local(j.Started))
	if j.Ended != "" {
		row("ended", local(j.Ended))
	}
	for _, im := range j.Images {
		row("image", fmt.Sprintf("%s: %s, %s, %s", im.Partition, im.File, bytesize.Text(im.Size), im.Digest))
	}
	for _, s := range j.Steps {
		text := fmt.Sprintf("%s: %s, %.2fs", s.Step, s.Result, s.Seconds)
		if s.Bytes > 0 {
			text += ", " + bytesize.Text(s.Bytes)
		}
		row("step", text)
	}
	for _, m := range j.Measurements {
		row("measured", measurement(m))
	}
	if j.Answer != nil {
		row("hook said", strings.TrimSuffix(string(j.Answer.Say)+": "+j.Answer.Reason, ": "))
	}
	row("result", Word(j))
	row("verified", j.Verified)
	if j.Error != "" {
		row("error", strings.TrimPrefix(j.Step+": ", ": ")+j.Error)
	}
	if j.Disposition != "" {
		row("disposition", string(j.Disposition)+", by "+cmp.Or(j.DisposedBy, "somebody"))
	}
	_ = w.Flush() // to a buffer of the process's own output
}

// measurement is one as a person reads it, with its limits.
func measurement(m flash.Measurement) string {
	value := func(n int64) string {
		switch m.Unit {
		case "ms":
			return strconv.FormatFloat(float64(n)/1000, 'f', 2, 64) + "s"
		case "B/s":
			return bytesize.Text(n) + "/s"
		}
		return fmt.Sprintf("%d %s", n, m.Unit)
	}
	text := m.Name + ": " + value(m.Value)
	if m.Low != 0 {
		text += ", at least " + value(m.Low)
	}
	if m.High != 0 {
		text += ", at most " + value(m.High)
	}
	if m.Outside() {
		text += ": beyond it"
	}
	return text
}
