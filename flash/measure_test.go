// What is measured of a job, in the time of a bubble.

package flash_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// slowWire takes a second for each write of a payload.
type slowWire struct {
	oddTransport
	bytes, writes int
}

func (w *slowWire) WriteData(ctx context.Context, p []byte) error {
	w.bytes += len(p)
	w.writes++
	<-time.After(time.Second) // of the bubble
	return w.oddTransport.WriteData(ctx, p)
}

func TestMeasurements(t *testing.T) {
	im, _, _ := noiseImage(t, 300<<10)
	for name, c := range map[string]struct {
		battery string // as the bootloader tells it; "": it does not
		erase   time.Duration
		mute    bool // it never answers after its erase
		limits  map[string]flash.Limit
		want    []flash.Measurement
	}{
		"all": {battery: "72%", erase: 75 * time.Second, want: []flash.Measurement{
			{Name: "battery", Value: 72, Unit: "%", Low: 30}, {Name: "wire", Unit: "B/s"}, {Name: "flash", Unit: "ms"}}},
		"with the station's limits": {battery: "72%", erase: time.Second, limits: map[string]flash.Limit{
			"battery": {Low: 20, High: 90}, "wire": {Low: 1 << 30}, "flash": {High: 500}, "boot": {High: 1}}, want: []flash.Measurement{
			{Name: "battery", Value: 72, Unit: "%", Low: 30, High: 90}, {Name: "wire", Unit: "B/s", Low: 1 << 30},
			{Name: "flash", Unit: "ms", High: 500}}},
		"not told": {erase: time.Second, want: []flash.Measurement{{Name: "wire", Unit: "B/s"}, {Name: "flash", Unit: "ms"}}},
		"too low":  {battery: "12", want: []flash.Measurement{{Name: "battery", Value: 12, Unit: "%", Low: 30}}},
		"failed": {battery: "99", mute: true, want: []flash.Measurement{
			{Name: "battery", Value: 99, Unit: "%", Low: 30}, {Name: "flash", Unit: "ms"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1"}, erase: c.erase, mute: c.mute}
				if c.battery != "" {
					d.vars["battery-soc"] = c.battery
				}
				wire := &slowWire{oddTransport: oddTransport{d: d}}
				events := flash.NewEvents("m", func(flash.Event) {})
				defer events.Close()
				target := hostileTarget{func(context.Context) (fastboot.Transport, error) {
					<-time.After(time.Hour) // of the bubble: nothing measured has begun
					return wire, nil
				}}
				start := time.Now()
				job := flash.Job{ID: "1", Limits: c.limits, Scope: flash.ScopeFlash, Target: target, Require: flash.Requirements{MinBattery: 30},
					Steps: []flash.Step{flash.Erase{Partition: "userdata"}.Step(), flash.WriteImage{Partition: "cache", Image: im}.Step()}}
				done := flash.NewEngine(flash.EngineOptions{Events: events}).Run(t.Context(), []flash.Job{job})[0]
				flashed := time.Since(start) - time.Hour
				for i, m := range c.want {
					switch m.Name {
					case "wire":
						c.want[i].Value = int64(wire.bytes / wire.writes)
					case "flash":
						c.want[i].Value = flashed.Milliseconds()
					}
				}
				for _, m := range done.Measurements {
					if beyond := c.limits != nil && m.Name != "battery"; m.Outside() != beyond && m.Name != "battery" {
						t.Errorf("%+v is beyond its limit: %v", m, m.Outside())
					}
				}
				if diff := cmp.Diff(c.want, done.Measurements); diff != "" {
					t.Errorf("%s %s: %s", done.Result, done.Error, diff)
				}
			})
		})
	}
}
