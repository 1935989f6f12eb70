package device

import "testing"

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
