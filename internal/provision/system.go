// This file has the steps about the system: packages, its buses, units, what must be new
// on every tablet, the first-run wizard, a restart.

package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// sessionBus is the address of the login's own bus.
func (c tablet) sessionBus(ctx context.Context) (string, error) {
	out, err := c.do(ctx, commandID())
	if err != nil {
		return "", err
	}
	folder := "/run/user/" + strings.TrimSpace(out)
	for _, socket := range []string{folder + "/dbus/user_bus_socket", folder + "/bus"} {
		there, err := c.Exists(ctx, socket, false)
		if err != nil {
			return "", err
		}
		if there {
			return "unix:path=" + socket, nil
		}
	}
	return "", failf(flash.ClassDevice, "is the login the user of the screen, and is the system up?", "the login has no bus in %s", folder)
}

// Dconf is one key of the user's settings. The value is in GVariant's text form.
func Dconf(key string, value Value) flash.Step {
	return (&setting{
		name: "dconf:" + key, want: value.resolve,
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			bus, err := tabletOf(s).sessionBus(ctx)
			if err != nil {
				return "", err
			}
			out, err := tabletOf(s).do(ctx, commandDconfRead(bus, key))
			return strings.TrimSpace(out), err
		},
		set: func(ctx context.Context, s *flash.Session) error {
			bus, err := tabletOf(s).sessionBus(ctx)
			if err != nil {
				return err
			}
			v, err := value.resolve(ctx, s)
			if err != nil {
				return err
			}
			_, err = tabletOf(s).do(ctx, commandDconfWrite(bus, key, v))
			return err
		},
	}).Step()
}

// Bus is a call on one of the tablet's buses.
type Bus struct {
	Session                   bool // the login's own bus; otherwise the system's
	Destination, Path, Method string
	Args                      []Value // in GVariant's text form
	Is                        Value   // what the answer must be; nil: anything
	Root                      bool
	Changes                   bool // it changes the tablet
}

// Step is dbus:METHOD.
func (b Bus) Step() flash.Step {
	return flash.Step{Name: "dbus:" + b.Method, Needs: usb.Booted, Check: b.check, Run: b.run, Already: b.already}
}

// check makes the arguments.
func (b *Bus) check(ctx context.Context, s *flash.Session) ([]flash.Verdict, error) {
	_, _, err := b.made(ctx, s)
	return nil, later(err)
}

func (b *Bus) made(ctx context.Context, s *flash.Session) (args []string, is string, err error) {
	for _, a := range b.Args {
		v, err := a.resolve(ctx, s)
		if err != nil {
			return nil, "", err
		}
		args = append(args, v)
	}
	if b.Is != nil {
		is, err = b.Is.resolve(ctx, s)
	}
	return args, is, err
}

// already is true for a call that only asks, and is content.
func (b *Bus) already(ctx context.Context, s *flash.Session) (bool, error) {
	if b.Changes {
		return false, nil
	}
	err := b.call(ctx, s)
	var failure *flash.Failure
	if errors.As(err, &failure) && failure.Class == flash.ClassDevice {
		return false, nil
	}
	return err == nil, err
}

func (b *Bus) call(ctx context.Context, s *flash.Session) error {
	args, is, err := b.made(ctx, s)
	if err != nil {
		return err
	}
	bus := ""
	if b.Session {
		if bus, err = tabletOf(s).sessionBus(ctx); err != nil {
			return err
		}
	}
	out, err := tabletOf(s).do(ctx, commandBus(bus, b.Destination, b.Path, b.Method, args, b.Root))
	if got := strings.TrimSpace(out); err == nil && b.Is != nil && got != is {
		err = failf(flash.ClassDevice, "look at the tablet, and at the call in the profile",
			"%s answers %s, and must answer %s", b.Method, clean(got), is)
	}
	return err
}

// run calls it.
func (b *Bus) run(ctx context.Context, s *flash.Session) error {
	if err := b.call(ctx, s); err != nil {
		return err
	}
	s.Result(flash.StepAlready)
	if b.Changes {
		s.Result(flash.StepChanged)
	}
	return nil
}

