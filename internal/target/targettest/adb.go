// This file is an adb server for tablets that no bus has.

package targettest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// ADBServer answers as one that sees the tablets in its list, and remembers what it was
// asked to do. It speaks the server's protocol (AOSP adb/SERVICES.TXT).
type ADBServer struct {
	List string

	mu    sync.Mutex
	asked []string
}

// Start serves until the test ends, and returns where, HOST:PORT.
func (s *ADBServer) Start(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// Asked returns which services were asked for, in their order.
func (s *ADBServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *ADBServer) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		n, err := strconv.ParseUint(string(head), 16, 16)
		if err != nil {
			return
		}
		service := make([]byte, n)
		if _, err := io.ReadFull(r, service); err != nil {
			return
		}
		s.mu.Lock()
		s.asked = append(s.asked, string(service))
		s.mu.Unlock()
		fmt.Fprint(conn, "OKAY")
		switch text := string(service); {
		case text == "host:devices-l":
			fmt.Fprintf(conn, "%04x%s", len(s.List), s.List)
			return
		case strings.HasPrefix(text, "host:transport-id:"):
			continue
		case text == "shell:getprop ro.product.model":
			fmt.Fprintln(conn, "AGS3-L09")
		case text == "shell:getprop ro.build.display.id":
			fmt.Fprintln(conn, "10.1")
		case text == "shell:dumpsys battery":
			fmt.Fprintln(conn, "  level: 55")
		}
		return
	}
}
