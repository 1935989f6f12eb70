// This file has the cases of responses: what a device can answer to a command.

package fastboottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// responseCases: what a device can answer to a command.
func responseCases() []testCase {
	cs := []testCase{
		{"lines arrive in order", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("oem log", "INFOone", "TEXTtwo\n", "INFO", "INFOthree", "OKAYfour")
			})
			text, err := r.OEM(r.ctx, "log")
			r.ok(err)
			if want := []string{"one", "two", "", "three"}; text != "four" || !slices.Equal(r.lines, want) {
				t.Errorf("got %q and %q, want %q", r.lines, text, want)
			}
			r.end()
		}},
		{"a line is told before the next is sent", func(t *testing.T, pair Pair) {
			told := make(chan string)
			host, device := pair(t)
			c := fastboot.NewClient(host, fastboot.Options{Limits: patient, Line: func(l string) { told <- l }})
			done := make(chan error, 1)
			go func() {
				_, err := c.OEM(context.Background(), "log")
				done <- err
			}()
			t.Cleanup(func() { _, _ = c.Close(), device.Close() })
			_, err := device.ReadCommand()
			for i := range 3 {
				err = errors.Join(err, device.Reply(fmt.Sprintf("INFO%d", i)))
				if l := <-told; l != fmt.Sprint(i) {
					t.Errorf("line %q, want %d", l, i)
				}
			}
			if err = errors.Join(err, device.Reply("OKAY"), <-done); err != nil {
				t.Error(err)
			}
		}},
		{"hostile text is cleaned", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("oem a", "INFO\x1b[31mred\x07", "INFO\u202eevil\u200b\u2066", "INFO\xff\xfebytes\r", "INFO\ttab\tbed ",
					"OKAY\x9b\x1b]0;x\x07ok")
				d.answer("oem b", "FAIL\x1b[2Jno\u202e \xc3")
			})
			text, err := r.OEM(r.ctx, "a")
			r.ok(err)
			want := []string{"[31mred", "evil", "bytes", "tab bed"}
			if text != "]0;xok" || !slices.Equal(r.lines, want) {
				t.Errorf("got %q and %q, want %q", r.lines, text, want)
			}
			_, err = r.OEM(r.ctx, "b")
			if e := as[*fastboot.RemoteError](r, err); e.Message != "[2Jno" || e.Command != "oem b" {
				t.Errorf("got %+v", e)
			}
			r.end()
		}},
		{"text ends at the first NUL", func(t *testing.T, pair Pair) {
			pad := func(s string) string { return s + strings.Repeat("\x00", 64-len(s)) }
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("oem a", pad("INFOone"), "TEXTtwo\x00stale", pad("OKAYthree"))
				d.answer("oem b", "FAILno\x00OKAY")
				d.answer("download:00000004", "DATA00000004\x00\x00stale")
				d.take([]byte("data"))
				d.say("OKAY\x00stale")
				d.answer("fetch:boot:0x0:0x4", pad(dataFor(4)))
				d.must(d.WriteData([]byte("data")))
				d.say(pad("OKAY"))
			})
			text, err := r.OEM(r.ctx, "a")
			r.ok(err)
			if want := []string{"one", "two"}; text != "three" || !slices.Equal(r.lines, want) {
				t.Errorf("got %q and %q, want %q", r.lines, text, want)
			}
			_, err = r.OEM(r.ctx, "b")
			if e := as[*fastboot.RemoteError](r, err); e.Message != "no" {
				t.Errorf("got %q", e.Message)
			}
			r.ok(r.Download(r.ctx, fastboot.Bytes("data"), nil))
			r.ok(r.Fetch(r.ctx, "boot", 0, 4, &bytes.Buffer{}))
			r.end()
		}},
		{"the longest response", func(t *testing.T, pair Pair) {
			long := strings.Repeat("x", 252)
			r := start(t, pair, patient, func(d *script, _ *rig) { d.answer("oem x", "OKAY"+long) })
			if text, err := r.OEM(r.ctx, "x"); err != nil || text != long {
				t.Errorf("got %q, %v", text, err)
			}
			r.end()
		}},
		{"4096 lines are taken, one more is not", func(t *testing.T, pair Pair) {
			line := "INFO" + strings.Repeat("x", 252) // 4096 of them are 1 MiB
			r := start(t, pair, patient, func(d *script, _ *rig) {
				for _, n := range []int{4096, 4097} {
					d.want("oem log")
					for range n {
						d.say(line)
					}
					d.say("OKAY")
				}
			})
			_, err := r.OEM(r.ctx, "log")
			r.ok(err)
			if len(r.lines) != 4096 {
				t.Errorf("%d lines", len(r.lines))
			}
			_, err = r.OEM(r.ctx, "log")
			refused[*fastboot.ProtocolError](r, err)
			if len(r.lines) != 2*4096 {
				t.Errorf("%d lines were told", len(r.lines))
			}
		}},
		{"FAIL, then the client still works", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("flash:boot", "INFOwriting", "FAILpartition length get error")
				d.answer("erase:boot", "FAIL")
				d.answer("download:00000004", "FAILtoo large")
				d.answer("download:00000004", dataFor(4))
				d.take([]byte("data"))
				d.say("INFOx", "FAILbad data")
				d.answer("fetch:boot:0x0:0x4", "FAILno")
				d.answer("fetch:boot:0x0:0x4", dataFor(4))
				d.must(d.WriteData([]byte("data")))
				d.say("FAILread error")
				d.answer("getvar:product", "OKAYAGS2")
			})
			for i, err := range []error{
				r.Flash(r.ctx, "boot", 1), r.Erase(r.ctx, "boot", 1, 0),
				r.Download(r.ctx, fastboot.Bytes("data"), nil), r.Download(r.ctx, fastboot.Bytes("data"), nil),
				r.Fetch(r.ctx, "boot", 0, 4, &bytes.Buffer{}), r.Fetch(r.ctx, "boot", 0, 4, &bytes.Buffer{}),
			} {
				e := as[*fastboot.RemoteError](r, err)
				if want := []string{"partition length get error", "", "too large", "bad data", "no", "read error"}[i]; e.Message != want {
					t.Errorf("got %q, want %q", e.Message, want)
				}
			}
			if text, err := r.Getvar(r.ctx, "product"); err != nil || text != "AGS2" {
				t.Errorf("got %q, %v", text, err)
			}
			if r.Broken() != nil {
				t.Error(r.Broken())
			}
			r.end()
		}},
	}

	get := func(r *rig) error { _, err := r.Getvar(r.ctx, "product"); return err }
	down := func(r *rig) error { return r.Download(r.ctx, fastboot.Bytes("payload!"), nil) }
	fetch := func(r *rig) error { return r.Fetch(r.ctx, "boot", 0, 8, &bytes.Buffer{}) }
	for _, b := range []struct {
		name    string
		call    func(*rig) error
		packets []string
	}{
		{"short response", get, []string{"OKA"}},
		{"one byte", get, []string{"O"}},
		{"unknown response kind", get, []string{"WHATnow"}},
		{"lower-case response", get, []string{"okay"}},
		{"hostile response kind", get, []string{"\x1b[2J"}},
		{"oversize response", get, []string{"OKAY" + strings.Repeat("x", 253)}},
		{"much too large response", get, []string{"INFO" + strings.Repeat("x", 5000)}},
		{"oversize line", get, []string{"INFOfine", "INFO" + strings.Repeat("x", 253)}},
		{"DATA without a data phase", get, []string{"DATA00000008"}},
		{"DATA shorter than asked", down, []string{"DATA00000007"}},
		{"DATA longer than asked", down, []string{"DATA00000009"}},
		{"DATA of nothing", down, []string{"DATA00000000"}},
		{"DATA of far too much", down, []string{"DATAffffffff"}},
		{"OKAY instead of DATA", down, []string{"INFOhm", "OKAY"}},
		{"DATA with no size", down, []string{"DATA"}},
		{"DATA with few digits", down, []string{"DATA8"}},
		{"DATA with many digits", down, []string{"DATA0000000008"}},
		{"DATA with 0x", down, []string{"DATA0x000008"}},
		{"DATA with a sign", down, []string{"DATA-0000008"}},
		{"DATA cut short by NUL", down, []string{"DATA0000\x000008"}},
		{"DATA with space", down, []string{"DATA       8"}},
		{"fetch: DATA shorter than asked", fetch, []string{"DATA00000004"}},
		{"fetch: DATA longer than asked", fetch, []string{"DATA00000010"}},
		{"fetch: OKAY instead of DATA", fetch, []string{"OKAY"}},
	} {
		cs = append(cs, testCase{b.name, func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				_, err := d.ReadCommand()
				d.must(err)
				d.say(b.packets...)
			})
			refused[*fastboot.ProtocolError](r, b.call(r))
		}})
	}
	cs = append(cs, testCase{"empty response", func(t *testing.T, pair Pair) {
		// On a byte stream it is a short response; where the wire sends empty
		// packets by itself (UDP) it is nothing.
		r := start(t, pair, patient, func(d *script, _ *rig) {
			d.want("getvar:product")
			d.say("")
			_ = d.Reply("OKAYx")
		})
		if text, err := r.Getvar(r.ctx, "product"); err == nil {
			if text != "x" {
				t.Errorf("got %q", text)
			}
		} else {
			refused[*fastboot.ProtocolError](r, err)
		}
	}})
	return cs
}
