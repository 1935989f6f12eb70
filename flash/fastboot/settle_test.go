package fastboot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSettle: what is in the pipe after a write is noticed, and nothing else is.
func TestSettle(t *testing.T) {
	ctx := context.Background()
	kirin := map[string][]string{"getvar:max-download-size": {"OKAY471859200"}}
	for _, c := range []struct {
		name    string
		answers map[string][]string // as they were asked before
		first   string              // left in the pipe: it comes before the answer to the question
		late    string              // of a *RemoteError
		left    bool                // a *ProtocolError
		asks    []string
	}{
		{"nothing is left", map[string][]string{"getvar:product": {"OKAYAGS2"}}, "", "", false, []string{"getvar:product", gblQuestion}},
		{"a FAIL is left", map[string][]string{"getvar:product": {"OKAYAGS2"}}, "FAILwrite failure", "write failure", false,
			[]string{"getvar:product"}},
		{"an OKAY is left", map[string][]string{"getvar:product": {"OKAYAGS2"}}, "OKAY", "", true, []string{"getvar:product"}},
		{"an OKAY with a text is left", map[string][]string{"getvar:product": {"OKAYAGS2"}}, "OKAYwritten", "", true, []string{"getvar:product"}},
		{"the product is refused", kirin, "", "", false, []string{"getvar:max-download-size", gblQuestion}},
		{"the product is refused, a FAIL is left", kirin, "FAILCommand not allowed", "Command not allowed", false,
			[]string{"getvar:max-download-size"}},
		{"all is refused", nil, "", "", false, []string{"getvar:product", gblQuestion}},
		{"all is refused, another FAIL is left", nil, "FAILwrite failure", "write failure", false, []string{"getvar:product"}},
		{"all is refused, an OKAY is left", nil, "OKAY", "", true, []string{"getvar:product"}},
		{"the product is empty", map[string][]string{"getvar:product": {"OKAY"}, "getvar:max-download-size": {"OKAY4096"}}, "OKAY", "", true,
			[]string{"getvar:max-download-size"}},
	} {
		client, f := with(c.answers)
		_, err := client.Product(ctx)
		_, err2 := client.MaxDownload(ctx)
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(c.name, err)
		}
		f.sent, f.left = nil, c.first
		err = client.Settle(ctx, "flash:boot", 1<<20)
		var remote *RemoteError
		var protocol *ProtocolError
		switch {
		case c.late != "":
			if !errors.As(err, &remote) || remote.Message != c.late || !strings.HasPrefix(remote.Command, "flash:boot") || client.Broken() == nil {
				t.Errorf("%s: %v, broken: %v", c.name, err, client.Broken())
			}
		case c.left:
			if !errors.As(err, &protocol) || client.Broken() == nil {
				t.Errorf("%s: %v, broken: %v", c.name, err, client.Broken())
			}
		case err != nil || client.Broken() != nil:
			t.Errorf("%s: %v, broken: %v", c.name, err, client.Broken())
		}
		if !slices.Equal(f.sent, c.asks) {
			t.Errorf("%s: asked %q, want %q", c.name, f.sent, c.asks)
		}
		if err == nil { // one round trip from the second image on
			f.sent = nil
			if err := client.Settle(ctx, "flash:boot", 1); err != nil || len(f.sent) != 1 {
				t.Errorf("%s: the second time %v, asked %q", c.name, err, f.sent)
			}
		}
	}

	// A client that has asked nothing yet learns the answer first.
	client, f := with(map[string][]string{"getvar:product": {"OKAYAGS2"}})
	f.left = "OKAY"
	var protocol *ProtocolError
	if err := client.Settle(ctx, "flash:boot", 1); !errors.As(err, &protocol) {
		t.Errorf("nothing asked before: %v", err)
	}
}

