// This file is what tablets are asked: who they are, their variables, a restart.

package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/usb"
)

// Device is what a tablet says that it is.
type Device struct {
	Mode   usb.Mode `json:"mode"`
	Model  string   `json:"model,omitempty"`
	Serial string   `json:"serial,omitempty"`
	Lock   string   `json:"lock,omitempty"`
}

// Look asks a bootloader who the tablet is.
func Look(ctx context.Context, s Session) (d Device, err error) {
	d.Mode = usb.Fastboot
	userspace, err := s.IsUserspace(ctx)
	if err != nil {
		return d, err
	}
	if userspace == fastboot.Yes {
		d.Mode = usb.Fastbootd
	}
	product, err := s.Product(ctx)
	if err != nil {
		return d, err
	}
	serial, err := s.Serial(ctx)
	if err != nil {
		return d, err
	}
	unlocked, _, err := s.Unlocked(ctx)
	d.Model, d.Serial = product.Value, serial.Value
	d.Lock = map[fastboot.Answer]string{fastboot.Yes: "unlocked", fastboot.No: "locked"}[unlocked]
	return d, err
}

// Getvars asks for several variables. A refusal of one does not keep the others from being
// asked: what was answered comes with a partialError that names what was not.
func Getvars(ctx context.Context, s Session, names []string) ([]fastboot.Var, error) {
	var vars []fastboot.Var
	var refused []string
	var first error
	for _, name := range names {
		var answered []fastboot.Var
		var err error
		if name == "all" {
			answered, err = s.GetvarAll(ctx)
		} else {
			var value string
			value, err = s.Getvar(ctx, name)
			answered = []fastboot.Var{{Name: name, Value: value}}
		}
		if err == nil {
			vars = append(vars, answered...)
			continue
		}
		err = asUsage(err)
		if first == nil {
			first = err
		}
		refused = append(refused, err.Error())
		if s.Broken() != nil {
			break
		}
	}
	if first == nil {
		return vars, nil
	}
	f := flash.Classify(first)
	failure := &flash.Failure{Class: f.Class, Message: strings.Join(refused, "; "), Hint: f.Hint, Err: first}
	if len(vars) == 0 {
		return nil, failure
	}
	return vars, partialError{failure}
}

// asUsage makes a refusal to send the user's mistake rather than ours.
func asUsage(err error) error {
	var usage *fastboot.UsageError
	if errors.As(err, &usage) {
		return &flash.Failure{Class: flash.ClassProfile, Message: err.Error(), Hint: "ask for something else", Err: err}
	}
	return err
}

// OEMAllowed are the vendor commands that only ask. Others can wipe, lock or
// brick, and are not passed on.
var OEMAllowed = []string{"get-bootinfo", "lock-state info", "backdoor info", "get-product-model", "get-build-number", "device-info"}

// RebootAndroid sends the targets that run Android to their bootloaders, and gives the
// others back.
func RebootAndroid(ctx context.Context, l Locks, targets []target.Target) (others []target.Target, answers []Answer[string]) {
	for _, t := range targets {
		s, ok := t.(target.USB)
		if !ok {
			others = append(others, t)
			continue
		}
		if d, err := s.Device(); err != nil || d.Mode != usb.ADB {
			others = append(others, t)
			continue
		}
		done := "rebooting to bootloader"
		out := Answer[string]{Target: t.String(), Value: &done, Result: flash.JobDone{Result: flash.Pass}}
		if err := l.sendAndroid(ctx, s); err != nil {
			out.Fail("", err)
		}
		answers = append(answers, out)
	}
	return others, answers
}

// sendAndroid sends one tablet from Android to its bootloader, unless another process has it.
func (l Locks) sendAndroid(ctx context.Context, t target.USB) error {
	release, err := l.Bench.Lock(ctx, t, l.Owner, l.Wait)
	if err != nil {
		return &flash.Failure{Class: flash.ClassStation, Message: err.Error(),
			Hint: "let the other process finish, or wait for it with --lock-wait 10m", Err: err}
	}
	defer release()
	running, err := t.Android(ctx)
	if err != nil {
		return err
	}
	return running.Bootloader(ctx)
}

// Reboot restarts targets to a mode; a tablet that runs Android goes to its bootloader
// through adb.
func Reboot(ctx context.Context, o Options, locks Locks, targets []target.Target, mode string) ([]Answer[string], error) {
	var answers []Answer[string]
	if mode == "bootloader" {
		targets, answers = RebootAndroid(ctx, locks, targets)
	}
	more, err := EachLocked(ctx, o, locks, targets, func(ctx context.Context, s Session) (string, error) {
		return "rebooting to " + mode, s.Reboot(ctx, mode)
	})
	if err != nil {
		return nil, err
	}
	for i, t := range targets {
		if more[i].Error != "" && Booted(ctx, t) {
			more[i].Fail("", &flash.Failure{Class: flash.ClassDevice, Hint: "zarya ssh " + t.String() + " -- reboot",
				Message: t.String() + " is booted, and fastboot restarts only a bootloader"})
		}
	}
	return append(answers, more...), nil
}

// About says who a target is, for a person, by its answer to [Look].
func About(ctx context.Context, t target.Target, answer Answer[Device]) string {
	switch d := answer.Value; {
	case d != nil:
		return fmt.Sprintf("%s, serial %s", cmp.Or(d.Model, "model not told"), cmp.Or(d.Serial, "not told"))
	case Booted(ctx, t):
		return "booted"
	}
	return "it does not answer now"
}

// LookOrBooted asks targets who they are; one that is booted answers that.
func LookOrBooted(ctx context.Context, o Options, targets []target.Target) []Answer[Device] {
	answers := Each(ctx, o, targets, Look)
	for i, t := range targets {
		if answers[i].Error != "" && Booted(ctx, t) {
			answers[i] = Answer[Device]{Target: t.String(), Value: &Device{Mode: usb.Booted}, Result: flash.JobDone{Result: flash.Pass}}
		}
	}
	return answers
}
