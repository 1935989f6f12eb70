// This file is the model that is shown: board, page, plain lines and metrics are made of a
// View and of nothing else, so they cannot disagree.

package station

import (
	"time"

	"github.com/zarya-station/zarya/flash"
)

// PortState is what a port shows. The names are the words' keys ("state.pass") and never
// translated.
type PortState string

// The states of a port.
const (
	Empty        PortState = "empty"
	Detected     PortState = "detected"     // something is plugged in
	Identified   PortState = "identified"   // who it is, is known
	Preflight    PortState = "preflight"    // it is compared with its steps
	Flashing     PortState = "flashing"     // in fastboot
	Booting      PortState = "booting"      // between two modes
	Provisioning PortState = "provisioning" // settings on the booted tablet
	Checking     PortState = "checking"     // read back
	Silent       PortState = "silent"       // no answer, still within its limit
	Away         PortState = "away"         // gone, may come back
	Queued       PortState = "queue"        // waits for its turn on the uplink
	NoIdentity   PortState = "no-identity"  // flashed; waits for its pool, which has none
	YourTurn     PortState = "operator"     // a person has to do something on the tablet
	Passed       PortState = "pass"
	Compliant    PortState = "compliant"
	Flashed      PortState = "flashed"
	Failed       PortState = "fail"        // by the tablet
	Retry        PortState = "retry"       // failed by the bench
	Interrupted  PortState = "interrupted" // stopped by a person
	Skipped      PortState = "skipped"     // by the hook that was asked: nothing was written, and nothing failed
	Unplugged    PortState = "unplugged"   // while it was written; stays until the tablet is back
	SetAside     PortState = "off"         // the port, not its tablets, is the suspect
	Foreign      PortState = "foreign"     // no profile here is for it
)

// Working reports whether a job is under way in a port in this state.
func (s PortState) Working() bool {
	switch s {
	case Detected, Identified, Preflight, Flashing, Booting, Provisioning, Checking, Silent, Away, Queued, NoIdentity, YourTurn:
		return true
	default:
	}
	return false
}

// Good reports whether the tablet in the port may leave the bench. Only these are green.
func (s PortState) Good() bool { return s == Passed || s == Compliant || s == Flashed }

// View is one moment of the station. It is a value: whoever has it may keep it, and must
// not change what its slices and maps hold.
type View struct {
	Version  int64     `json:"version"` // grows with each change
	Time     time.Time `json:"time"`
	Station  string    `json:"station"` // its name, such as "bench 3"
	Lot      string    `json:"lot,omitempty"`
	Operator string    `json:"operator,omitempty"`
	Page     string    `json:"page,omitempty"` // host:port of the page
	Hubs     []Hub     `json:"hubs"`           // as they stand on the bench
	Actions  []Action  `json:"actions"`        // the most urgent first; never empty
	Banners  []Notice  `json:"banners,omitempty"`
	Fleet    *Fleet    `json:"fleet,omitempty"` // nil: the station is in none
	Pools    []Supply  `json:"pools,omitempty"`
	Today    Figures   `json:"today"`
	Draining bool      `json:"draining,omitempty"` // no new jobs; running ones end
	Golden   bool      `json:"golden,omitempty"`   // the next unit is a golden or test unit
	Proof    Proof     `json:"proof,omitempty"`    // what is asked of whoever orders at the bench
	Badges   bool      `json:"badges,omitempty"`   // orders from elsewhere need a supervisor's badge too, in Order.By
}

// Supply is what a pool of identities has left here.
type Supply struct {
	Pool  string        `json:"pool"`
	Free  int           `json:"free"`
	Lasts time.Duration `json:"lasts_ns,omitempty"` // at the pace of the last hour; 0 is not known
}

// Fleet is how the station stands with the database that it shares with others.
type Fleet struct {
	Waiting int           `json:"waiting"`             // records that the database does not have yet
	Oldest  time.Duration `json:"oldest_ns,omitempty"` // how long the first of them has waited
	Away    time.Duration `json:"away_ns,omitempty"`   // how long nobody has answered; 0: somebody does
	Refused string        `json:"refused,omitempty"`   // why the database takes nothing: a person must look
}

// Hub is the ports of one hub, by name.
type Hub struct {
	Name    string  `json:"name"`            // "A"; "" where ports have no letter in common
	Rate    float64 `json:"rate,omitempty"`  // bytes/s on its uplink now
	Limit   float64 `json:"limit,omitempty"` // bytes/s that the uplink was seen to carry; 0 is not known
	Writing int     `json:"writing"`         // jobs under way
	Queued  int     `json:"queued"`
	Ports   []Port  `json:"ports"`
}

