// This file holds settings to what they may be, as far as that is known without a tablet:
// names of networks and hosts, passphrases, time zones, locales, and nothing twice.

package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // the zones are the same on every station

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

var (
	hostForm   = lazyregexp.New(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`) // RFC 1123, one label
	localeForm = lazyregexp.New(`^(C|POSIX|[a-z]{2,3}(_[A-Z]{2})?)(\.[A-Za-z0-9-]+)?(@[a-z]+)?$`)
	// wpaForm is a passphrase, or the key itself (IEEE 802.11, annex J.4).
	wpaForm = lazyregexp.New(`^([\x20-\x7e]{8,63}|[0-9A-Fa-f]{64})$`)
)

// HostnameProblem says why a text is no host name; "" is that it is one.
func HostnameProblem(name string) string {
	if !hostForm.MatchString(name) {
		return fmt.Sprintf("%q is no host name: up to 63 letters, digits and dashes, none at an end", name)
	}
	return ""
}

func timezoneProblem(zone string) string {
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return fmt.Sprintf("there is no time zone %q: they are written as Europe/Moscow", zone)
	}
	return ""
}

func localeProblem(locale string) string {
	if !localeForm.MatchString(locale) {
		return fmt.Sprintf("%q is no locale: they are written as ru_RU.UTF-8", locale)
	}
	return ""
}

// maxSSID is the longest name of a network in bytes (IEEE 802.11, 9.4.2.2).
const maxSSID = 32

func ssidProblem(ssid string) string {
	if n := len(ssid); n == 0 || n > maxSSID {
		return fmt.Sprintf("the network's name %q has %d bytes, 1 to %d are allowed; a Cyrillic letter takes two", ssid, n, maxSSID)
	}
	return ""
}

// passphraseProblem does not show the passphrase.
func passphraseProblem(passphrase string) string {
	if wpaForm.MatchString(passphrase) {
		return ""
	}
	if strings.ContainsFunc(passphrase, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "the passphrase has characters beyond ASCII, which WPA does not take: 8 to 63 of ASCII, or the key as 64 hexadecimal digits"
	}
	return fmt.Sprintf("the passphrase has %d characters: WPA takes 8 to 63 of ASCII, or the key as 64 hexadecimal digits", len(passphrase))
}

// checkValues holds the settings whose values are known to what they may be. It is called
// once for what stands in the profile, and again when the secrets are known.
func (p *Profile) checkValues() {
	for i, s := range p.Provision {
		at := fmt.Sprintf("/provision/%d/", i)
		p.checkValue(at+"hostname", s.Hostname, HostnameProblem)
		p.checkValue(at+"timezone", s.Timezone, timezoneProblem)
		p.checkValue(at+"locale", s.Locale, localeProblem)
		if w := s.WiFi; w != nil {
			p.checkValue(at+"wifi/ssid", &w.SSID, ssidProblem)
			if w.Security == "psk" {
				p.checkValue(at+"wifi/passphrase", w.Passphrase, passphraseProblem)
			}
		}
	}
}

// checkValue holds a template to what problem says, if its value is known; a template that
// is a choice among values (vars) is held to it with each of them.
func (p *Profile) checkValue(pointer string, t *Text, problem func(string) string) {
	if t == nil {
		return
	}
	if value, err := p.Static(*t); err == nil {
		if why := problem(value); why != "" {
			p.tree.at(pointer, "%s", why)
		}
		return
	}
	names := t.names()
	if len(names) != 1 || t.String() != "{{ "+names[0]+" }}" {
		return
	}
	name, isVar := strings.CutPrefix(names[0], "vars.")
	v := p.Vars[name]
	if !isVar {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(v.Map)) {
		if why := problem(v.Map[key]); why != "" {
			p.tree.at("/vars/"+escape(name)+"/map/"+escape(key), "vars.%s: %s", name, why)
		}
	}
	if v.Default != nil {
		if why := problem(*v.Default); why != "" {
			p.tree.at("/vars/"+escape(name)+"/default", "vars.%s: %s", name, why)
		}
	}
}

// checkRepeats reports what is done twice: the second would undo the first. A step with a
// condition may be one of several for the same thing.
func (p *Profile) checkRepeats() {
	first := map[string]string{}
	once := func(pointer, what string) {
		if before, twice := first[what]; twice {
			p.tree.at(pointer, "%s is there twice; first in line %d", what, p.tree.place(before).line())
			return
		}
		first[what] = pointer
	}
	for i, name := range p.Partitions {
		once(fmt.Sprintf("/partitions/%d", i), "the partition "+name)
	}
	for i, s := range p.Flash {
		if s.When != nil {
			continue
		}
		for j, name := range s.Images {
			once(fmt.Sprintf("/flash/%d/images/%d", i, j), "the image "+name)
		}
	}
	for i, s := range p.Provision {
		at := fmt.Sprintf("/provision/%d", i)
		if s.When == nil {
			for _, what := range s.settings() {
				once(at, what)
			}
		}
	}
}

// settings names what a step sets, where only one step can.
func (s *ProvisionStep) settings() (all []string) {
	for what, there := range map[string]bool{"hostname": s.Hostname != nil, "timezone": s.Timezone != nil, "locale": s.Locale != nil,
		"regenerate": s.Regenerate != nil, "wizard": s.Wizard != ""} {
		if there {
			all = append(all, what)
		}
	}
	if s.File != nil {
		all = append(all, "the file "+s.File.To)
	}
	if s.Enrolment != nil {
		all = append(all, "the file "+s.Enrolment.To)
	}
	if s.WiFi != nil {
		all = append(all, "the network "+s.WiFi.SSID.String())
	}
	for _, k := range s.Packages {
		all = append(all, "the package "+k.Name)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Dconf)) {
		all = append(all, "the dconf key "+key)
	}
	return all
}

// line is where a value stands in its file; 0 is not known.
func (w place) line() int {
	if w.value != nil {
		return w.value.Line
	}
	return 0
}
