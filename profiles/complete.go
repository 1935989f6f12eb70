// This file puts in what a profile leaves out.

package profiles

import (
	"slices"
	"strings"
)

// complete puts in what was left out.
func (p *Profile) complete() {
	put := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	put(&p.Tablet.Lock, "unlocked")
	put(&p.Tablet.Battery.Unknown, "warn")
	if p.Boot.Within == 0 {
		p.Boot.Within = Duration(defaultBoot)
	}
	if p.SSH != nil {
		put(&p.SSH.Port, "22")
		put(&p.SSH.Root, "none")
	}
	for i := range p.Flash {
		if slices.Equal(p.Flash[i].Images, names{AllImages}) && len(p.Images) > 0 {
			p.Flash[i].Images = slices.Clone(p.order)
		}
		if u := p.Flash[i].Unlock; u != nil {
			put(&u.By, "usb-serial")
		}
	}
	for _, s := range p.Provision {
		if s.File != nil && p.SSH != nil {
			put(&s.File.Owner, p.owner(s.File.To))
			put(&s.File.Mode, "0644")
		}
		if s.Enrolment != nil {
			put(&s.Enrolment.Owner, "root")
			put(&s.Enrolment.Mode, "0600")
		}
		if w := s.WiFi; w != nil {
			switch {
			case w.Passphrase != nil:
				put(&w.Security, "psk")
			case w.User != nil || w.EAP != "":
				put(&w.Security, "ieee8021x")
			}
			put(&w.Security, "none")
			if w.Security == "ieee8021x" {
				put(&w.EAP, "peap")
				put(&w.Phase2, "MSCHAPV2")
			}
		}
		if s.DBus != nil {
			put(&s.DBus.Bus, "system")
			put(&s.DBus.Changes, "always")
		}
		if s.Exec != nil {
			put(&s.Exec.Changes, "always")
			if s.Exec.Timeout == 0 {
				s.Exec.Timeout = Duration(defaultExec)
			}
		}
	}
	for name, h := range p.Hooks {
		if h.Timeout == 0 {
			h.Timeout = Duration(defaultHook)
			p.Hooks[name] = h
		}
	}
}

// owner is whose a file is if nothing is said: the login's in its home, and root's
// anywhere else, where there is root.
func (p *Profile) owner(to string) string {
	home := "/home/" + p.SSH.User + "/"
	if p.SSH.User == "root" || p.SSH.HasRoot() && !strings.HasPrefix(to, home) && !strings.HasPrefix(to, "/tmp/") {
		return "root"
	}
	return p.SSH.User
}
