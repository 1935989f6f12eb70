package ask

import (
	"context"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/virtual/fleet"
	"github.com/zarya-station/zarya/usb"
)

// asked serves two tablets, and calls do with their targets and one more that is not there.
func asked(t *testing.T, do func(ctx context.Context, targets []target.Target)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	o := fleet.Options{Count: 2, Listen: "tcp:127.0.0.1:0", Family: "kirin710a-ags3", State: t.TempDir()}
	err := fleet.Serve(ctx, o, func(places []fleet.Place) {
		defer cancel()
		var targets []target.Target
		for _, name := range []string{places[0].Target, "tcp:127.0.0.1:1", places[1].Target} {
			n, err := target.ParseNetwork(name)
			if err != nil {
				t.Error(err)
				return
			}
			targets = append(targets, n)
		}
		do(ctx, targets)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachAnswersForItself(t *testing.T) {
	asked(t, func(ctx context.Context, targets []target.Target) {
		answers := Each(ctx, Options{}, targets, Look)
		for i, serial := range map[int]string{0: "VT0001", 2: "VT0002"} {
			a := answers[i]
			if a.Value == nil || a.Value.Serial != serial || a.Value.Mode != usb.Fastboot || a.Result.Result != flash.Pass {
				t.Errorf("%s: %+v", serial, a)
			}
		}
		if a := answers[1]; a.Value != nil || a.Error == "" || a.Result.Step != "connect" || !a.Result.Class.Bench() {
			t.Errorf("nobody there: %+v", a)
		}
		if Booted(ctx, targets[0]) {
			t.Error("a bootloader greets as an SSH server does")
		}
	})
}

func TestGetvarsGivesWhatWasAnswered(t *testing.T) {
	asked(t, func(ctx context.Context, targets []target.Target) {
		answers := Each(ctx, Options{}, targets[:1], func(ctx context.Context, s Session) ([]fastboot.Var, error) {
			return Getvars(ctx, s, []string{"serialno", "no such\nname", "serialno"})
		})
		a := answers[0]
		if a.Value == nil || len(*a.Value) != 2 || (*a.Value)[0] != (fastboot.Var{Name: "serialno", Value: "VT0001"}) {
			t.Fatalf("%+v", a)
		}
		if a.Error == "" || a.Class != string(flash.ClassProfile) {
			t.Errorf("what cannot be asked is not said: %+v", a)
		}
	})
}

func TestAboutIsForPeople(t *testing.T) {
	asked(t, func(ctx context.Context, targets []target.Target) {
		answers := LookOrBooted(ctx, Options{}, targets)
		for i, want := range []string{"AGS3-L09, serial VT0001", "it does not answer now", "AGS3-L09, serial VT0002"} {
			if got := About(ctx, targets[i], answers[i]); got != want {
				t.Errorf("%q, not %q", got, want)
			}
		}
		if got := About(ctx, targets[0], Answer[Device]{Value: &Device{}}); got != "model not told, serial not told" {
			t.Error(got)
		}
	})
}
