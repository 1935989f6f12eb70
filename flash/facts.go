// This file is what is known of a tablet, by the names that profiles use.

package flash

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// ErrLater means that a value is not known yet, and will be later in the job.
var ErrLater = errors.New("not known yet")

// Fact gives what is known by a name: tablet.serial, tablet.model, tablet.place,
// tablet.lock (locked, unlocked), tablet.battery (percent), port.name, port.path,
// bundle.name, bundle.version, identity.COLUMN. "" is not reported. ErrLater is for what
// the job has not come to.
func (s *Session) Fact(name string) (string, error) {
	if column, ok := strings.CutPrefix(name, "identity."); ok {
		if s.tablet.identity == nil {
			return "", ErrLater
		}
		return s.tablet.identity.Columns[column], nil
	}
	switch name {
	case "tablet.serial":
		return s.tablet.key.Serial, nil
	case "tablet.model":
		return s.tablet.key.Product, nil
	case "tablet.place":
		return s.tablet.where.Label(), nil
	case "tablet.lock":
		return s.tablet.lock, nil
	case "tablet.battery":
		return s.tablet.charge, nil
	case "port.name":
		return s.tablet.where.PortName, nil
	case "port.path":
		return s.tablet.where.Port, nil
	case "bundle.name", "bundle.version":
		bundle, version, _ := strings.Cut(s.job.Bundle, " ")
		if name == "bundle.name" {
			return bundle, nil
		}
		return version, nil
	}
	return "", fmt.Errorf("there is no fact %q", name)
}

// Job is the job under way, without its steps' state.
func (s *Session) Job() Job { return s.job }

// Found keeps a fact for the record of the job. A unique one is held to all other
// tablets of the ledger when the job passes.
func (s *Session) Found(fact, value string, unique bool) {
	if s.tablet.found == nil {
		s.tablet.found = map[string]string{}
	}
	s.tablet.found[fact] = value
	if unique {
		if s.tablet.unique == nil {
			s.tablet.unique = map[string]bool{}
		}
		s.tablet.unique[fact] = true
	}
}

// Placeholder reports whether a serial says nothing about which tablet it is.
func Placeholder(serial string) bool { return fastboot.PlaceholderSerial(serial) }

// Changed reports whether a step of this job changed something on the booted tablet.
func (s *Session) Changed() bool { return s.account.changed }

// Restarting says that the system was asked to restart; boot is what Booted.Boot said.
func (s *Session) Restarting(boot string) { s.link.oldBootID = boot }

// Rekeyed says which host keys the tablet has from now on, by their fingerprints.
func (s *Session) Rekeyed(fingerprints []string) { s.link.hostKey = strings.Join(fingerprints, "\n") }

// Reopen ends the session with the booted tablet and begins another one, for what only
// a new login shows.
func (s *Session) Reopen(ctx context.Context) error { return s.reconnect(ctx, reconnectFor) }

// Greets tries a new connection to the booted tablet's server; nil is that it greets.
func (s *Session) Greets(ctx context.Context) error {
	conn, err := s.dialSystem(ctx, greetTimeout)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

// Refused reports whether an error of Greets is the tablet's own refusal: it is there, and
// nothing listens. A tablet that is silent, was unplugged or is off has refused nothing.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// seen keeps what the bootloader said of its lock.
func (s *Session) seen(lock fastboot.Answer) {
	switch lock {
	case fastboot.Yes:
		s.tablet.lock = "unlocked"
	case fastboot.No:
		s.tablet.lock = "locked"
	case fastboot.NotTold:
		s.tablet.lock = ""
	}
}
