//go:build unix

package target

import (
	"errors"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/hosttest"
	"github.com/zarya-station/zarya/usb/libusb"
)

// TestUSBWithoutFiles: libusb says the same of a device that it has no file left for and of
// one behind a bad cable.
func TestUSBWithoutFiles(t *testing.T) {
	cause := &libusb.Error{Kind: libusb.Gone, Node: "/dev/bus/usb/001/002", Err: errors.New("i/o error [code -1]")}
	var failure *flash.Failure
	hosttest.WithoutFiles(t, func() { failure = flash.Classify(usbFailure(cause)) })
	if failure.Class != flash.ClassStation || failure.Hint != flash.HintOutOfFiles || !errors.Is(failure, cause) {
		t.Errorf("%s: %v → %s", failure.Class, failure, failure.Hint)
	}
	if f := flash.Classify(usbFailure(cause)); f.Class != flash.ClassCable {
		t.Errorf("with files left: %s: %v", f.Class, f)
	}
}
