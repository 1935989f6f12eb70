// This file has the cases of data phases, to the device and from it.

package fastboottest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/zarya-station/zarya/flash/fastboot"
)

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
