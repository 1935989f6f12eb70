// This file has one case for each row of the quirk table, and fails when a row
// has none.

package fastboot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// with is a client of a device that has these answers.
func with(answers map[string][]string) (*Client, *fake) {
	f := &fake{answers: answers}
	return NewClient(f, Options{}), f
}

func TestNothings(t *testing.T) {
	cases := []string{"", "undefine", "undefined", "unknown", "n/a", "none", "null", "(null)", "not found", "unknown variable",
		"variable not found", "getvar variable not found", "variable not implemented", "not implemented", "not supported",
		"variable not supported"}
	for _, n := range nothings {
		if !slices.Contains(cases, n) {
			t.Errorf("row %q has no case", n)
		}
	}
	for _, n := range cases {
		for _, said := range []string{n, strings.ToUpper(n), " " + n + "\t"} {
			c, _ := with(map[string][]string{"getvar:product": {"OKAY" + said}})
			if f, err := c.Var(context.Background(), "product"); err != nil || f.Told || f.Value != "" {
				t.Errorf("%q is told: %+v, %v", said, f, err)
			}
		}
	}
	c, _ := with(nil)
	if f, err := c.Var(context.Background(), "product"); err != nil || f.Told {
		t.Errorf("a refusal is told: %+v, %v", f, err)
	}
}

func TestPlaceholderSerials(t *testing.T) {
	cases := []string{"", "serialv1.0", "0123456789abcdef", "1234567890abcdef", "unknown", "undefine"}
	for _, p := range placeholderSerials {
		if !slices.Contains(cases, p) {
			t.Errorf("row %q has no case", p)
		}
	}
	for _, s := range append(cases, "0", "0000000000", "SerialV1.0", "0123456789ABCDEF") {
		if !PlaceholderSerial(s) {
			t.Errorf("%q is taken for a serial", s)
		}
		c, _ := with(map[string][]string{"getvar:serialno": {"OKAY" + s}})
		if f, err := c.Serial(context.Background()); err != nil || f.Told || f.Value != "" {
			t.Errorf("%q is told: %+v, %v", s, f, err)
		}
	}
	for _, s := range []string{"2XJDU17C09001234", "00000001", "serialv1.01"} {
		c, _ := with(map[string][]string{"getvar:serialno": {"OKAY" + s}})
		if f, err := c.Serial(context.Background()); err != nil || !f.Told || f.Value != s {
			t.Errorf("%q is not told: %+v, %v", s, f, err)
		}
	}
}

func TestForbidden(t *testing.T) {
	cases := map[string][]string{"rescue_": {"rescue_", "rescue_version", "RESCUE_enter", " rescue_x"}}
	ctx := context.Background()
	for _, row := range forbidden {
		if len(cases[row.prefix]) == 0 {
			t.Errorf("row %q has no case", row.prefix)
		}
		for _, name := range cases[row.prefix] {
			c, f := with(nil)
			_, err1 := c.Getvar(ctx, name)
			_, err2 := c.Var(ctx, name)
			_, err3 := c.Command(ctx, "getvar:"+name)
			_, err4 := c.MaxDownload(ctx) // others are asked
			for i, err := range []error{err1, err2, err3} {
				var usage *UsageError
				if !errors.As(err, &usage) || usage.Problem != row.why {
					t.Errorf("%q, way %d: %v", name, i, err)
				}
			}
			if err4 != nil || !slices.Equal(f.sent, []string{"getvar:max-download-size"}) {
				t.Errorf("%q: %q was sent, %v", name, f.sent, err4)
			}
		}
	}
}

func TestProductQuestions(t *testing.T) {
	cases := map[string]map[string][]string{
		"getvar:product":        {"getvar:product": {"OKAYAGS2"}, "oem get-product-model": {"OKAYother"}},
		"oem get-product-model": {"getvar:product": {"OKAYundefine"}, "oem get-product-model": {"INFO:AGS2", "OKAY"}},
	}
	for _, q := range productQuestions {
		c, _ := with(cases[q])
		if f, err := c.Product(context.Background()); err != nil || f != (Fact{true, "AGS2", q}) {
			t.Errorf("%s: %+v, %v", q, f, err)
		}
	}
	for _, nobody := range []map[string][]string{nil, {"oem get-product-model": {"OKAY:"}}} {
		c, f := with(nobody)
		if fact, err := c.Product(context.Background()); err != nil || fact.Told || fact.Value != "" || !slices.Equal(f.sent, productQuestions) {
			t.Errorf("%+v, %v after %q", fact, err, f.sent)
		}
	}
}

