// This file has the cases.

package fastboottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
)

func cases() []testCase {
	return slices.Concat(commandCases(), responseCases(), payloadCases(), fetchCases(), endCases())
}

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
			want := []fastboot.Var{{Name: "version", Value: "0.4"}, {Name: "partition-size:boot_a", Value: "0x4000000"}, {Name: "version-bootloader", Value: "a:b"}, {Name: "odd"}}
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
				d.answer("oem a", "INFO\x1b[31mred\x07", "INFO\u202eevil\u200b\u2066", "INFO\xff\xfebytes\r", "INFO\ttab\tbed ", "OKAY\x9b\x1b]0;x\x07ok")
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

// payloadCases: bytes to the device.
func payloadCases() []testCase {
	var cs []testCase
	const mib = 1 << 20
	for _, n := range []int{
		1, 2, 3, 4, 5, 255, 256, 507, 508, 509, 4095, 4097, 8187, 8188, 8189, 64<<10 + 1,
		mib - 1, mib, mib + 1, 3*mib + 17,
	} {
		cs = append(cs, testCase{fmt.Sprintf("download of %d bytes", n), func(t *testing.T, pair Pair) {
			p := noise(n)
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer(fmt.Sprintf("download:%08x", n), "INFOready", dataFor(n))
				d.take(p)
				d.say("OKAY")
				d.answer("flash:boot", "OKAY")
			})
			told := 0
			r.ok(r.Download(r.ctx, fastboot.Bytes(p), func(n int) { told += n }))
			r.ok(r.Flash(r.ctx, "boot", int64(n)))
			if told != n {
				t.Errorf("progress was told %d of %d bytes", told, n)
			}
			r.end()
		}})
	}
	cs = append(cs, testCase{"download in odd pieces", func(t *testing.T, pair Pair) {
		p := noise(2*mib + 12345)
		odd := payload{size: int64(len(p))}
		for rest, n := p, 1; len(rest) > 0; n = n*3 + 1 {
			n = min(n, len(rest))
			odd.pieces, rest = append(odd.pieces, rest[:n], nil), rest[n:]
		}
		r := start(t, pair, patient, func(d *script, _ *rig) {
			d.answer(fmt.Sprintf("download:%08x", len(p)), dataFor(len(p)))
			d.take(p)
			d.say("OKAY")
		})
		r.ok(r.Download(r.ctx, odd, nil))
		r.end()
	}})

	errDisk := errors.New("the disk is gone")
	ten := []byte("0123456789")
	for _, b := range []struct {
		name string
		p    payload
		want error // or any
	}{
		{"payload ends early", payload{size: 20, pieces: [][]byte{ten}}, nil},
		{"payload of nothing", payload{size: 20}, nil},
		{"payload too long", payload{size: 15, pieces: [][]byte{ten, ten}}, nil},
		{"payload too long, and deaf", payload{size: 20, pieces: [][]byte{ten, append(ten, 0), ten}, deaf: true}, nil},
		{"payload fails", payload{size: 20, pieces: [][]byte{ten}, err: errDisk}, errDisk},
		{"payload fails at its end", payload{size: 10, pieces: [][]byte{ten}, err: errDisk}, errDisk},
	} {
		cs = append(cs, testCase{b.name, func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer(fmt.Sprintf("download:%08x", b.p.size), dataFor(int(b.p.size)))
				_, _ = d.ReadData(int(b.p.size))
			})
			told := 0
			err := r.Download(r.ctx, b.p, func(n int) { told += n })
			if told > 10 {
				t.Errorf("%d bytes went out, some of them after the failure", told)
			}
			if err == nil || b.want != nil && !errors.Is(err, b.want) {
				t.Errorf("got %v, want %v", err, b.want)
			}
			refused[error](r, err)
		}})
	}
	return append(cs, testCase{"DATA after the data", func(t *testing.T, pair Pair) {
		r := start(t, pair, patient, func(d *script, _ *rig) {
			d.answer("download:0000000a", dataFor(10))
			d.take(ten)
			d.say(dataFor(10))
		})
		refused[*fastboot.ProtocolError](r, r.Download(r.ctx, fastboot.Bytes(ten), nil))
	}})
}

// fetchCases: bytes from the device.
func fetchCases() []testCase {
	var cs []testCase
	for _, n := range []int{1, 3, 255, 256, 257, 8188, 8189, 256<<10 - 1, 256<<10 + 1, 1<<20 + 7} {
		cs = append(cs, testCase{fmt.Sprintf("fetch of %d bytes", n), func(t *testing.T, pair Pair) {
			p := noise(n)
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer(fmt.Sprintf("fetch:super:0x1000:0x%x", n), "INFOreading", dataFor(n))
				for rest, m := p, 1; len(rest) > 0; m = m*7 + 3 { // messages of odd sizes
					m = min(m, len(rest))
					d.must(d.WriteData(rest[:m]))
					rest = rest[m:]
				}
				d.say("OKAY")
				d.answer("getvar:product", "OKAY")
			})
			var got bytes.Buffer
			r.ok(r.Fetch(r.ctx, "super", 0x1000, int64(n), &got))
			if !bytes.Equal(got.Bytes(), p) {
				t.Error("the host got other bytes than the device sent")
			}
			_, err := r.Getvar(r.ctx, "product")
			r.ok(err)
			r.end()
		}})
	}
	// after is one message of more than was asked, or what follows it.
	after := func(name string, message string, packets ...string) testCase {
		return testCase{name, func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("fetch:boot:0x0:0x8", dataFor(8))
				d.must(d.WriteData([]byte(message)))
				d.say(packets...)
			})
			refused[*fastboot.ProtocolError](r, r.Fetch(r.ctx, "boot", 0, 8, &bytes.Buffer{}))
		}}
	}
	errFull := errors.New("no space")
	return append(cs,
		after("fetch: more bytes than announced", "12345678OKAY"),
		after("fetch: DATA after the data", "12345678", dataFor(8)),
		testCase{"fetch: the host's disk is full", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) {
				d.answer("fetch:boot:0x0:0x8", dataFor(8))
				_ = d.WriteData([]byte("12345678"))
			})
			err := r.Fetch(r.ctx, "boot", 0, 8, writerFunc(func([]byte) (int, error) { return 0, errFull }))
			if !errors.Is(err, errFull) {
				t.Error(err)
			}
			refused[error](r, err)
		}},
	)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// endCases: the ways in which a command ends without an answer. Each is tried
