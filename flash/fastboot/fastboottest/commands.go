// This file has the cases of commands: their words on the wire, and what is never sent.

package fastboottest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// commandCases: the words that go over the wire.
func commandCases() []testCase {
	type call = func(*rig) error
	text := func(f func(*rig) (string, error)) call {
		return func(r *rig) error { _, err := f(r); return err }
	}
	wire := []struct {
		want string
		call call
	}{
		{"getvar:version", text(func(r *rig) (string, error) { return r.Getvar(r.ctx, "version") })},
		{"getvar:partition-size:boot_a", text(func(r *rig) (string, error) { return r.Getvar(r.ctx, "partition-size:boot_a") })},
		{"getvar:all", func(r *rig) error { _, err := r.GetvarAll(r.ctx); return err }},
		{"flash:recovery_ramdisk", func(r *rig) error { return r.Flash(r.ctx, "recovery_ramdisk", 1<<20) }},
		{"flash:lies", func(r *rig) error { return r.Flash(r.ctx, "lies", 1<<62) }}, // no deadline overflows
		{"erase:userdata", func(r *rig) error { return r.Erase(r.ctx, "userdata", 0, 0) }},
		{"boot", func(r *rig) error { return r.Boot(r.ctx) }},
		{"reboot", func(r *rig) error { return r.Reboot(r.ctx, "") }},
		{"reboot", func(r *rig) error { return r.Reboot(r.ctx, "system") }},
		{"reboot-bootloader", func(r *rig) error { return r.Reboot(r.ctx, "bootloader") }},
		{"reboot-fastboot", func(r *rig) error { return r.Reboot(r.ctx, "fastboot") }},
		{"reboot-recovery", func(r *rig) error { return r.Reboot(r.ctx, "recovery") }},
		{"oem lock-state info", text(func(r *rig) (string, error) { return r.OEM(r.ctx, "lock-state info") })},
		{"oem get-bootinfo", func(r *rig) error { _, err := r.OEMLines(r.ctx, "get-bootinfo"); return err }},
		{"flashing lock", text(func(r *rig) (string, error) { return r.Flashing(r.ctx, "lock") })},
		{"flashing unlock", text(func(r *rig) (string, error) { return r.Flashing(r.ctx, "unlock") })},
		{"flashing get_unlock_ability", text(func(r *rig) (string, error) { return r.Flashing(r.ctx, "get_unlock_ability") })},
		{"resize-logical-partition:x_a:5368709120", func(r *rig) error { return r.ResizeLogical(r.ctx, "x_a", 5<<30) }},
		{strings.Repeat("x", 64), text(func(r *rig) (string, error) { return r.Command(r.ctx, strings.Repeat("x", 64)) })},
	}
	// Nothing of these may reach the wire: the device sees only the last command.
	never := []call{
		text(func(r *rig) (string, error) { return r.Command(r.ctx, "") }),
		text(func(r *rig) (string, error) { return r.Command(r.ctx, strings.Repeat("x", 65)) }),
		func(r *rig) error { return r.Flash(r.ctx, strings.Repeat("p", 59), 0) },
		func(r *rig) error { return r.Flash(r.ctx, "boot\n", 0) },
		func(r *rig) error { return r.Erase(r.ctx, "a\x00b", 0, 0) },
		func(r *rig) error { return r.Flash(r.ctx, "\x1b[2J", 0) },
		text(func(r *rig) (string, error) { return r.OEM(r.ctx, "\u202eunlock") }),
		text(func(r *rig) (string, error) { return r.OEM(r.ctx, "\xff") }),
		text(func(r *rig) (string, error) { return r.OEM(r.ctx, "\x7f") }),
		func(r *rig) error { return r.Reboot(r.ctx, "edl") },
		text(func(r *rig) (string, error) { return r.Flashing(r.ctx, "unlock_critical") }),
		text(func(r *rig) (string, error) { return r.Getvar(r.ctx, "rescue_enter") }),
		text(func(r *rig) (string, error) { return r.Getvar(r.ctx, " RESCUE_x") }),
		text(func(r *rig) (string, error) { return r.Command(r.ctx, "getvar:rescue_version") }),
		func(r *rig) error { _, err := r.Var(r.ctx, "rescue_x"); return err },
		func(r *rig) error { return r.Download(r.ctx, payload{size: 0}, nil) },
		func(r *rig) error { return r.Download(r.ctx, payload{size: -1}, nil) },
		func(r *rig) error { return r.Download(r.ctx, payload{size: 1 << 32}, nil) },
		func(r *rig) error { return r.Fetch(r.ctx, "boot", 0, 0, nil) },
		func(r *rig) error { return r.Fetch(r.ctx, "boot", 0, 1<<32, nil) },
		func(r *rig) error { return r.Fetch(r.ctx, "boot", -1, 1, nil) },
	}
	return []testCase{
		{"wire text of every command", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				for _, w := range wire {
					d.answer(w.want, "OKAY")
				}
			})
			for _, w := range wire {
				if err := w.call(r); err != nil {
					t.Errorf("%s: %v", w.want, err)
				}
			}
			r.end()
		}},
		{"what must not be sent is not sent", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) { d.answer("getvar:product", "OKAYx") })
			for i, call := range never {
				var usage *fastboot.UsageError
				if err := call(r); !errors.As(err, &usage) {
					t.Errorf("call %d: %v, want a UsageError", i, err)
				}
			}
			_, err := r.Getvar(r.ctx, "product")
			r.ok(err)
			r.end()
		}},
		{"getvar all", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("getvar:all", "INFOversion:0.4", "INFOpartition-size:boot_a: 0x4000000", "INFOversion-bootloader:a:b", "INFOodd", "OKAYdone")
			})
			got, err := r.GetvarAll(r.ctx)
			r.ok(err)
			want := []fastboot.Var{{Name: "version", Value: "0.4"}, {Name: "partition-size:boot_a", Value: "0x4000000"},
				{Name: "version-bootloader", Value: "a:b"}, {Name: "odd"}}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			r.end()
		}},
		{"oem lines and text", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) { d.answer("oem x", "INFOa", "TEXTb", "OKAYc") })
			got, err := r.OEMLines(r.ctx, "x")
			r.ok(err)
			if !slices.Equal(got, []string{"a", "b", "c"}) {
				t.Errorf("got %q", got)
			}
			r.end()
		}},
	}
}
