// This file is what a tablet is made of, as its user writes it down.

package device

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Config is what a tablet is made of.
type Config struct {
	Serial      string
	Family      Family
	Dir         string           // partitions are files Dir/SERIAL/PARTITION.img; "" keeps them in memory
	Partitions  map[string]int64 // further partitions, or other sizes, in bytes
	MaxDownload int64            // bytes; 0 is the family's
	Rate        int64            // bytes/s of this tablet's wire; 0 is unlimited
	WriteRate   int64            // bytes/s of its storage, expanded; 0 is unlimited
	Bus         *Bus             // shared by tablets; nil is unlimited
	Faults      []Fault
	RebootTime  time.Duration // how long it is away when it restarts
	Android     bool          // on USB it runs Android first, with debugging on
	Digests     bool          // keep the digest of each download, for State
	Login       Login         // of the booted system; the zero value is DefaultLogin
	UnlockCode  string        // that oem unlock takes; "": there is no such command
	Log         func(format string, args ...any)
}

// Login is who may log in to the booted system over SSH.
type Login struct {
	User         string // its home is /home/USER
	Password     string
	RootPassword string // for devel-su and sudo
}

// DefaultLogin is the login of a tablet that was given none.
var DefaultLogin = Login{User: "defaultuser", Password: "aurora", RootPassword: "aurora-root"}

// complete checks a configuration and fills in what it leaves to others.
func (c *Config) complete() error {
	if c.Family.Product == "" {
		return errors.New("a virtual tablet needs a family")
	}
	if c.Serial == "" || strings.ContainsAny(c.Serial, "/\\\x00") || c.Serial == "." || c.Serial == ".." {
		return fmt.Errorf("%q cannot be a serial number", c.Serial)
	}
	if c.MaxDownload == 0 {
		c.MaxDownload = c.Family.MaxDownload
	}
	if c.Login == (Login{}) {
		c.Login = DefaultLogin
	}
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	return nil
}
