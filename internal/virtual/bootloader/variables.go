// This file is the variables: what getvar answers.

package bootloader

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// variables returns all variables that the family answers, in order.
func (b *Bootloader) variables() (names []string, values map[string]string) {
	f := b.device.Config.Family
	st := b.device.State()
	values = map[string]string{
		"product": f.Product, "serialno": b.device.Serial(), "unlocked": yesNo(!st.Locked),
		"max-download-size": fmt.Sprintf(f.SizeFormat, b.device.Config.MaxDownload),
	}
	names = []string{"product", "serialno", "unlocked", "max-download-size"}
	add := func(name, value string) {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(f.Vars)) {
		add(name, f.Vars[name])
	}
	if b.device.Flaws().LowBattery {
		add("battery-soc-ok", "no")
	}
	if f.Userspace {
		add("is-userspace", yesNo(st.Mode == device.ModeFastbootd))
	}
	if f.Slots {
		add("current-slot", st.Slot)
		add("slot-count", "2")
		for _, p := range device.Slotted {
			add("has-slot:"+p, "yes")
		}
		for _, s := range []string{"a", "b"} {
			add("slot-successful:"+s, "yes")
			add("slot-unbootable:"+s, "no")
		}
	}
	sizes := b.device.PartitionSizes()
	for _, p := range slices.Sorted(maps.Keys(sizes)) {
		add("partition-size:"+p, fmt.Sprintf("0x%x", sizes[p]))
		add("partition-type:"+p, "raw")
		if f.Slots && !slices.ContainsFunc(device.Slotted, func(slotted string) bool { return device.IsPartition(p, slotted) }) {
			add("has-slot:"+p, "no")
		}
		if f.Userspace {
			logical := slices.ContainsFunc(device.Logical, func(name string) bool { return device.IsPartition(p, name) })
			add("is-logical:"+p, yesNo(logical))
		}
	}
	return names, values
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// getvar answers one variable, or with all every one in a line of its own.
func (b *Bootloader) getvar(l Link, name string) (string, error) {
	f := b.device.Config.Family
	if b.device.Flaws().RefusesGetvar || f.Refuses && !slices.Contains(f.Answers, name) {
		return "", refusal("Command not allowed")
	}
	names, values := b.variables()
	if name == "all" {
		for _, n := range names {
			if err := l.Respond("INFO" + clip(n+": "+values[n])); err != nil {
				return "", err
			}
		}
		return "", nil
	}
	value, ok := values[name]
	if kind, p, has := strings.Cut(name, ":"); !ok && has && f.Slots {
		if full, _, there := b.device.FullName(p); there {
			value, ok = values[kind+":"+full]
		}
	}
	if !ok {
		if text, fails := strings.CutPrefix(f.Unknown, "FAIL"); fails {
			return "", refusal(text)
		}
		return strings.TrimPrefix(f.Unknown, "OKAY"), nil
	}
	return value, nil
}
