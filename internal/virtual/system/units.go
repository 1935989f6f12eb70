// This file is systemctl: units are links, as systemd has them.

package system

import (
	"errors"
	"io/fs"
	"path"
	"slices"
)

const (
	systemUnits = "/etc/systemd/system/"
	wants       = systemUnits + "multi-user.target.wants/"
)

// sshUnits are those that let SSH in.
var sshUnits = []string{"sshd.service", "sshd.socket"}

// unitState is what is-enabled says; "" is a unit that is not there.
func (s *System) unitState(unit string) string {
	if _, n, err := s.root.walk(systemUnits+unit, false); err == nil && n.Target == "/dev/null" {
		return "masked"
	}
	if _, _, err := s.root.walk(wants+unit, false); err == nil {
		return "enabled"
	}
	if slices.Contains(sshUnits, unit) {
		return "enabled" // as the image has it
	}
	for _, dir := range []string{systemUnits, "/usr/lib/systemd/system/"} {
		if _, _, err := s.root.walk(dir+unit, true); err == nil {
			return "disabled"
		}
	}
	return ""
}

// systemctl does one verb with units.
func (s *System) systemctl(ch output, verb string, units []string, uid int) int {
	now := false
	units = slices.DeleteFunc(slices.Clone(units), func(u string) bool {
		now = now || u == "--now"
		return u == "--now"
	})
	if verb != "is-enabled" && uid != 0 {
		say(ch.Stderr(), "Access denied\n")
		return 1
	}
	for _, u := range units {
		state := s.unitState(u)
		if state == "" && verb != "mask" && verb != "try-restart" {
			say(ch.Stderr(), "Failed to get unit file state for %s: No such file or directory\n", u)
			return 1
		}
		link := func(name, target string) error {
			if err := s.makeFolder(path.Dir(name), 0); err != nil {
				return err
			}
			return s.root.put(name, &node{Mode: fs.ModeSymlink | 0o777, Target: target})
		}
		remove := func(name string) error {
			if err := s.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}
		var err error
		switch verb {
		case "is-enabled":
			say(ch, "%s\n", state)
			if state != "enabled" {
				return 1
			}
		case "enable":
			if state == "masked" {
				say(ch.Stderr(), "Failed to enable unit: Unit file %s is masked.\n", u)
				return 1
			}
			err = link(wants+u, systemUnits+u)
		case "disable":
			err = remove(wants + u)
		case "mask":
			if err = remove(wants + u); err == nil {
				err = link(systemUnits+u, "/dev/null")
			}
			if now && slices.Contains(sshUnits, u) {
				s.closeSSH()
			}
		case "unmask":
			err = remove(systemUnits + u)
		case "try-restart":
		default:
			say(ch.Stderr(), "Unknown command verb %s.\n", verb)
			return 1
		}
		if err != nil {
			say(ch.Stderr(), "%v\n", err)
			return 1
		}
	}
	return 0
}

// startsSSH reports whether the system starts an SSH server.
func (s *System) startsSSH() bool {
	return slices.ContainsFunc(sshUnits, func(u string) bool { return s.unitState(u) != "masked" })
}
