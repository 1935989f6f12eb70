// This file turns whatever went wrong into a failure that a person can act on:
// a class, the device's own words, and what to do next.

package flash

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/openfiles"
)

// Failure is why a job failed.
type Failure struct {
	Class   Class
	Message string // what failed, with the device's words quoted
	Hint    string // what to do next
	Err     error  // the cause, if there is one
}

func (f *Failure) Error() string { return f.Message }
func (f *Failure) Unwrap() error { return f.Err }

// ErrStopped is the cause of a job that ended because the operator stopped it.
var ErrStopped = errors.New("stopped by the operator")

// failureByMeaning is what a device's words mean for a job.
var failureByMeaning = map[fastboot.Meaning]struct {
	class Class
	hint  string
}{
	fastboot.MeansRefused: {ClassLocked, "the bootloader refuses; it is most likely locked: set this tablet aside for unlocking"},
	fastboot.MeansLocked:  {ClassLocked, "the bootloader is locked: set this tablet aside for unlocking"},
	fastboot.MeansProtected: {ClassLocked,
		"the tablet keeps this partition locked, whatever else is unlocked: leave it out, or ask the vendor"},
	fastboot.MeansFRP: {ClassLocked,
		"factory reset protection is on: sign out of the account on the tablet, allow OEM unlocking, then unlock"},
	fastboot.MeansPhoneFinder: {ClassLocked, "the finder service is on: turn it off on the tablet, then unlock"},
	fastboot.MeansUnlockCode:  {ClassLocked, "the unlock code is wrong: do not try it again, check the code file"},
	fastboot.MeansNotLocked:   {ClassDevice, "the tablet is not in the lock state that this step needs"},
	fastboot.MeansNoPartition: {ClassProfile, "this tablet has no such partition: check the partition's name and the tablet's model"},
	fastboot.MeansTooLarge:    {ClassImage, "the image is larger than the partition: use the image made for this model"},
	fastboot.MeansTooMuch: {ClassDevice,
		"the tablet takes smaller downloads than its max-download-size says, and this image cannot be sent in smaller pieces: see --sparse"},
	fastboot.MeansRollback:   {ClassImage, "the image is older than what this tablet allows: take a newer one"},
	fastboot.MeansWrongImage: {ClassImage, "the partition takes another kind of image: check which file goes where"},
	fastboot.MeansSuperFull: {ClassImage,
		"the logical partitions together do not fit this tablet's super: take the images made for this model"},
	fastboot.MeansSnapshot:    {ClassDevice, "an update of the old system is not finished: let the tablet boot once, then try again"},
	fastboot.MeansSignature:   {ClassImage, "the tablet wants an image signed for it: take the vendor's image, or unlock the bootloader"},
	fastboot.MeansLowBattery:  {ClassBattery, "charge the tablet and try again"},
	fastboot.MeansNoSparse:    {ClassImage, "this tablet does not take sparse images here: try --sparse never"},
	fastboot.MeansNoChunk:     {ClassImage, "this tablet does not take sparse images here: try --sparse never"},
	fastboot.MeansWriteFailed: {ClassDevice, "the tablet's storage did not take the data: try once more, then send it for repair"},
	fastboot.MeansNoCommand:   {ClassDevice, "this bootloader does not have that command"},
}

// HintOutOfFiles is what to do when a process or the machine has no open file left.
const HintOutOfFiles = "this station has too many open files: raise the limit (ulimit -n 4096), end what holds files open, then try again"

