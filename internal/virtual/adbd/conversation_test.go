package adbd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// message is one message of an adb server.
func message(command string, arg0 uint32, payload string) []byte {
	b := []byte(command)
	number := binary.LittleEndian.Uint32(b)
	for _, n := range []uint32{arg0, 0, uint32(len(payload)), 0, number ^ 0xffffffff} {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return append(b, payload...)
}

// said takes the tablet's messages apart: COMMAND(payload), ….
func said(t *testing.T, b []byte) string {
	t.Helper()
	var all []string
	for r := bytes.NewReader(b); r.Len() > 0; {
		command, _, _, payload, err := readMessage(r)
		if err != nil {
			t.Fatal(err)
		}
		name := string(binary.LittleEndian.AppendUint32(nil, command))
		all = append(all, fmt.Sprintf("%s(%s)", name, payload))
	}
	return strings.Join(all, " ")
}

func TestConversations(t *testing.T) {
	family, err := device.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	low, err := device.ParseFault("low-battery")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want, end string
		faults          []device.Fault
		sent            []byte
	}{
		{name: "connect", sent: message("CNXN", 0x01000000, "host::"), end: "EOF",
			want: "CNXN(device::ro.product.name=AGS3-L09;ro.product.model=AGS3-L09;ro.product.device=AGS3-L09;)"},
		{name: "serial", sent: message("OPEN", 1, "shell:getprop ro.serialno\x00"), want: "OKAY() WRTE(S1\n) CLSE()", end: "EOF"},
		{name: "model", sent: message("OPEN", 1, "shell:getprop ro.product.model\x00"), want: "OKAY() WRTE(AGS3-L09\n) CLSE()", end: "EOF"},
		{name: "build", sent: message("OPEN", 1, "shell:getprop ro.build.display.id\x00"),
			want: "OKAY() WRTE(AGS3-L09 10.1.1.176(C635E4R1P1)\n) CLSE()", end: "EOF"},
		{name: "battery", sent: message("OPEN", 1, "shell:dumpsys battery\x00"), end: "EOF",
			want: "OKAY() WRTE(Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: 80\n  scale: 100\n) CLSE()"},
		{name: "low battery", sent: message("OPEN", 1, "shell:dumpsys battery\x00"), end: "EOF", faults: []device.Fault{low},
			want: "OKAY() WRTE(Current Battery Service state:\n  AC powered: false\n  USB powered: true\n  level: 7\n  scale: 100\n) CLSE()"},
		{name: "another command", sent: message("OPEN", 1, "shell:rm -rf /\x00"),
			want: "OKAY() WRTE(/system/bin/sh: rm -rf /: inaccessible or not found\n) CLSE()", end: "EOF"},
		{name: "another service", sent: message("OPEN", 1, "sync:\x00"), want: "OKAY() CLSE()", end: "EOF"},
		{name: "two", sent: append(message("OPEN", 1, "sync:\x00"), message("OKAY", 1, "")...), want: "OKAY() CLSE()", end: "EOF"},
		{name: "restart", sent: message("OPEN", 1, "reboot:bootloader\x00"), want: "OKAY() CLSE()", end: "the tablet leaves for fastboot"},
		{name: "not ADB", sent: []byte("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), end: "not an ADB message"},
		{name: "cut off in a header", sent: message("OPEN", 1, "")[:20], end: "unexpected EOF"},
		{name: "cut off in a payload", sent: message("OPEN", 1, "shell:")[:26], end: "unexpected EOF"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := device.New(device.Config{Serial: "S1", Family: family, Faults: test.faults})
			if err != nil {
				t.Fatal(err)
			}
			var answers bytes.Buffer
			err = Serve(d, tape{bytes.NewReader(test.sent), &answers})
			if got := said(t, answers.Bytes()); got != test.want || err == nil || err.Error() != test.end {
				t.Errorf("%q, then %v", got, err)
			}
		})
	}
}

// deaf fails every write after the first n.
type deaf struct{ n int }

func (d *deaf) Write(p []byte) (int, error) {
	if d.n--; d.n < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// TestHostGoes cuts the connection at each write of an answer.
func TestHostGoes(t *testing.T) {
	family, err := device.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	d, err := device.New(device.Config{Serial: "S1", Family: family})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		host := tape{bytes.NewReader(message("OPEN", 1, "shell:getprop ro.serialno\x00")), &deaf{n}}
		if err := Serve(d, host); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("after %d writes: %v", n, err)
		}
	}
}
