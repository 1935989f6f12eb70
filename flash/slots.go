// This file finds the partitions that a name and a slot stand for on a tablet.

package flash

import (
	"context"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// Slots are the values that a slot option takes.
var Slots = []string{"current", "other", "all", "a", "b"}

// slotted returns the partitions that PARTITION and a slot stand for on this tablet. A
// verdict of "not told" says that the tablet may have slots of it all the same: then it is
// written once, by its own name, if no slot was asked for that this would leave out.
func slotted(ctx context.Context, c *fastboot.Client, partition, slot string) ([]string, []Verdict, error) {
	has, err := c.HasSlot(ctx, partition)
	if err != nil {
		return nil, nil, err
	}
	if has != fastboot.Yes {
		return unslotted(ctx, c, partition, slot, has)
	}
	switch slot {
	case "a", "b":
		return []string{partition + "_" + slot}, nil, nil
	case "all":
		return []string{partition + "_a", partition + "_b"}, nil, nil
	}
	current, err := c.CurrentSlot(ctx)
	if err != nil {
		return nil, nil, err
	}
	if current.Value != "a" && current.Value != "b" {
		return nil, nil, failf(ClassDevice, "name the slot: --slot a, b or all",
			"%s has slots, but the tablet does not report which is current", partition)
	}
	if slot == "other" {
		return []string{partition + "_" + map[string]string{"a": "b", "b": "a"}[current.Value]}, nil, nil
	}
	return []string{partition + "_" + current.Value}, nil, nil
}

// unslotted is slotted for a partition of which the tablet does not say that it has slots.
func unslotted(ctx context.Context, c *fastboot.Client, partition, slot string, has fastboot.Answer) ([]string, []Verdict, error) {
	once := []string{partition}
	if slot != "" && slot != "all" && slot != "current" {
		return nil, nil, failf(ClassProfile, "leave the slot out",
			"slot %q of %s was asked for, but the tablet does not say that %s has slots", slot, partition, partition)
	}
	if has == fastboot.No {
		return once, nil, nil
	}
	count, err := c.SlotCount(ctx)
	if err != nil {
		return nil, nil, err
	}
	notTold := []Verdict{{Fact: "slots of " + partition, Answer: fastboot.NotTold, Source: "getvar:has-slot:" + partition}}
	switch {
	case count == 1, count == 0 && slot == "":
		return once, nil, nil
	case count > 1 && slot == "all":
		return nil, nil, failf(ClassProfile,
			"write each slot by its full name, such as "+partition+"_a and "+partition+"_b, or leave the slot out",
			"all slots of %s were asked for; the tablet has %d slots, but does not report whether %s has them", partition, count, partition)
	}
	return once, notTold, nil
}
