// This file reads fault specifications and says when they strike.

package device

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is KIND[=ARG][@WHERE][*N]; see docs/virtual.md.
type Fault struct {
	Kind  string
	Arg   string
	Where string // "", N%, flash:PARTITION, download:K, reboot
	Times int    // how often it strikes; -1 for always

	seconds float64 // unplug, slow-boot: ARG as a number; -1 without
	port    int     // unplug=port:P; 0 is the same one
	rate    int64   // slow
	percent float64 // -1 unless Where is N%
	count   int     // download:K
}

var kinds = []string{"unplug", "stall", "fail", "short", "slow", "corrupt", "serial", "locked", "refuse-getvar", "no-sparse", "no-fill",
	"low-battery", "flood", "garbage", "deferred-fail", "no-boot", "slow-boot", "wrong-build"}

// ParseFaults reads several specifications.
func ParseFaults(specs ...string) (faults []Fault, err error) {
	for _, spec := range specs {
		f, err := ParseFault(spec)
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// ParseFault reads a specification.
func ParseFault(spec string) (Fault, error) {
	f := Fault{Times: 1, seconds: -1, percent: -1}
	bad := func(format string, args ...any) (Fault, error) {
		return Fault{}, fmt.Errorf("fault %q: "+format, append([]any{spec}, args...)...)
	}
	rest := spec
	if head, times, ok := strings.Cut(rest, "*"); ok {
		rest, f.Times = head, -1
		if times != "" {
			n, err := strconv.Atoi(times)
			if err != nil || n < 1 {
				return bad("*%s is not a number of times", times)
			}
			f.Times = n
		}
	}
	rest, f.Where, _ = strings.Cut(rest, "@")
	kind, arg, hasArg := strings.Cut(rest, "=")
	if f.Kind = kind; !slices.Contains(kinds, kind) {
		return bad("no kind %q; known are %s", kind, strings.Join(kinds, ", "))
	}
	arg, err := url.PathUnescape(arg)
	if err != nil {
		return bad("write %% in the argument as %%25")
	}
	f.Arg = arg
	switch kind {
	case "unplug", "slow-boot":
		if !hasArg {
			break
		}
		if number, ok := strings.CutPrefix(arg, "port:"); ok && kind == "unplug" {
			if f.port, err = strconv.Atoi(number); err != nil || f.port < 1 {
				return bad("port:%s is not a number from 1", number)
			}
			f.seconds = moveTime
			break
		}
		if f.seconds, err = strconv.ParseFloat(arg, 64); err != nil || !(f.seconds >= 0 && f.seconds < 1e6) {
			return bad("%q is not a number of seconds", arg)
		}
	case "slow":
		if f.rate, err = strconv.ParseInt(arg, 10, 64); err != nil || f.rate < 1 {
			return bad("slow needs bytes a second, such as slow=100000")
		}
	}
	name, value, _ := strings.Cut(f.Where, ":")
	switch {
	case f.Where == "" && !strings.Contains(spec, "@"), f.Where == "reboot":
	case name == "flash" && value != "":
	case name == "download":
		if f.count, err = strconv.Atoi(value); err != nil || f.count < 1 {
			return bad("download:%s is not a number from 1", value)
		}
	case strings.HasSuffix(f.Where, "%"):
		f.percent, err = strconv.ParseFloat(strings.TrimSuffix(f.Where, "%"), 64)
		if err != nil || !(f.percent >= 0 && f.percent <= 100) {
			return bad("%s is not from 0%% to 100%%", f.Where)
		}
	default:
		return bad("%q is not a place; known are 40%%, flash:PARTITION, download:K, reboot", f.Where)
	}
	return f, nil
}

// Duration returns how long an unplugged tablet stays away, and how long a slow boot takes;
// false is for ever, or the usual time.
func (f *Fault) Duration() (time.Duration, bool) {
	return time.Duration(f.seconds * float64(time.Second)), f.seconds >= 0
}

// moveTime is how long it takes to put a tablet into another port, in seconds.
const moveTime = 2

// Port is where an unplugged tablet comes back; 0 is the same one. Only tablets on
// USB have ports.
func (f *Fault) Port() int { return f.port }

// Moment is where a tablet is when a fault could strike.
type Moment struct {
	Event     string // start, download, data, flash, reboot, boot
	Partition string
	Download  int     // which download this is, from 1
	Percent   float64 // of its bytes
}

// strikes reports whether the fault is due at m, and counts it if so.
func (f *Fault) strikes(m Moment) bool {
	if f.Times == 0 {
		return false
	}
	due := false
	switch {
	case f.Where == "reboot":
		due = m.Event == "reboot"
	case f.percent >= 0:
		due = m.Event == "data" && m.Percent >= f.percent
	case f.count > 0:
		due = m.Event == "download" && m.Download == f.count
	case strings.HasPrefix(f.Where, "flash:"):
		due = m.Event == "flash" && IsPartition(m.Partition, f.Where[len("flash:"):])
	default:
		due = f.defaultEvent() == m.Event
	}
	if due && f.Times > 0 {
		f.Times--
	}
	return due
}

// defaultEvent is when a fault without WHERE strikes.
func (f *Fault) defaultEvent() string {
	switch f.Kind {
	case "fail", "corrupt", "deferred-fail", "flood", "garbage":
		return "flash"
	case "short":
		return "download"
	case "unplug", "stall":
		return "data"
	case "no-boot", "slow-boot", "wrong-build":
		return "boot"
	}
	return "start"
}

// IsPartition reports whether a partition is where: system stands for system_a and
// system_b too.
func IsPartition(partition, where string) bool {
	return partition == where || strings.TrimSuffix(strings.TrimSuffix(partition, "_a"), "_b") == where
}
