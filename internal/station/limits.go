// This file is what the station's settings want measurements to be.

package station

import (
	"slices"
	"strings"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
)

// ParseLimits reads NAME=VALUE: the most time that a tablet may be in a state (flash, boot,
// provision, check), the least rate on the wire in bytes a second (wire), the least charge in
// percent (battery).
func ParseLimits(typed []string) (map[string]flash.Limit, error) {
	limits := map[string]flash.Limit{}
	for _, text := range typed {
		bad := func(hint, format string, args ...any) error {
			return problem.New(problem.Usage, hint, "--limit %s: "+format, append([]any{text}, args...)...)
		}
		name, value, ok := strings.Cut(text, "=")
		if _, twice := limits[name]; twice {
			return nil, bad("write one", "%s has two limits", name)
		}
		var l flash.Limit
		isTime := slices.ContainsFunc(flash.MeasuredStates, func(m struct {
			Name  string
			State flash.State
		}) bool {
			return m.Name == name
		})
		switch {
		case !ok:
			return nil, bad("write one such as flash=3m, boot=90s, provision=2m, check=1m, wire=10MB or battery=50", "there is no =")
		case isTime:
			d, err := time.ParseDuration(value)
			if err != nil || d < time.Millisecond {
				return nil, bad("write the most time, such as "+name+"=90s", "%q is no time", value)
			}
			l.High = d.Milliseconds()
		case name == flash.MeasureWire:
			n, err := bytesize.Parse(value)
			if err != nil || n < 1 {
				return nil, bad("write the least rate in bytes a second, such as wire=10MB", "%q is no rate", value)
			}
			l.Low = n
		case name == flash.MeasureBattery:
			n, err := bytesize.Parse(value)
			if err != nil || n < 1 || n > 100 {
				return nil, bad("write the least charge in percent, such as battery=50", "%q is no charge", value)
			}
			l.Low = n
		default:
			return nil, bad("choose one of flash, boot, provision, check, wire, battery", "%s is not measured", name)
		}
		limits[name] = l
	}
	return limits, nil
}