func TestLockQuestions(t *testing.T) {
	type answers = map[string][]string
	// Each question alone, both ways.
	alone := map[string][2][]string{
		"getvar:unlocked":  {{"OKAYyes"}, {"OKAYno"}},
		"oem get-bootinfo": {{"INFOunlocked", "OKAY"}, {"INFOlocked", "OKAY"}},
		"oem lock-state info": {{"INFOFB LockState: UNLOCKED", "INFOUSER LockState: LOCKED", "OKAY"},
			{"INFOFB LockState: LOCKED", "INFOUSER LockState: UNLOCKED", "OKAY"}},
		"oem backdoor info": {{"INFOFB LockState: UNLOCKED", "OKAY"}, {"OKAYFB LockState: LOCKED"}},
		"oem device-info": {{"INFODevice tampered: false", "INFODevice unlocked: true", "INFODevice critical unlocked: false", "OKAY"},
			{"INFODevice tampered: true", "INFODevice unlocked: false", "OKAY"}},
	}
	check := func(name string, a answers, want Answer, source string) {
		t.Helper()
		c, _ := with(a)
		if got, from, err := c.Unlocked(context.Background()); err != nil || got != want || from != source {
			t.Errorf("%s: %s by %q, %v; want %s by %q", name, got, from, err, want, source)
		}
	}
	for _, q := range lockQuestions {
		a, ok := alone[q.command]
		if !ok {
			t.Errorf("row %q has no case", q.command)
			continue
		}
		check(q.command, answers{q.command: a[0]}, Yes, q.command)
		check(q.command, answers{q.command: a[1]}, No, q.command)
		check(q.command+" refused", answers{q.command: {"FAILCommand not allowed"}}, NotTold, "")
		check(q.command+" empty", answers{q.command: {"OKAY"}}, NotTold, "")
		check(q.command+" undefine", answers{q.command: {"OKAYundefine"}}, NotTold, "")
		for _, odd := range []string{"perhaps", "GetVar Variable Not found", "not implemented", "not unlocked", "no idea", "unlocked?",
			"FB LockState: UNKNOWN", "FB LockState", "Device unlocked: maybe", "yes no", "2", "-1", "01"} {
			check(q.command+" says "+odd, answers{q.command: {"OKAY" + odd}}, NotTold, "")
			check(q.command+" has the line "+odd, answers{q.command: {"INFO" + odd, "OKAY"}}, NotTold, "")
		}
		// Whatever the others say, one that says locked is believed.
		for _, other := range lockQuestions {
			if other.command != q.command {
				check(q.command+" against "+other.command, answers{q.command: a[1], other.command: alone[other.command][0]}, No, q.command)
			}
		}
	}
	for said, want := range map[string]Answer{"yes": Yes, "YES": Yes, "true": Yes, "True": Yes, "1": Yes, " yes\r": Yes, "yes\x00no": Yes,
		"no": No, "No": No, "false": No, "FALSE": No, "0": No, "\t0 ": No} {
		source := "getvar:unlocked"
		check(fmt.Sprintf("unlocked: %q", said), answers{"getvar:unlocked": {"OKAY" + said}}, want, source)
	}
	check("nobody answers", nil, NotTold, "")
	check("both in one answer", answers{"oem get-bootinfo": {"INFOunlocked", "INFOlocked", "OKAY"}}, No, "oem get-bootinfo")
	check("both in one state", answers{"oem lock-state info": {"INFOFB LockState: LOCKED", "INFOFB LockState: UNLOCKED", "OKAY"}}, No,
		"oem lock-state info")

	c, _ := with(answers{"getvar:unlocked": {"OKAYyes"}, "oem get-bootinfo": {"JUNK"}})
	if got, _, err := c.Unlocked(context.Background()); err == nil || got != NotTold {
		t.Errorf("a lost connection: %s, %v", got, err)
	}
}

