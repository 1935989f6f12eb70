// This file is what is measured of a job as it goes on: time in its states, bytes and time
// on the wire, the battery's charge.

package flash

import (
	"strconv"
	"time"
)

// Measurement is one value that was measured of a job. Its JSON is the same in the ledger
// and in events.
type Measurement struct {
	Name  string `json:"name"`           // one of the names below
	Value int64  `json:"value"`          // in its unit
	Unit  string `json:"unit"`           // %, B/s, ms
	Low   int64  `json:"low,omitempty"`  // the least that is allowed; 0 is no limit
	High  int64  `json:"high,omitempty"` // the most that is allowed; 0 is no limit
}

// Limit is what a measurement should be: at least Low, at most High; 0 is no limit.
type Limit struct{ Low, High int64 }

// Limited reports whether the measurement has a limit.
func (m Measurement) Limited() bool { return m.Low != 0 || m.High != 0 }

// Outside reports whether the measurement is beyond a limit.
func (m Measurement) Outside() bool { return m.Value < m.Low || m.High != 0 && m.Value > m.High }

// The names of measurements. Those of times are how long the job was in a state, all its
// visits together; a measurement that was not taken is left out.
const (
	MeasureBattery   = "battery"   // the charge at preflight, percent; its limit is the profile's
	MeasureWire      = "wire"      // bytes a second while images were sent
	MeasureFlash     = "flash"     // in StateFlashing
	MeasureBoot      = "boot"      // in StateBooting
	MeasureProvision = "provision" // in StateProvisioning
	MeasureCheck     = "check"     // in StateChecking
)

// MeasuredStates are the states whose time is measured, by the measurement's name, in the
// order in which a job goes through them.
var MeasuredStates = []struct {
	Name  string
	State State
}{
	{MeasureFlash, StateFlashing},
	{MeasureBoot, StateBooting},
	{MeasureProvision, StateProvisioning},
	{MeasureCheck, StateChecking},
}

// times is where a job's time went.
type times struct {
	state     State // now; "" before the first
	since     time.Time
	spent     map[State]time.Duration // in states that were left
	wire      time.Duration           // while pieces of images were sent
	wireBytes int64
}

// enter notes that the job is in another state from now on, or still in the same.
func (t *times) enter(to State) {
	if to == t.state {
		return
	}
	now := time.Now()
	if t.spent == nil {
		t.spent = map[State]time.Duration{}
	}
	if t.state != "" {
		t.spent[t.state] += now.Sub(t.since)
	}
	t.state, t.since = to, now
}

// leaveOut takes out of the state under way what was spent waiting for people.
func (t *times) leaveOut(d time.Duration) { t.since = t.since.Add(d) }

// in is how long the job was in a state until now.
func (t *times) in(state State) time.Duration {
	d := t.spent[state]
	if t.state == state {
		d += time.Since(t.since)
	}
	return d
}

// measurements are what is known at the job's end.
func (s *Session) measurements() (list []Measurement) {
	if percent, err := strconv.ParseInt(s.tablet.charge, 10, 64); err == nil { // else it was not told
		list = append(list, Measurement{Name: MeasureBattery, Value: percent, Unit: "%", Low: int64(s.job.Require.MinBattery)})
	}
	t := &s.account.times
	if t.wire > 0 && t.wireBytes > 0 {
		list = append(list, Measurement{Name: MeasureWire, Value: int64(float64(t.wireBytes) / t.wire.Seconds()), Unit: "B/s"})
	}
	for _, m := range MeasuredStates {
		if d := t.in(m.State); d > 0 {
			list = append(list, Measurement{Name: m.Name, Value: d.Milliseconds(), Unit: "ms", High: s.mostTime(m.State).Milliseconds()})
		}
	}
	for i := range list {
		m, l := &list[i], s.job.Limits[list[i].Name]
		m.Low = max(m.Low, l.Low)
		if l.High != 0 && (m.High == 0 || l.High < m.High) {
			m.High = l.High
		}
	}
	return list
}

// mostTime is how long a job may be in a state, all its visits together; 0 is no limit. Only
// restarts have one: the profile says how long a tablet may take to boot.
func (s *Session) mostTime(state State) (most time.Duration) {
	if state != StateBooting || s.job.Boot == 0 {
		return 0
	}
	for _, step := range s.job.Steps {
		switch {
		case step.arrival && step.Name == "boot":
			most += s.job.Boot
		case step.arrival:
			most += bootloaderFor
		}
	}
	return most
}
