package flash_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
)

// TestTooManyOpenFiles: whatever cannot be opened for want of files is the station's
// trouble, whoever has already taken it for something else.
func TestTooManyOpenFiles(t *testing.T) {
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE} {
		dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)}
		for name, err := range map[string]error{
			"dial":  dial,
			"wire":  &fastboot.WireError{Command: "connect", Err: dial},
			"image": &image.FileError{Err: &fs.PathError{Op: "open", Path: "x", Err: errno}},
			"judged": fmt.Errorf("opening: %w", &flash.Failure{Class: flash.ClassCable, Message: "no answer", Err: dial,
				Hint: "check the cable"}),
			"network": &flash.Failure{Class: flash.ClassDevice, Message: "no SFTP", Err: errors.Join(errors.New("x"), dial)},
		} {
			if f := flash.Classify(err); f.Class != flash.ClassStation || f.Hint != flash.HintOutOfFiles || f.Message == "" {
				t.Errorf("%s: %s: %s → %s", name, f.Class, f.Message, f.Hint)
			}
		}
	}
	if f := flash.Classify(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}); f.Class != flash.ClassCable {
		t.Errorf("refused: %s", f.Class)
	}
}