func TestYesNo(t *testing.T) {
	questions := map[string]func(*Client) (Answer, error){
		"has-slot:boot":     func(c *Client) (Answer, error) { return c.HasSlot(context.Background(), "boot") },
		"is-logical:system": func(c *Client) (Answer, error) { return c.IsLogical(context.Background(), "system") },
		"is-userspace":      func(c *Client) (Answer, error) { return c.IsUserspace(context.Background()) },
		"battery-soc-ok":    func(c *Client) (Answer, error) { return c.BatteryOK(context.Background()) },
	}
	for name, ask := range questions {
		for said, want := range map[string]Answer{
			"OKAYyes": Yes, "OKAYYES": Yes, "OKAY true": Yes, "OKAY1": Yes,
			"OKAYno": No, "OKAYNo": No, "OKAYfalse": No, "OKAY0": No,
			"OKAY": NotTold, "OKAYundefine": NotTold, "OKAYunknown": NotTold, "OKAYyesno": NotTold, "OKAY2": NotTold,
			"OKAYyes\x00no": Yes, "OKAYno such variable": NotTold, "OKAYGetVar Variable Not found": NotTold, "OKAYon": NotTold, "OKAY00": NotTold,
			"FAILCommand not allowed": NotTold, "FAIL": NotTold,
		} {
			c, _ := with(map[string][]string{"getvar:" + name: {said}})
			if got, err := ask(c); err != nil || got != want {
				t.Errorf("%s: %q is %s, want %s (%v)", name, said, got, want, err)
			}
		}
		c, _ := with(map[string][]string{"getvar:" + name: {}})
		if got, err := ask(c); err == nil || got != NotTold {
			t.Errorf("%s: a lost connection is %s, %v", name, got, err)
		}
	}
	for a, want := range map[Answer]string{NotTold: "not told", Yes: "yes", No: "no"} {
		if a.String() != want {
			t.Errorf("%q, want %q", a, want)
		}
	}
}

func TestCurrentSlot(t *testing.T) {
	for said, want := range map[string]string{"OKAYa": "a", "OKAY_b": "b", "OKAY": "", "OKAY_": "", "OKAYnone": "", "FAILno": ""} {
		c, _ := with(map[string][]string{"getvar:current-slot": {said}})
		if f, err := c.CurrentSlot(context.Background()); err != nil || f.Value != want || f.Told != (want != "") {
			t.Errorf("%q: %+v, %v", said, f, err)
		}
	}
}

func TestSlotCount(t *testing.T) {
	for said, want := range map[string]int{"OKAY2": 2, "OKAY 2\n": 2, "OKAY1": 1, "OKAY0": 0, "OKAY-1": 0, "OKAYtwo": 0, "OKAY": 0,
		"FAILno": 0} {
		c, _ := with(map[string][]string{"getvar:slot-count": {said}})
		if n, err := c.SlotCount(context.Background()); err != nil || n != want {
			t.Errorf("%q: %d, want %d (%v)", said, n, want, err)
		}
	}
}

