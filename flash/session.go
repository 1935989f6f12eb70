// This file is what a step sees of its job: the tablet's client, what is known
// of the tablet, and ways to tell what happens.

package flash

import (
	"context"
	"time"

	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// progressEvery bounds progress to four events a second.
const progressEvery = 250 * time.Millisecond

// Session is one job under way. Only the job's worker uses it. What is known while the
// job runs stands in three groups, by who writes it.
type Session struct {
	engine   *Engine
	order    int             // among the engine's jobs
	durable  context.Context // ends when something could not be recorded
	stopping context.Context // ends when the job is to stop after its command
	place    *admission.Place
	job      Job // its plan is filled in once the tablet is identified

	link    link
	tablet  tablet
	account account
}

// link is the way to the tablet. It is written where the engine connects: connect.go,
// system.go, android.go; steps only use it.
type link struct {
	mode      usb.Mode          // "" while the tablet is on its way
	client    *fastboot.Client  // in fastboot; nil otherwise
	wire      *admission.Member // of the process's admission; nil until the first download
	booted    Booted            // when booted; nil otherwise
	hostKey   string            // of this boot, once seen: its fingerprints, one a line
	awaited   bool              // for the first time, and this was not reported yet
	oldBootID string            // the run of the system that must end, as Booted.Boot names it
}

// tablet is what is known of the tablet. Who it is, is written where the engine connects;
// facts and limits by preflight and by the steps that ask for them.
type tablet struct {
	where       Where
	key         Key
	productFrom string   // the question that the product was the answer to
	android     *Running // what it reported in Android; nil: it was not there

	lock   string // locked, unlocked; "" when not reported
	charge string // percent; "" when not reported
	found  map[string]string
	unique map[string]bool // the facts of found that no other tablet may have

	maxDownload int64 // bytes; 0 until asked
	noFill      bool  // this bootloader does not know FILL chunks

	identity *Identity // nil until it is assigned

	otherSerial string // of another tablet that came back in its place; "": none did, or it has no serial
}

// account is what the job did so far. The worker writes it (worker.go, result.go), and the
// step under way by Result and Progress.
type account struct {
	state     State // as state.go has it
	times     times
	attempt   int        // 1 for the first
	step      string     // under way; "" between steps
	outcome   StepResult // of the step under way
	writing   bool       // the step under way writes partitions
	stepBytes int64      // raw bytes of the step, all its slots together
	bytes     int64      // raw bytes written by finished steps

	readBack  readBack
	begun     bool // the intent is recorded: something may be written
	changed   bool // a step changed something
	compliant bool // nothing had to be done

	notDurable bool       // it could not be recorded
	answer     *Answer    // of the hook that was asked; nil: none was
	exhausted  bool       // the pool had no identity
	twin       bool       // that of the tablet's serial is another's, under way
	lacking    *PoolError // why the job has no identity yet, which it waits for; nil: it does not

	waited       bool      // for the wire; reported once
	lastProgress time.Time // when progress was reported last
	proof        *Batch    // for which this tablet goes first; nil: none
}

// Fastboot is the client of the connection under way.
func (s *Session) Fastboot() *fastboot.Client { return s.link.client }

// Booted is the session with the booted tablet.
func (s *Session) Booted() Booted { return s.link.booted }

// Key is what is known of the tablet.
func (s *Session) Key() Key { return s.tablet.key }

// Result says how a step that succeeds ended: StepChanged or StepAlready.
func (s *Session) Result(r StepResult) { s.account.outcome = r }

// Where names the tablet.
func (s *Session) Where() Where { return s.tablet.where }

// Log reports a line.
func (s *Session) Log(message string) { s.emit(Log{Message: message}) }

// Warn reports something that stops nothing.
func (s *Session) Warn(message, hint string) { s.emit(Warning{Message: message, Hint: hint}) }

// Progress reports how far the step is, at most four times a second, the end
// included.
func (s *Session) Progress(p Progress) {
	now := time.Now()
	s.account.stepBytes = p.Done
	if p.Done < p.Total && now.Sub(s.account.lastProgress) < progressEvery {
		return
	}
	s.account.lastProgress = now
	p.Step = s.account.step
	s.emit(p)
}

func (s *Session) emit(b Body) {
	s.engine.o.Events.Emit(Event{Job: s.job.ID, Where: s.tablet.where, Attempt: s.account.attempt, Body: b, watch: s.job.Watch})
}