// while the host waits for a reply, sends data, and receives data.
func endCases() []testCase {
	const short = 50 * time.Millisecond
	errStop := errors.New("the operator stopped it")

	phases := []struct {
		name  string
		reach func(*script) // plays up to the middle of the phase
		call  func(*rig) error
	}{
		{"reply", func(d *script) { d.answer("oem x", "INFOx") },
			func(r *rig) error { _, err := r.OEM(r.ctx, "x"); return err }},
		{"data to the device", func(d *script) {
			d.answer("download:04000000", dataFor(64<<20))
			_, err := d.ReadData(100_000)
			d.must(err)
		}, func(r *rig) error { return r.Download(r.ctx, endless(), nil) }},
		{"data from the device", func(d *script) {
			d.answer("fetch:boot:0x0:0x100000", dataFor(1<<20))
			d.must(d.WriteData(make([]byte, 1000)))
		}, func(r *rig) error { return r.Fetch(r.ctx, "boot", 0, 1<<20, &bytes.Buffer{}) }},
	}
	var cs []testCase
	for _, p := range phases {
		cs = append(cs,
			testCase{"device vanishes: " + p.name, func(t *testing.T, pair Pair) {
				limits := patient
				limits.Idle, limits.Action = 4*short, 4*short // UDP behind a relay is just silent
				r := start(t, pair, limits, func(d *script, _ *rig) {
					p.reach(d)
					_ = d.Close()
				})
				r.lost(p.call(r))
			}},
			testCase{"caller cancels: " + p.name, func(t *testing.T, pair Pair) {
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				r := start(t, pair, patient, func(d *script, _ *rig) {
					p.reach(d)
					cancel(errStop)
				})
				r.ctx = ctx
				err := p.call(r)
				r.ctx = context.Background()
				if !errors.Is(err, errStop) {
					t.Errorf("got %v, want the cause", err)
				}
				refused[error](r, err)
			}},
			testCase{"caller's deadline: " + p.name, func(t *testing.T, pair Pair) {
				ctx, cancel := context.WithTimeoutCause(context.Background(), 4*short, errStop)
				defer cancel()
				r := start(t, pair, patient, func(d *script, _ *rig) { p.reach(d) })
				r.ctx = ctx
				if err := p.call(r); !errors.Is(err, errStop) {
					t.Errorf("got %v, want the cause", err)
				}
			}},
			testCase{"close from another goroutine: " + p.name, func(t *testing.T, pair Pair) {
				r := start(t, pair, patient, func(d *script, r *rig) {
					p.reach(d)
					_ = r.Close()
				})
				if err := p.call(r); !errors.Is(err, fastboot.ErrClosed) {
					t.Errorf("got %v, want ErrClosed", err)
				}
			}},
			testCase{"silence: " + p.name, func(t *testing.T, pair Pair) {
				limits := patient
				limits.Idle = 4 * short
				if p.name == "reply" {
					limits.Action = 4 * short // a command has one limit for both
				}
				r := start(t, pair, limits, func(d *script, _ *rig) { p.reach(d) })
				if e := refused[*fastboot.TimeoutError](r, p.call(r)); !e.Timeout() || e.After != 4*short || e.Total != (p.name == "reply") {
					t.Errorf("got %+v", e)
				}
			}},
		)
	}
	return append(cs,
		testCase{"vanished before the command", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Query = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) { _ = d.Close() })
			<-r.done
			_, err := r.Getvar(r.ctx, "product")
			r.lost(err)
		}},
		testCase{"silence after the data", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Idle = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) {
				d.answer("download:00000004", dataFor(4))
				d.take([]byte("data"))
			})
			if e := refused[*fastboot.TimeoutError](r, r.Download(r.ctx, fastboot.Bytes("data"), nil)); e.Total {
				t.Errorf("got %+v", e)
			}
		}},
		testCase{"INFO does not put off the total limit", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Action = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) {
				d.want("download:00000001")
				tick := time.NewTicker(short / 10)
				defer tick.Stop()
				for {
					<-tick.C
					d.say("INFOstill busy")
				}
			})
			if e := refused[*fastboot.TimeoutError](r, r.Download(r.ctx, fastboot.Bytes("x"), nil)); !e.Total {
				t.Errorf("got %+v after %d lines", e, len(r.lines))
			}
		}},
		testCase{"a command after its time is not sent", func(t *testing.T, pair Pair) {
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errStop)
			r := start(t, pair, patient, func(d *script, _ *rig) { d.answer("getvar:product", "OKAY") })
			if _, err := r.Getvar(ctx, "secure"); !errors.Is(err, errStop) {
				t.Errorf("got %v, want the cause", err)
			}
			_, err := r.Getvar(r.ctx, "product") // nothing was sent, nothing is broken
			r.ok(err)
			r.end()
		}},
		testCase{"a closed client sends nothing", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) { _, _ = d.ReadCommand() })
			r.ok(r.Close())
			if _, err := r.Getvar(r.ctx, "product"); !errors.Is(err, fastboot.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		}},
	)
}