// Classify makes a *Failure of any error. A *Failure stays as it is, unless its cause is that
// this station is out of files.
func Classify(err error) *Failure {
	var failure *Failure
	if errors.As(err, &failure) {
		if openfiles.Exhausted(err) {
			return &Failure{Class: ClassStation, Message: failure.Message, Hint: HintOutOfFiles, Err: err}
		}
		return failure
	}
	f := &Failure{Class: ClassBug, Message: err.Error(), Err: err,
		Hint: "this should not happen: please report it with --trace"}
	var (
		remote   *fastboot.RemoteError
		timeout  *fastboot.TimeoutError
		wire     *fastboot.WireError
		protocol *fastboot.ProtocolError
		usage    *fastboot.UsageError
		notFB    *fastboot.NotFastbootError
		gaveUp   *fastboot.DeviceError
		changed  *image.ChangedError
		unread   *image.FileError
		double   *DoubleError
		netErr   net.Error
	)
	switch {
	case errors.Is(err, ErrStopped), errors.Is(err, context.Canceled):
		f.Class, f.Hint = ClassOperator, "the partition that was being written counts as unknown: flash this tablet again"
	case openfiles.Exhausted(err):
		f.Class, f.Hint = ClassStation, HintOutOfFiles
	case errors.As(err, &double):
		f.Class, f.Hint = ClassIdentity, "put both tablets side by side and find out which is which: a copied system, or two with one serial"
	case errors.As(err, &changed):
		f.Class, f.Hint = ClassStation, "something writes to the image file: let it finish, then flash this tablet again"
	case errors.As(err, &unread):
		f.Class, f.Hint = ClassStation, "look at the disk of this station, then flash this tablet again"
	case errors.As(err, &remote):
		t, ok := failureByMeaning[remote.Meaning()]
		if !ok {
			t.class, t.hint = ClassDevice, "the tablet refused "+cmp.Or(remote.Command, "it")+", and says no more than that"
		}
		if ok && remote.Meaning() == fastboot.MeansRefused && strings.HasPrefix(remote.Command, "getvar:") {
			t.class, t.hint = ClassDevice, "this bootloader does not report that; the lock has nothing to do with it"
		}
		if ok && remote.Meaning() == fastboot.MeansNoCommand && strings.HasPrefix(remote.Command, "download:") {
			t.class = ClassCable
			t.hint = "every bootloader has this command: it arrived damaged; take another cable, or a USB 2 port or hub, then try again"
		}
		f.Class, f.Hint = t.class, t.hint
	case errors.As(err, &timeout):
		f.Class, f.Hint = ClassTimeout, "hold the power button until the tablet restarts, check the cable, try again"
	case errors.As(err, &notFB):
		f.Class, f.Hint = ClassDevice, "bring the tablet into fastboot mode, or check the address"
	case errors.As(err, &protocol):
		f.Class, f.Hint = ClassDevice, "the tablet does not follow the protocol: try another cable and port, then set it aside"
	case errors.As(err, &gaveUp):
		f.Class, f.Hint = ClassDevice, "the tablet ended the connection, and says no more than that: restart it and try again"
	case errors.As(err, &wire), errors.Is(err, fastboot.ErrClosed):
		f.Class, f.Hint = ClassCable, "check the cable and the port, then try again"
	case errors.As(err, &usage):
		f.Hint = "this should not happen: please report it"
	case errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded):
		f.Class, f.Hint = ClassCable, "check that the tablet is on, connected and in fastboot mode"
	}
	return f
}

// explainRefusal corrects a failure for what is known of the tablet: one that says that it
// is unlocked is not refusing because it is locked.
func (s *Session) explainRefusal(f *Failure) *Failure {
	var remote *fastboot.RemoteError
	if s.tablet.lock != "unlocked" || !errors.As(f, &remote) || remote.Meaning() != fastboot.MeansRefused {
		return f
	}
	return &Failure{Class: ClassDevice, Message: f.Message, Err: f.Err,
		Hint: "the bootloader is unlocked and refuses this all the same: update the vendor's firmware, which may be too old for this " +
			"partition, or leave the partition out"}
}

// failf is a failure found by the engine itself.
func failf(c Class, hint, format string, args ...any) *Failure {
	return &Failure{Class: c, Hint: hint, Message: fmt.Sprintf(format, args...)}
}