// Unit brings a unit of systemd to a state: enabled, disabled, masked.
func Unit(unit, state string) flash.Step {
	verb := map[string]string{"enabled": "enable", "disabled": "disable", "masked": "mask"}[state]
	return (&setting{
		name: "unit:" + unit,
		want: func(context.Context, *flash.Session) (string, error) { return state, nil },
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			out, said, status, err := tabletOf(s).run(ctx, commandUnit("is-enabled", unit), commandTimeout)
			if err != nil {
				return "", err
			}
			switch now := clean(out); {
			case status == 127:
				return "", failf(flash.ClassProfile, "take units out of the profile, or an image that has systemd",
					"%s: the tablet has no systemctl", unit)
			case (now == "not-found" || now == "" && status != 0) && state != "masked":
				return "", failf(flash.ClassProfile, "correct the unit's name in the profile, or take the image that has it",
					"the tablet has no unit %s: %s", unit, cmp.Or(said, now))
			default:
				return now, nil
			}
		},
		set: func(ctx context.Context, s *flash.Session) error {
			if state != "masked" {
				if out, _, _, err := tabletOf(s).run(ctx, commandUnit("is-enabled", unit), commandTimeout); err != nil {
					return err
				} else if clean(out) == "masked" {
					if _, err := tabletOf(s).do(ctx, commandUnit("unmask", unit)); err != nil {
						return err
					}
				}
			}
			_, err := tabletOf(s).do(ctx, commandUnit(verb, unit))
			return err
		},
	}).Step()
}

// madePath is where it is kept what was made new on this tablet.
const madePath = "/var/lib/zarya/regenerated"

// made is what Regenerate made.
type made struct {
	MachineID string   `json:"machine_id,omitempty"`
	HostKeys  []string `json:"host_keys,omitempty"` // fingerprints, sorted
}

const (
	machineID = "/etc/machine-id"
	hostKeys  = "/etc/ssh/"
)

// Regenerate makes what every tablet must have for itself: machine-id, ssh-host-keys.
// Done once; what was made is kept on the tablet, and compared.
func Regenerate(what []string) flash.Step {
	id, keys := slices.Contains(what, "machine-id"), slices.Contains(what, "ssh-host-keys")
	state := func(ctx context.Context, c tablet) (now, was made, err error) {
		if id {
			if now.MachineID, err = c.fact(ctx, "machine-id"); err != nil {
				return now, was, err
			}
		}
		if keys {
			if now.HostKeys, err = c.hostKeys(ctx); err != nil {
				return now, was, err
			}
		}
		f, err := c.read(ctx, madePath, true)
		if errors.Is(err, errNoFile) {
			return now, was, nil
		}
		if err == nil {
			_ = json.Unmarshal(f.Data, &was) // a damaged one is none
		}
		return now, was, err
	}
	text := func(m made) string {
		b, _ := json.Marshal(m) // a struct of texts
		return string(b)
	}
	return (&setting{
		name: "regenerate",
		want: func(context.Context, *flash.Session) (string, error) { return "as made", nil },
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			now, was, err := state(ctx, tabletOf(s))
			if err != nil {
				return "", err
			}
			if id && (now.MachineID == "" || now.MachineID != was.MachineID) ||
				keys && (len(now.HostKeys) == 0 || !slices.Equal(now.HostKeys, was.HostKeys)) {
				return "not made here", nil
			}
			return "as made", nil
		},
		set: func(ctx context.Context, s *flash.Session) error {
			now, was, err := state(ctx, tabletOf(s))
			if err != nil {
				return err
			}
			if id && (now.MachineID == "" || now.MachineID != was.MachineID) {
				if now.MachineID, err = tabletOf(s).newMachineID(ctx); err != nil {
					return err
				}
			}
			renew := keys && (len(now.HostKeys) == 0 || !slices.Equal(now.HostKeys, was.HostKeys))
			if renew {
				if now.HostKeys, err = tabletOf(s).newHostKeys(ctx); err != nil {
					return err
				}
			}
			if err := tabletOf(s).WriteFile(ctx, madePath, []byte(text(now)), 0o644, true); err != nil {
				return err
			}
			if !renew {
				return nil
			}
			// A new login must meet a new key, and only one of these.
			s.Rekeyed(now.HostKeys)
			return s.Reopen(ctx)
		},
	}).Step()
}

func (c tablet) newMachineID(ctx context.Context) (string, error) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	// machine-id(5): a version 4 UUID without its dashes.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	id := hex.EncodeToString(b[:])
	return id, c.WriteFile(ctx, machineID, []byte(id+"\n"), 0o444, true)
}