// TestSettleGBL: a bootloader that can write in the background is told to end that.
func TestSettleGBL(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name    string
		answers map[string][]string
		late    string
		asks    []string
	}{
		{"waits", map[string][]string{gblQuestion: {"OKAYNone"}, "oem gbl-sync-blocks": {"INFOSyncing storage...", "OKAY"}}, "",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks"}},
		{"with a default block", map[string][]string{gblQuestion: {"OKAY0x1"}, "oem gbl-sync-blocks": {"OKAY"}}, "",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks"}},
		{"a write failed", map[string][]string{gblQuestion: {"OKAYNone"}, "oem gbl-sync-blocks": {"INFOBlock #0 error", "FAILIo error"}},
			"Io error",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks"}},
		{"the newer name", map[string][]string{gblQuestion: {"OKAYNone"}, "oem gbl-sync-blocks": {"FAILUnknown oem command"},
			"oem gbl-sync-tasks": {"OKAY"}}, "",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks", "oem gbl-sync-tasks"}},
		{"the newer name, a write failed", map[string][]string{gblQuestion: {"OKAYNone"}, "oem gbl-sync-blocks": {"FAILUnknown oem command"},
			"oem gbl-sync-tasks": {"FAILbad block"}}, "bad block",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks", "oem gbl-sync-tasks"}},
		{"another that answers anything", map[string][]string{gblQuestion: {"OKAYundefine"}}, "", []string{"getvar:product", gblQuestion}},
		{"another that answers 0", map[string][]string{gblQuestion: {"OKAY0"}}, "",
			[]string{"getvar:product", gblQuestion, "oem gbl-sync-blocks", "oem gbl-sync-tasks"}},
	} {
		c.answers["getvar:product"] = []string{"OKAYx"}
		client, f := with(c.answers)
		if _, err := client.Product(ctx); err != nil {
			t.Fatal(err)
		}
		f.sent = nil
		err := client.Settle(ctx, "flash:boot", 1)
		var remote *RemoteError
		told := errors.As(err, &remote) && remote.Message == c.late && strings.HasPrefix(remote.Command, "flash:boot")
		if c.late == "" && err != nil || c.late != "" && !told {
			t.Errorf("%s: %v", c.name, err)
		}
		if !slices.Equal(f.sent, c.asks) {
			t.Errorf("%s: asked %q, want %q", c.name, f.sent, c.asks)
		}
	}
}

// mute is a transport that answers after a while, or never.
type mute struct {
	fake
	after time.Duration // 0: never
}

func (m *mute) ReadPacket(ctx context.Context, p []byte) (int, error) {
	var answered <-chan time.Time
	if m.after > 0 {
		answered = time.After(m.after)
	}
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-answered:
		return copy(p, "OKAY"), nil
	}
}

// TestSilence: a silent erase is waited for and reported, with what it is given.
func TestSilence(t *testing.T) {
	type report = Silence
	for _, c := range []struct {
		name    string
		size    int64
		unsized time.Duration
		after   time.Duration
		want    []time.Duration // of silence, as reported
		upTo    time.Duration
	}{
		{"soon", 0, 0, 9 * time.Second, nil, 0},
		{"75 s, of nobody knows how much", 0, 0, 75 * time.Second, []time.Duration{10e9, 20e9, 40e9}, 5 * time.Minute},
		{"never", 0, 0, 0, []time.Duration{10e9, 20e9, 40e9, 80e9, 160e9}, 5 * time.Minute},
		{"a family that takes longer", 0, 20 * time.Minute, 10 * time.Minute, []time.Duration{10e9, 20e9, 40e9, 80e9, 160e9, 320e9},
			20 * time.Minute},
		{"16 GiB", 16 << 30, time.Minute, 6 * time.Minute, []time.Duration{10e9, 20e9, 40e9, 80e9, 160e9, 320e9},
			60*time.Second + 512*time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			var got []report
			client := NewClient(&mute{after: c.after}, Options{Silent: func(s Silence) { got = append(got, s) }})
			start := time.Now()
			err := client.Erase(context.Background(), "userdata", c.size, c.unsized)
			took := time.Since(start)
			var timeout *TimeoutError
			if c.after > 0 && (err != nil || took != c.after) {
				t.Errorf("%s: %v after %v", c.name, err, took)
			}
			if c.after == 0 && (!errors.As(err, &timeout) || took != c.upTo) {
				t.Errorf("%s: %v after %v", c.name, err, took)
			}
			var silent []time.Duration
			for i, r := range got {
				silent = append(silent, r.For)
				if r.Command != "erase:userdata" || r.UpTo != c.upTo {
					t.Errorf("%s: report %d: %+v", c.name, i, r)
				}
			}
			if !slices.Equal(silent, c.want) {
				t.Errorf("%s: reported %v, want %v", c.name, silent, c.want)
			}
			<-time.After(time.Hour) // of the bubble
			if len(got) != len(c.want) {
				t.Errorf("%s: reported after the command had ended", c.name)
			}
		})
	}
}
