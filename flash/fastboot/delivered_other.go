// This file is for systems that do not tell how much of what was written has arrived.

//go:build !linux

package fastboot

import "net"

func acknowledged(net.Conn) (n, window int64, ok bool) { return 0, 0, false }
