// This file reads targets from the command line and reaches them.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
)

// network is a tablet that speaks fastboot over TCP or UDP.
type network struct{ proto, address string }

func (n network) String() string { return n.proto + ":" + n.address }

// Where names the tablet by its address.
func (n network) Where() flash.Where { return flash.Where{Address: n.String()} }

// Fastboot opens the connection.
func (n network) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	switch n.proto {
	case "udp":
		return fastboot.DialUDP(ctx, n.address)
	case "ssh":
		return nil, &flash.Failure{Class: flash.ClassDevice, Message: n.String() + " names a booted tablet, which does not speak fastboot",
			Hint: "name it as tcp: or udp: to flash it"}
	}
	return fastboot.DialTCP(ctx, n.address)
}

// Dial opens a connection to the system on the same host.
func (n network) Dial(ctx context.Context, port int) (net.Conn, error) {
	address := n.address
	if port != 0 && n.proto != "ssh" {
		host, _, err := net.SplitHostPort(n.address)
		if err != nil {
			return nil, err
		}
		address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// targetFlags adds to a verb the choice of its targets.
func (a *app) targetFlags(cmd *cobra.Command, list *[]string) {
	cmd.Flags().StringArrayVarP(list, "target", "s", nil, "`TARGET` to work on, repeatable: SERIAL, usb:1-1.3, tcp:HOST[:PORT], udp:HOST[:PORT], ssh:HOST[:PORT]")
	cmd.Flags().Var(longForm{list, "port:"}, "port", "the tablet in port `P`, repeatable: 1-1.3, a path, a name, or a quoted glob (* one number, ** any depth)")
	if cmd.Flags().Lookup("serial") == nil {
		cmd.Flags().Var(longForm{list, "serial:"}, "serial", "the tablet on USB with serial `S`, repeatable")
	}
	a.waitFlag(cmd)
}

// longForm is a flag that adds a target of its kind.
type longForm struct {
	list *[]string
	kind string
}

func (l longForm) String() string { return "" }
func (l longForm) Type() string   { return "string" }

// Set adds one.
func (l longForm) Set(value string) error {
	if value == "" {
		return errors.New("it is empty")
	}
	*l.list = append(*l.list, l.kind+value)
	return nil
}

func (a *app) waitFlag(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&a.wait, "wait-for-device", 0, "wait this long, such as 60s, for each target to appear")
}

// typedTargets are the names of the command line, or else those of the environment.
func typedTargets(typed []string) []string {
	if len(typed) > 0 {
		return typed
	}
	return strings.Fields(strings.ReplaceAll(os.Getenv("ZARYA_TARGET"), ",", " "))
}

// targets resolves what was typed; ZARYA_TARGET counts if nothing was.
func (a *app) targets(typed []string) ([]target, error) {
	if a.wait < 0 {
		return nil, problem.New(problem.Usage, "write --wait-for-device 60s", "--wait-for-device cannot be negative")
	}
	typed = typedTargets(typed)
	if os.Getenv("ANDROID_SERIAL") != "" {
		a.warn("ANDROID_SERIAL is not read; use -s or ZARYA_TARGET")
	}
	var bus *usb.Bus // read once, when something on USB is named
	names, err := loadNames()
	if err != nil {
		return nil, err
	}
	var list []target
	seen := map[string]string{}
	take := func(name string, resolved []target) error {
		for _, t := range resolved {
			at := t.String()
			if n, ok := t.(network); ok {
				at = n.address // by TCP and by UDP is the same tablet
			}
			if before, ok := seen[at]; ok {
				return problem.New(problem.Usage, "name each tablet once", "%s and %s are the same tablet", before, name)
			}
			seen[at] = name
			list = append(list, t)
		}
		return nil
	}
	if len(typed) == 0 {
		if bus, err = scanUSB(); err != nil {
			return nil, err
		}
		for _, d := range bus.Tablets() {
			list = append(list, socket{d.Port, names[d.Port.Path()]})
		}
		switch len(list) {
		case 0:
			return nil, problem.New(problem.NoDevice, "plug one in, or name targets with -s tcp:HOST[:PORT]", "no target, and no tablet on USB")
		case 1:
			return list, nil
		}
		return nil, problem.New(problem.Usage, "name targets with -s", "several tablets are plugged in: %s", joinTargets(list))
	}
	for _, name := range typed {
		kind, _, _ := strings.Cut(name, ":")
		if slices.Contains([]string{"tcp", "udp", "ssh"}, kind) && strings.Contains(name, ":") {
			n, err := parseTarget(name)
			if err == nil {
				err = take(name, []target{n})
			}
			if err != nil {
				return nil, err
			}
			continue
		}
		if bus == nil {
			if bus, err = scanUSB(); err != nil {
				return nil, err
			}
		}
		found, err := usbTargets(bus, names, name)
		if err == nil {
			err = take(name, found)
		}
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

func parseTarget(t string) (network, error) {
	proto, rest, _ := strings.Cut(t, ":")
	switch proto {
	case "tcp", "udp", "ssh":
	default:
		return network{}, problem.New(problem.Usage, "a network target begins with tcp:, udp: or ssh:", "target %q is not on the network", t)
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil { // no port
		host, port = strings.Trim(rest, "[]"), fastboot.DefaultPort
		if proto == "ssh" {
			port = "22"
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return network{}, problem.New(problem.Usage, "a port is a number from 1 to 65535", "target %q: %q is not a port", t, port)
	}
	_, notIP := netip.ParseAddr(host)
	if host == "" || notIP != nil && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return network{}, problem.New(problem.Usage, "write tcp:HOST[:PORT]", "target %q has no valid host", t)
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	return network{proto, net.JoinHostPort(strings.ToLower(host), port)}, nil
}

// session is one open client for the everyday verbs.
type session struct {
	*fastboot.Client
	target target
}

// answer is what one target said to an everyday verb.
type answer[T any] struct {
	Target string `json:"target"`
	Value  *T     `json:"value,omitempty"`
	Error  string `json:"error,omitempty"`
	Class  string `json:"class,omitempty"`
	Hint   string `json:"hint,omitempty"`
	result flash.JobDone
}

// fail makes an error the answer.
func (a *answer[T]) fail(step string, err error) {
	a.result.SetFailure(step, err)
	a.Value, a.Error, a.Class, a.Hint = nil, a.result.Error, string(a.result.Class), a.result.Hint
}

// each asks all targets at once; one target's failure is its own.
func each[T any](a *app, targets []target, ask func(context.Context, session) (T, error)) ([]answer[T], error) {
	trace, end, err := a.tracer()
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.untilSignal()
	defer cancel()
	answers := make([]answer[T], len(targets))
	done := make(chan struct{})
	for i, t := range targets {
		go func() {
			defer func() { done <- struct{}{} }()
			answers[i] = askOne(ctx, a, t, trace, ask)
		}()
	}
	for range targets {
		<-done
	}
	if err := end(); err != nil {
		return answers, problem.New(problem.Station, "give --trace a file on a disk with room", "--trace: %w", err)
	}
	return answers, nil
}

func askOne[T any](ctx context.Context, a *app, t target, trace *fastboot.Tracer, ask func(context.Context, session) (T, error)) answer[T] {
	out := answer[T]{Target: t.String(), result: flash.JobDone{Result: flash.Pass}}
	step := "connect"
	wire, err := flash.Open(ctx, t, a.wait)
	if err == nil {
		step = ""
		if trace != nil {
			wire = trace.Wrap(t.String(), wire)
		}
		c := fastboot.NewClient(wire, fastboot.Options{Line: func(line string) {
			if a.verbose {
				fmt.Fprintf(a.stderr, "%s: %s\n", t, line)
			}
		}})
		defer func() { _ = c.Close() }() // what it was asked is answered
		var v T
		if v, err = ask(ctx, session{c, t}); err == nil {
			out.Value = &v
		}
	}
	if err != nil {
		out.fail(step, err)
	}
	return out
}

// conclude prints the failures and gives the verb's error.
func conclude[T any](a *app, answers []answer[T]) error {
	var results []flash.JobDone
	for _, r := range answers {
		results = append(results, r.result)
		if r.Error != "" && !a.json {
			fmt.Fprintf(a.stderr, "zarya: %s: %s\n  → %s\n", r.Target, strings.TrimPrefix(r.Error, r.Target+": "), r.Hint)
		}
	}
	if code := exitOf(results); code != exitOK {
		return exitStatus(code)
	}
	return nil
}
