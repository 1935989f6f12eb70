//go:build unix

package target

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb/libusb"
)

// TestUSBWithoutFiles: libusb says the same of a device that it has no file left for and of
// one behind a bad cable.
func TestUSBWithoutFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 3
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	cause := &libusb.Error{Kind: libusb.Gone, Node: "/dev/bus/usb/001/002", Err: errors.New("i/o error [code -1]")}
	failure := flash.Classify(usbFailure(cause))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if failure.Class != flash.ClassStation || failure.Hint != flash.HintOutOfFiles || !errors.Is(failure, cause) {
		t.Errorf("%s: %v → %s", failure.Class, failure, failure.Hint)
	}
	if f := flash.Classify(usbFailure(cause)); f.Class != flash.ClassCable {
		t.Errorf("with files left: %s: %v", f.Class, f)
	}
}
