package ask

import (
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/targettest"
)

func TestMatchingLeavesOtherTabletsAlone(t *testing.T) {
	s := targettest.NewSysfs(t)
	for chain, product := range map[string]string{"1": "AGS3-L09", "2": "KOB2-L09", "3": "ags3-l09"} {
		s.Put("1-"+chain, "devnum=25"+chain, "speed=480", "idVendor=12d1", "idProduct=107e", "serial=SN"+chain, "product="+product)
		s.Attributes(s.Root+"/bus/usb/devices/1-"+chain+"/1-"+chain+":1.0", "bInterfaceNumber=00", "bInterfaceClass=06",
			"bInterfaceSubClass=01", "bInterfaceProtocol=01")
	}
	b := target.NewBench(target.Options{Sysfs: s.Root, LockDir: t.TempDir()})
	defer b.Close()
	matching, others, err := Matching(t.Context(), b, []string{"AGS3-L09"}, 0, 0)
	if err != nil || target.Join(matching) == "" || len(others) == 0 || !strings.Contains(strings.Join(others, " "), "usb:1-2 (KOB2-L09)") {
		t.Errorf("matching %s, others %v, %v", target.Join(matching), others, err)
	}
	for models, expect := range map[string]int{"AGS3-L09": 5, "AGS2-W09": 0} {
		_, _, err := Matching(t.Context(), b, []string{models}, expect, 0)
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.NoDevice {
			t.Errorf("%s, %d of them: %v", models, expect, err)
		}
	}
}
