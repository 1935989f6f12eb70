package device

import (
	"strings"
	"testing"
	"time"
)

func FuzzParseFault(f *testing.F) {
	for _, s := range []string{"unplug", "unplug=5@40%*2", "fail=no%20way@flash:system*", "short@download:3", "slow=100", "serial=@reboot",
		"", "*", "@", "fail=%zz", "unplug=NaN", "corrupt@140%", "fail@download:0", "x", "slow", "slow=-1", "fail*0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		fault, err := ParseFault(spec)
		if err != nil {
			return
		}
		if fault.Times == 0 || fault.Times < -1 {
			t.Fatalf("%q strikes %d times", spec, fault.Times)
		}
		// It strikes at most as often as it says, wherever the tablet goes.
		struck, times := 0, fault.Times // which it counts down
		for i := range 2000 {
			for _, event := range []string{"start", "download", "data", "flash", "reboot"} {
				if fault.strikes(Moment{Event: event, Partition: "system_a", Download: i, Percent: 100}) {
					struck++
				}
			}
		}
		if times > 0 && struck > times {
			t.Fatalf("%q struck %d times", spec, struck)
		}
	})
}

func TestParseFault(t *testing.T) {
	for _, test := range []struct{ spec, err string }{
		{"dance", `no kind "dance"`},
		{"unplug*0", "*0 is not a number of times"},
		{"unplug*x", "*x is not a number of times"},
		{"fail=%zz", "write % in the argument as %25"},
		{"unplug=port:0", "port:0 is not a number from 1"},
		{"unplug=soon", `"soon" is not a number of seconds`},
		{"slow-boot=-1", `"-1" is not a number of seconds`},
		{"slow", "slow needs bytes a second"},
		{"fail@download:0", "download:0 is not a number from 1"},
		{"fail@140%", "140% is not from 0% to 100%"},
		{"fail@", `"" is not a place`},
		{"fail@night", `"night" is not a place`},
	} {
		if _, err := ParseFault(test.spec); err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, not %s", test.spec, err, test.err)
		}
	}
	f, err := ParseFault("unplug=port:3@40%*2")
	if d, back := f.Duration(); err != nil || f.Port() != 3 || d != 2*time.Second || !back || f.Times != 2 || f.Where != "40%" {
		t.Errorf("%+v %v", f, err)
	}
	if f, err = ParseFault("unplug"); err != nil {
		t.Fatal(err)
	}
	if _, back := f.Duration(); back {
		t.Error("it comes back without being told when")
	}
}

// TestStrikes is where each kind strikes when nothing else is said.
func TestStrikes(t *testing.T) {
	for spec, m := range map[string]Moment{
		"unplug":             {Event: "data", Percent: 1},
		"unplug@50%":         {Event: "data", Percent: 50},
		"short":              {Event: "download", Download: 1},
		"short@download:2":   {Event: "download", Download: 2},
		"corrupt":            {Event: "flash", Partition: "boot"},
		"fail@flash:system":  {Event: "flash", Partition: "system_b"},
		"no-boot":            {Event: "boot"},
		"locked":             {Event: "start"},
		"serial=X@reboot":    {Event: "reboot"},
		"low-battery@reboot": {Event: "reboot"},
	} {
		f, err := ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []Moment{{Event: "data", Percent: 0.5}, {Event: "download", Download: 3}, {Event: "flash", Partition: "cache"},
			{Event: "command"}} {
			if other.Event != m.Event && f.strikes(other) {
				t.Errorf("%s strikes at %+v", spec, other)
			}
		}
		if !f.strikes(m) || f.strikes(m) {
			t.Errorf("%s does not strike once at %+v", spec, m)
		}
	}
}