// Port is one socket and the last tablet in it.
type Port struct {
	Name    string    `json:"name"` // on the socket: A3; else the port's short form or an address
	State   PortState `json:"state"`
	Since   time.Time `json:"since"` // when it came to this state
	Model   string    `json:"model,omitempty"`
	Serial  string    `json:"serial,omitempty"`
	Job     string    `json:"job,omitempty"`
	Record  string    `json:"record,omitempty"` // of the result
	Profile string    `json:"profile,omitempty"`
	Bundle  string    `json:"bundle,omitempty"`
	Attempt int       `json:"attempt,omitempty"` // of this tablet at this station; 1 is the first

	Step    string        `json:"step,omitempty"`    // under way, or where it failed
	StepNo  int           `json:"step_no,omitempty"` // 1 is the first of Steps, within its state
	Steps   int           `json:"steps,omitempty"`
	Percent int           `json:"percent"`           // of this state's work; -1 is not known
	Part    float64       `json:"part"`              // of the whole job by time, 0 to 1; -1 is not known
	Left    time.Duration `json:"left_ns,omitempty"` // of the whole job; 0 is not known
	// Away, YourTurn: how long it is still waited for; Queued: about when its turn comes; 0 is not known.
	Within  time.Duration `json:"within_ns,omitempty"`
	Quiet   time.Duration `json:"quiet_ns,omitempty"`   // Silent: since its last sign of life
	Elapsed time.Duration `json:"elapsed_ns,omitempty"` // of the job, to now or to its end
	Bytes   int64         `json:"bytes,omitempty"`      // raw bytes written
	Rate    float64       `json:"rate,omitempty"`       // bytes/s on the wire over the last three seconds

	Reason string      `json:"reason,omitempty"` // the key of the word in the row and of its action, see Action.Key
	Class  flash.Class `json:"class,omitempty"`
	Error  string      `json:"error,omitempty"` // what failed, with the device's words
	Hint   string      `json:"hint,omitempty"`  // English, one sentence
	Keys   string      `json:"keys,omitempty"`  // YourTurn: what to press

	Disposition string `json:"disposition,omitempty"` // the decision about it: rework, scrap, quarantine

	Before *Past `json:"before,omitempty"` // this tablet's last failure here, in whichever port
}

// Past is what happened to a tablet before.
type Past struct {
	Time   time.Time   `json:"time"`
	Port   string      `json:"port"`
	Class  flash.Class `json:"class"`
	Step   string      `json:"step,omitempty"`
	Error  string      `json:"error"`
	Record string      `json:"record,omitempty"`
}

// Action is one thing for a person to do: the words' key ("action." and Key) and what goes
// into the sentence. Keys are the classes of failures (cable, timeout, locked, image, boot,
// device, profile, identity, operator, station, bug), battery, numbers, settings, no-identity, away, keys,
// port-off, set-aside, unplugged, pool-low, take-out and next.
type Action struct {
	Key     string   `json:"key"`
	Ports   []string `json:"ports,omitempty"` // {port}
	Seconds int      `json:"seconds,omitempty"`
	Words   string   `json:"words,omitempty"`  // {words}, {keys}: the device's own, or what to press
	Serial  string   `json:"serial,omitempty"` // {serial}
	Record  string   `json:"record,omitempty"` // {record}
	Count   int      `json:"count,omitempty"`  // {n}
}

// Notice is something that holds for the whole station. Its key is the words' ("banner." and
// Key): disk-full, ledger-refused, database-away, database-refuses, pool-low, pool-empty, new-bundle,
// reload-failed, follow-coming, follow-refused, follow-away, golden, badge (one is waited for),
// said (to whoever scans), scanner-away, drain.
type Notice struct {
	Key     string        `json:"key"`
	Urgent  bool          `json:"urgent,omitempty"`
	Words   string        `json:"words,omitempty"` // {words}: a path, an error, a bundle
	Count   int           `json:"count,omitempty"` // {n}
	Elapsed time.Duration `json:"elapsed_ns,omitempty"`
}

// Figures are of the day that the station's clock shows, golden and test units left out.
type Figures struct {
	Done      int     `json:"done"`       // tablets that passed
	Hour      float64 `json:"hour"`       // tablets that passed within the last hour
	Plan      float64 `json:"plan"`       // tablets an hour that are planned; 0 is none
	FirstPass float64 `json:"first_pass"` // of units, 0 to 1; -1: none yet
	LastPass  float64 `json:"last_pass"`

	Failures []Count `json:"failures,omitempty"` // by reason, the most frequent first
	Hours    []Hour  `json:"hours,omitempty"`    // tablets that passed by hour, the first before the last
	Slowest  string  `json:"slowest,omitempty"`  // the state whose 95th percentile is the longest
	P95      int64   `json:"p95_ms,omitempty"`   // of it
}

// Count is how often a key came.
type Count struct {
	Key string `json:"key"`
	N   int    `json:"n"`
}

// Hour is what passed in one hour of the day.
type Hour struct {
	Hour int `json:"hour"` // 0 to 23, the station's time
	N    int `json:"n"`
}
