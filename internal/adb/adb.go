// Package adb asks an adb server about tablets that run Android: which there are, their model, build
// and charge ([Server.Facts]), and that they restart into their bootloader ([Server.Bootloader]).
// The server (Debian's adb, or Google's) owns the USB devices; this package speaks only to the
// server, over its socket (AOSP adb/SERVICES.TXT and OVERVIEW.TXT). It starts no server and
// installs nothing on a tablet.
package adb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/untrusted"
)

// Server is where an adb server listens, HOST:PORT.
type Server string

// Default is the server of the environment: ANDROID_ADB_SERVER_ADDRESS and
// ANDROID_ADB_SERVER_PORT, as adb itself has them; 127.0.0.1:5037 without.
func Default() Server {
	host, port := os.Getenv("ANDROID_ADB_SERVER_ADDRESS"), os.Getenv("ANDROID_ADB_SERVER_PORT")
	if host == "" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "5037"
	}
	return Server(net.JoinHostPort(host, port))
}

// ErrNoServer means that no adb server answers.
var ErrNoServer = errors.New("no adb server answers; start one: adb start-server")

// Limits of what a server and a tablet may say.
const (
	callTimeout = 5 * time.Second
	maxAnswer   = 1 << 20 // bytes
	maxText     = 128     // of one fact
)

// Device is one line of the server's list.
type Device struct {
	Serial    string // may be that of several
	State     string // device, unauthorized, offline, recovery, …
	Port      string // as Linux names it, 1-1.3; "" for one on the network
	Transport int    // the server's number for it
}

// Facts are what the running system tells; "" and -1 are not told.
type Facts struct {
	Serial  string
	Model   string
	Build   string
	Battery int // percent
}

// Devices lists what the server sees.
func (s Server) Devices(ctx context.Context) ([]Device, error) {
	text, err := s.call(ctx, "host:devices-l", true)
	if err != nil {
		return nil, err
	}
	return parseDevices(text), nil
}

// parseDevices reads "SERIAL STATE usb:1-1.3 product:… transport_id:4" lines.
func parseDevices(text string) []Device {
	var list []Device
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		d := Device{Serial: clean(fields[0]), State: clean(fields[1])}
		for _, f := range fields[2:] {
			if port, ok := strings.CutPrefix(f, "usb:"); ok && d.Port == "" {
				d.Port = clean(port)
			}
			if id, ok := strings.CutPrefix(f, "transport_id:"); ok {
				d.Transport, _ = strconv.Atoi(id) // 0 is none
			}
		}
		list = append(list, d)
	}
	return list
}

// At finds the device in a port, as Linux names it.
func (s Server) At(ctx context.Context, port string) (Device, error) {
	list, err := s.Devices(ctx)
	if err != nil {
		return Device{}, err
	}
	for _, d := range list {
		if d.Port == port {
			return d, nil
		}
	}
	return Device{}, fmt.Errorf("the adb server does not see the tablet in port %s", port)
}

// Facts asks the running system. A tablet that does not answer a question leaves it
// untold.
func (s Server) Facts(ctx context.Context, d Device) (Facts, error) {
	f := Facts{Battery: -1}
	if d.State != "device" {
		return f, stateError(d)
	}
	for _, q := range []struct {
		to   *string
		what string
	}{{&f.Serial, "getprop ro.serialno"}, {&f.Model, "getprop ro.product.model"}, {&f.Build, "getprop ro.build.display.id"}} {
		text, err := s.shell(ctx, d, q.what)
		if err != nil {
			return f, err
		}
		*q.to = clean(text)
	}
	text, err := s.shell(ctx, d, "dumpsys battery")
	if err != nil {
		return f, err
	}
	f.Battery = batteryLevel(text)
	return f, nil
}

// batteryLevel reads dumpsys battery; -1 is not told.
func batteryLevel(text string) int {
	for line := range strings.Lines(text) {
		if level, ok := strings.CutPrefix(strings.TrimSpace(line), "level: "); ok {
			if n, err := strconv.Atoi(level); err == nil && n >= 0 && n <= 100 {
				return n
			}
		}
	}
	return -1
}

func stateError(d Device) error {
	if d.State == "unauthorized" {
		return errors.New("the tablet does not allow debugging from this computer: confirm it on the tablet's screen")
	}
	return fmt.Errorf("the tablet is %s for the adb server", d.State)
}

// Bootloader restarts the tablet into its bootloader.
func (s Server) Bootloader(ctx context.Context, d Device) error {
	if d.State != "device" && d.State != "recovery" {
		return stateError(d)
	}
	_, err := s.call(ctx, "reboot:bootloader", false, transport(d))
	return err
}

func transport(d Device) string { return "host:transport-id:" + strconv.Itoa(d.Transport) }

func (s Server) shell(ctx context.Context, d Device, command string) (string, error) {
	return s.call(ctx, "shell:"+command, false, transport(d))
}

// call sends services one after the other on one connection, first before, then the
// one that is asked, and gives what that one says: with its length before it, or until
// the end.
func (s Server) call(ctx context.Context, service string, counted bool, before ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", string(s))
	if err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w (%w)", ErrNoServer, err)
	}
	defer func() { _ = conn.Close() }() // what was asked is answered
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	text, err := exchange(conn, append(before, service), counted)
	if ctx.Err() != nil {
		return "", fmt.Errorf("adb server: %s: no answer within %s: %w", service, callTimeout, context.Cause(ctx))
	}
	if err != nil {
		return "", fmt.Errorf("adb server: %s: %w", service, err)
	}
	return text, nil
}

func exchange(conn io.ReadWriter, services []string, counted bool) (string, error) {
	for _, service := range services {
		if _, err := fmt.Fprintf(conn, "%04x%s", len(service), service); err != nil {
			return "", err
		}
		status := make([]byte, 4)
		if _, err := io.ReadFull(conn, status); err != nil {
			return "", err
		}
		switch string(status) {
		case "OKAY":
		case "FAIL":
			why, err := readCounted(conn)
			if err != nil {
				return "", err
			}
			return "", errors.New(clean(why))
		default:
			return "", fmt.Errorf("it answers %q", status)
		}
	}
	if counted {
		return readCounted(conn)
	}
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(conn, maxAnswer))
	return b.String(), err
}

// readCounted reads a text with its length before it, in four hexadecimal digits.
func readCounted(r io.Reader) (string, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", err
	}
	n, err := strconv.ParseUint(string(head), 16, 16)
	if err != nil {
		return "", fmt.Errorf("it says %q for a length", head)
	}
	text := make([]byte, n)
	_, err = io.ReadFull(r, text)
	return string(text), err
}

// clean makes a text fit for screens and records.
func clean(s string) string { return untrusted.Reply(s, maxText) }
