// This file is what a step sees of its job: the tablet's client, what is known
// of the tablet, and ways to tell what happens.

package flash

import (
	"context"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/usb"
)

// progressEvery bounds progress to four events a second.
const progressEvery = 250 * time.Millisecond

// assumedMaxDownload is the piece size for a tablet that does not tell
// max-download-size: small enough for every known bootloader's buffer.
const assumedMaxDownload = 128 << 20

// Session is one job under way. Only the job's worker uses it.
type Session struct {
	job         Job
	order       int  // among the jobs of the run
	waited      bool // for the wire; told once
	runner      *Runner
	mode        usb.Mode         // "" when the tablet is on its way
	client      *fastboot.Client // in fastboot
	booted      Booted           // when booted
	hostKey     string           // of this boot, once seen
	android     *Running         // what it told in Android; nil: it was not there
	productFrom string           // the question that told the product
	where       Where
	key         Key
	attempt     int

	maxDownload  int64 // 0 until asked
	parallel     fastboot.Answer
	noFill       bool // this bootloader does not know FILL chunks
	step         string
	bytes        int64 // raw bytes written by finished steps
	stepBytes    int64 // raw bytes of the step, all its slots together
	lastProgress time.Time
	outcome      StepResult // of the step under way
	lock         string     // locked, unlocked; "" when not told
	charge       string     // percent; "" when not told
	identity     *Identity  // nil until it is assigned
	found        map[string]string
	unique       map[string]bool
	oldBootID    string // the run of the system that must end, as Booted.Boot names it
	begun        bool   // the intent is recorded: something may be written
	proof        *Batch // for which this tablet goes first
	changed      bool   // a step changed something
	writing      bool   // the step under way writes partitions
	compliant    bool   // nothing had to be done
}

// Fastboot is the client of the connection under way.
func (s *Session) Fastboot() *fastboot.Client { return s.client }

// Booted is the session with the booted tablet.
func (s *Session) Booted() Booted { return s.booted }

// Key is what is known of the tablet.
func (s *Session) Key() Key { return s.key }

// Result tells how a step that succeeds ended: StepChanged or StepAlready.
func (s *Session) Result(r StepResult) { s.outcome = r }

// Where names the tablet.
func (s *Session) Where() Where { return s.where }

// Log tells a line.
func (s *Session) Log(message string) { s.emit(Log{Message: message}) }

// Warn tells something that stops nothing.
func (s *Session) Warn(message, hint string) { s.emit(Warning{Message: message, Hint: hint}) }

// Progress tells how far the step is, at most four times a second, the end
// included.
func (s *Session) Progress(p Progress) {
	now := time.Now()
	s.stepBytes = p.Done
	if p.Done < p.Total && now.Sub(s.lastProgress) < progressEvery {
		return
	}
	s.lastProgress = now
	p.Step = s.step
	s.emit(p)
}

// Stopping returns why no further command should begin: ErrStopped once the
// operator asked to stop. A step calls it between commands.
func (s *Session) Stopping() error { return s.runner.stopErr() }

func (s *Session) emit(b Body) {
	s.runner.Events.Emit(Event{Job: s.job.ID, Where: s.where, Attempt: s.attempt, Body: b})
}

// MaxDownload is how many bytes one download to this tablet may have.
func (s *Session) MaxDownload(ctx context.Context) (int64, error) {
	if s.maxDownload > 0 {
		return s.maxDownload, nil
	}
	n, err := s.client.MaxDownload(ctx)
	if err != nil {
		return 0, err
	}
	if n < 4096 {
		n = assumedMaxDownload
		s.Warn("the tablet does not tell max-download-size; pieces of 128 MiB are sent", "")
	}
	s.maxDownload = min(n, 0xffffffff)
	return s.maxDownload, nil
}