// hostKeys are the fingerprints of the server's keys, sorted.
func (c tablet) hostKeys(ctx context.Context) ([]string, error) {
	names, err := c.List(ctx, hostKeys)
	if err != nil {
		return nil, err
	}
	var prints []string
	for _, name := range names {
		if !strings.HasPrefix(name, "ssh_host_") || !strings.HasSuffix(name, ".pub") {
			continue
		}
		f, err := c.read(ctx, hostKeys+name, false)
		if err != nil {
			return nil, err
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(f.Data)
		if err != nil {
			return nil, failf(flash.ClassDevice, "look at the tablet", "%s is no public key", hostKeys+name)
		}
		prints = append(prints, ssh.FingerprintSHA256(key))
	}
	slices.Sort(prints)
	return prints, nil
}

func (c tablet) newHostKeys(ctx context.Context) ([]string, error) {
	before, err := c.hostKeys(ctx)
	if err != nil {
		return nil, err
	}
	names, err := c.List(ctx, hostKeys)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "ssh_host_") {
			if err := c.Remove(ctx, hostKeys+name, true); err != nil {
				return nil, fmt.Errorf("%s: %w", hostKeys+name, err)
			}
		}
	}
	if _, err := c.do(ctx, commandKeygen()); err != nil {
		return nil, err
	}
	now, err := c.hostKeys(ctx)
	if err != nil {
		return nil, err
	}
	if len(now) == 0 || slices.ContainsFunc(now, func(p string) bool { return slices.Contains(before, p) }) {
		return nil, failf(flash.ClassDevice, "look at the tablet", "the system made no new host keys")
	}
	// A running server keeps its old ones until it is told; one that is started for each
	// login has no unit to tell.
	_, _, _, err = c.run(ctx, commandUnit("try-restart", "sshd.service"), commandTimeout)
	var failure *flash.Failure
	if errors.As(err, &failure) && failure.Class == flash.ClassCable {
		err = nil // it took our session with it
	}
	return now, err
}

// wizards are the files by which Sailfish and its kin know that the first-run wizard was
// gone through.
var wizards = []string{".jolla-startupwizard-done", ".jolla-startupwizard-usersession-done"}

// Wizard leaves out the first-run wizard of the login.
func Wizard(login string) flash.Step {
	var all []wanted
	for _, name := range wizards {
		all = append(all, wanted{path.Join(home(login), name), nil, 0o644, login == "root"})
	}
	return files("wizard", func(context.Context, *flash.Session) ([]wanted, error) { return all, nil }, nil).Step()
}

// Reboot restarts the system, and is followed by its coming back. Always does so even if
// this job has changed nothing.
type Reboot struct{ Always bool }

// Step is reboot. There is nothing to do while nothing was changed.
func (r Reboot) Step() flash.Step {
	return flash.Step{Name: "reboot", Needs: usb.Booted, Traits: flash.Traits{Reboots: true}, Run: r.run,
		Already: func(context.Context, *flash.Session) (bool, error) { return !r.Always, nil }}
}

// run sends it.
func (r *Reboot) run(ctx context.Context, s *flash.Session) error {
	if !r.Always && !s.Changed() {
		s.Result(flash.StepAlready)
		return nil
	}
	boot, err := tabletOf(s).Boot(ctx)
	if err != nil {
		return err
	}
	_, said, status, err := tabletOf(s).run(ctx, commandReboot(), commandTimeout)
	var failure *flash.Failure
	if errors.As(err, &failure) && failure.Class == flash.ClassCable {
		err = nil // it went before it answered
	} else if err == nil && status != 0 {
		err = refused("reboot", status, said)
	}
	if err == nil {
		s.Restarting(boot)
		s.Result(flash.StepChanged)
	}
	return err
}

func commandDconfRead(session, key string) command {
	return onBus(session, command{argv: []string{"dconf", "read", key}})
}

func commandDconfWrite(session, key, value string) command {
	return onBus(session, command{argv: []string{"dconf", "write", key, value}})
}

// commandUnit changes or asks a unit of systemd.
func commandUnit(verb, unit string) command {
	return command{argv: []string{"systemctl", verb, unit}, root: verb != "is-enabled" && verb != "is-active"}
}

// commandKeygen makes the host keys that are missing.
func commandKeygen() command { return command{argv: []string{"ssh-keygen", "-A"}, root: true} }

// commandReboot restarts the system.
func commandReboot() command { return command{argv: []string{"reboot"}, root: true} }

// commandID prints the number of the login.
func commandID() command { return command{argv: []string{"id", "-u"}} }