func TestSizes(t *testing.T) {
	ctx := context.Background()
	for said, want := range map[string]int64{
		"OKAY471859200": 471859200, "OKAY0x1c000000": 0x1c000000, "OKAY\t0x20000000": 0x20000000,
		"OKAY0xffffffffffffffff": math.MaxInt64, "OKAY99999999999999999999999": math.MaxInt64,
		"OKAY0x00100000\r": 1 << 20, "OKAY0x100000\x00\x00": 1 << 20, "OKAY0x100000\x00ze:0x20": 1 << 20, "OKAY0X100000": 1 << 20,
		"OKAY-1": 0, "OKAYlots": 0, "OKAY": 0, "OKAYundefine": 0, "FAILCommand not allowed": 0,
	} {
		c, _ := with(map[string][]string{"getvar:max-download-size": {said}, "getvar:max-fetch-size": {said}})
		down, err1 := c.MaxDownload(ctx)
		fetch, err2 := c.MaxFetch(ctx)
		if err := errors.Join(err1, err2); err != nil || down != want || fetch != want {
			t.Errorf("%q: %d and %d, want %d (%v)", said, down, fetch, want, err)
		}
	}
	for said, want := range map[string]int64{"140000000": 5 << 30, "0x140000000": 5 << 30, " 0x140000000": 5 << 30, "\t0x1ff000\n": 0x1ff000,
		"200000": 0x200000, "0x200000\x00": 0x200000, "1FFFFF": 0x1fffff, "0x": 0, "0x0": 0, "-1": 0, "0xffffffffffffffff": 0, "unknown": 0,
		"": 0} {
		c, _ := with(map[string][]string{"getvar:partition-size:super": {"OKAY" + said}})
		if n, err := c.PartitionSize(ctx, "super"); err != nil || n != want {
			t.Errorf("%q: %d, want %d (%v)", said, n, want, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		s       string
		decimal bool
		want    int64 // -1 is an error
	}{
		{"471859200", true, 471859200},
		{"471859200", false, 0x471859200},
		{"0x1c000000", true, 0x1c000000},
		{"0x1C000000", false, 0x1c000000},
		{"0X10", true, 16},
		{"\t0x20000000", true, 0x20000000},
		{" 512 \r\n", true, 512},
		{"1c000000", true, 0x1c000000},
		{"1c000000", false, 0x1c000000},
		{"0x140000000", true, 5 << 30},
		{"5368709120", true, 5 << 30},
		{"0x7fffffffffffffff", true, math.MaxInt64},
		{"9223372036854775807", true, math.MaxInt64},
		{"0", true, 0},
		{"0x8000000000000000", true, -1},
		{"9223372036854775808", true, -1},
		{"0x10000000000000000", false, -1},
		{"", true, -1}, {"0x", true, -1}, {"-1", true, -1}, {"-0x1", true, -1}, {"0x-1", true, -1},
		{"+1", true, -1}, {"0x+1", false, -1}, {"1_000", true, -1}, {"1.5", true, -1}, {"12 MB", true, -1},
		{"0x0x1", true, -1}, {"lots", true, -1}, {"1e9x", true, -1}, {"٣", true, -1},
	} {
		got, err := ParseSize(c.s, c.decimal)
		if err != nil {
			got = -1
		}
		if got != c.want {
			t.Errorf("ParseSize(%q, %v) is %d, want %d (%v)", c.s, c.decimal, got, c.want, err)
		}
	}
}

func TestSplitVar(t *testing.T) {
	for line, want := range map[string]Var{
		"version:0.4":                      {"version", "0.4"},
		"partition-size:boot_a: 0x4000000": {"partition-size:boot_a", "0x4000000"},
		"partition-size:boot_a":            {"partition-size", "boot_a"},
		"partition-type:x:raw":             {"partition-type:x", "raw"},
		"has-slot:boot:yes":                {"has-slot:boot", "yes"},
		"is-logical:system_a:no":           {"is-logical:system_a", "no"},
		"slot-successful:a:yes":            {"slot-successful:a", "yes"},
		"slot-unbootable:b:no":             {"slot-unbootable:b", "no"},
		"slot-retry-count:a:7":             {"slot-retry-count:a", "7"},
		"slot-suffixes:_a,_b":              {"slot-suffixes", "_a,_b"},
		"version-bootloader:a:b":           {"version-bootloader", "a:b"},
		" battery-voltage : 3900 ":         {"battery-voltage", "3900"},
		"no colon":                         {"no colon", ""},
		"":                                 {},
	} {
		if got := splitVar(line); got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
}

func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		`flash:boot: the device says "no"`:                   &RemoteError{"flash:boot", "no"},
		"x: connection lost: gone":                           &WireError{"x", errors.New("gone")},
		"x: the device was silent for 2s (data)":             &TimeoutError{"x", "data", 2e9, false},
		"x: not finished after 2s (reply)":                   &TimeoutError{"x", "reply", 2e9, true},
		"x: the device broke the protocol: odd":              &ProtocolError{"x", "odd"},
		`connect: the device gave up: it says "busy"`:        &DeviceError{"connect", "busy"},
		`"x\n" was not sent: odd`:                            &UsageError{"x\n", "odd"},
		"h:1 speaks SSH, not fastboot: the tablet is booted": &NotFastbootError{"h:1", "SSH-"},
		`h:1 does not speak fastboot (it said "HTTP")`:       &NotFastbootError{"h:1", "HTTP"},
	} {
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
