//go:build linux

// This file makes the records of jobs up, as stations would have written them.

package fleettest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/canon"
	"github.com/zarya-station/zarya/internal/ledger"
)

// Began is when the first of the jobs of [Jobs] was begun.
var Began = time.Date(2026, 9, 28, 6, 0, 0, 0, time.UTC)

// Jobs are the entries of n jobs of one station, whole chains of them, made by chance from the
// seed: jobs that overlap, fail, are cut off, repeated, of golden and nameless tablets, a
// clock that is set back, and tablets that the other stations have too.
func Jobs(station string, seed uint64, n int) iter.Seq[ledger.Entry] {
	return func(yield func(ledger.Entry) bool) {
		c := &chain{station: station, r: rand.New(rand.NewPCG(seed, 360_000)), at: Began, yield: yield}
		var under []func() bool // what the jobs under way do next
		for begun := 0; begun < n || len(under) > 0; {
			c.at = c.at.Add(time.Duration(c.r.IntN(60_000)) * time.Millisecond)
			if c.r.IntN(2000) == 0 {
				c.at = c.at.Add(-time.Hour)
			}
			if begun < n && len(under) < 8 {
				begun++
				under = append(under, c.job(begun, n))
			}
			i := c.r.IntN(len(under))
			if !under[i]() {
				under = append(under[:i], under[i+1:]...)
			}
			if c.ended {
				return
			}
		}
	}
}

// chain is a station that writes.
type chain struct {
	station string
	r       *rand.Rand
	at      time.Time
	seq     int64
	last    [32]byte
	yield   func(ledger.Entry) bool
	ended   bool
}

func (c *chain) add(kind string, body map[string]any) {
	if c.ended {
		return
	}
	b, err := canon.Encode(body)
	if err != nil {
		panic(err)
	}
	c.seq++
	e := ledger.Entry{Station: c.station, Seq: c.seq, TS: c.at.Format("2006-01-02T15:04:05.000000Z"), Kind: kind, Body: b, Prev: c.last}
	e.Hash = ledger.Digest([]byte(e.Station), fmt.Append(nil, e.Seq), []byte(e.TS), []byte(e.Kind), e.Body, e.Prev[:])
	c.last = e.Hash
	c.ended = !c.yield(e)
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// job begins one; what it returns takes one step more, and is false after the last.
func (c *chain) job(number, of int) (more func() bool) {
	r := c.r
	serial := fmt.Sprintf("VT%07d", r.IntN(of+of/2))
	if r.IntN(50) == 0 {
		serial = pick(r, "", "0123456789ABCDEF")
	}
	under := map[string]any{"job": fmt.Sprintf("%s.%d", c.station, number), "scope": "full", "profile": "kiosk",
		"bundle": pick(r, "census 5.0", "census 5.1", "census 5.2"), "port": fmt.Sprintf("1-5.%d", 1+r.IntN(8)),
		"port_name": fmt.Sprintf("A%d", 1+r.IntN(8)), "serial": serial, "operator": pick(r, "anna", "boris", "Вера", ""),
		"lot": fmt.Sprintf("ПАРТИЯ-%d", number*5/of), "program": "1.0.0", "attempt": 1 + r.IntN(3)}
	if r.IntN(40) == 0 {
		under["golden"] = true
	}
	with := func(more map[string]any) map[string]any {
		for k, v := range under {
			more[k] = v
		}
		return more
	}
	steps := []string{"flash:boot", "flash:system", "flash:userdata", "reboot", "set:hostname", "file:/etc/kiosk.conf", "check:serial"}
	begun, next, fails := false, 0, r.IntN(len(steps)*12)
	return func() bool {
		switch {
		case !begun:
			begun = true
			c.add(ledger.KindIntent, with(map[string]any{"run": "r-" + c.station, "steps": steps}))
		case next == fails || next == len(steps):
			c.end(with, serial, steps, next)
			return false
		case r.IntN(500) == 0:
			c.add(ledger.KindInterrupted, map[string]any{"job": under["job"], "result": "interrupted", "step": steps[next], "error": "cut off"})
			return false
		default:
			c.add(ledger.KindStep, map[string]any{"job": under["job"], "step": steps[next], "result": pick(r, "ok", "changed", "unchanged"),
				"bytes": r.IntN(1 << 30), "ms": r.IntN(300_000)})
			next++
		}
		return true
	}
}

// end records how it ended.
func (c *chain) end(with func(map[string]any) map[string]any, serial string, steps []string, next int) {
	r := c.r
	ms := func(name string, within int) map[string]any {
		return map[string]any{"name": name, "value": r.IntN(within), "unit": "ms"}
	}
	boot := ms("boot", 90_000)
	boot["high"] = 60_000
	body := map[string]any{"result": "pass", "model": pick(r, "AGS2-W09", "KOB2-W09"), "ms": 100_000 + r.IntN(400_000), "bytes": 4 << 30,
		"inventory": fmt.Sprintf("INV-%06d", c.seq), "lock": pick(r, "locked", "unlocked"), "measurements": []any{ms("flash", 250_000), boot,
			ms("provision", 60_000), map[string]any{"name": "wire", "value": 38_000_000, "unit": "B/s"}},
		"facts": map[string]string{"imei": fmt.Sprintf("86%013d", r.Int64N(1e13)), "wifi-mac": fmt.Sprintf("02:00:%02x:%02x", next, c.seq%256)}}
	if next < len(steps) {
		body["result"], body["step"], body["error"] = "fail", steps[next], "it did not work"
		body["class"] = pick(r, flash.Classes()...)
		delete(body, "inventory")
	}
	c.add(ledger.KindResult, with(body))
	if next < len(steps) && r.IntN(3) == 0 {
		c.add(ledger.KindDisposition, map[string]any{"record": ledger.RecordName(c.station, c.seq), "serial": serial,
			"disposition": pick(r, "rework", "scrap", "quarantine"), "by": "anna"})
	}
}
