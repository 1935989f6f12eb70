package board

import (
	"errors"
	"fmt"
	"os"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/sys/unix"
)

// openSlave is the other end of a pseudo-terminal.
func openSlave(master *os.File) (*os.File, error) {
	raw, err := master.SyscallConn() // Fd would make reads of it such that Close cannot end them
	if err != nil {
		return nil, err
	}
	var n int
	var failed error
	err = raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			n, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
}

func key(r rune) tea.KeyPressMsg {
	switch r {
	case 0x1b:
		return tea.KeyPressMsg{Code: tea.KeyEscape}
	case '\r':
		return tea.KeyPressMsg{Code: tea.KeyEnter}
	}
	return tea.KeyPressMsg{Code: r, Text: string(r)}
}

func sized(s Size) tea.WindowSizeMsg { return tea.WindowSizeMsg{Width: s.Width, Height: s.Height} }
