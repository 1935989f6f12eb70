// The steps on a tablet that is reached by something else than SSH: a second System whose
// sessions are Devices runs them all, and one whose sessions are not fails with words.

package provision

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// plainBooted is a session that offers no more than the engine needs.
type plainBooted struct{}

func (plainBooted) HostKey() string                        { return "SHA256:k" }
func (plainBooted) Serial(context.Context) (string, error) { return "SN1", nil }
func (plainBooted) Model(context.Context) (string, error)  { return "AGS3-L09", nil }
func (plainBooted) Boot(context.Context) (string, error)   { return "boot-1", nil }
func (plainBooted) Bootloader(context.Context) error       { return nil }
func (plainBooted) Close() error                           { return nil }

// memoryDevice is a booted tablet that is a few maps.
type memoryDevice struct {
	plainBooted
	files    map[string]*Content
	links    map[string]string
	programs map[string]Output                  // by their command line
	run      func(line string, d *memoryDevice) // what a program changes; nil: nothing
	fail     map[string]error                   // by the name of a method
	ran      []string
}

func (d *memoryDevice) Exec(_ context.Context, argv []string, _ bool, _ time.Duration) (Output, error) {
	line := strings.Join(argv, " ")
	d.ran = append(d.ran, line)
	if err := d.fail["Exec"]; err != nil {
		return Output{}, err
	}
	out, ok := d.programs[line]
	if !ok {
		return Output{Stderr: "not found", Status: 127}, nil
	}
	if d.run != nil {
		d.run(line, d)
	}
	return out, nil
}

func (d *memoryDevice) ReadFile(_ context.Context, name string, _ int64, _ bool) (*Content, error) {
	if err := d.fail["ReadFile"]; err != nil {
		return nil, err
	}
	if f := d.files[name]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (d *memoryDevice) WriteFile(_ context.Context, name string, data []byte, mode fs.FileMode, root bool) error {
	if err := d.fail["WriteFile"]; err != nil {
		return err
	}
	if d.fail["keep"] == nil { // else it says so, and does not keep what is written
		d.files[name] = &Content{data, mode, root}
	}
	return nil
}

func (d *memoryDevice) Upload(_ context.Context, name string, r io.Reader, _ int64) error {
	b, err := io.ReadAll(r)
	d.files[name] = &Content{Data: b, Mode: 0o600}
	return err
}

func (d *memoryDevice) Remove(_ context.Context, name string, _ bool) error {
	if d.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *memoryDevice) List(_ context.Context, name string) (names []string, err error) {
	for file := range d.files {
		if path.Dir(file)+"/" == name {
			names = append(names, path.Base(file))
		}
	}
	return names, nil
}

func (d *memoryDevice) Link(_ context.Context, target, name string) error {
	d.links[name] = target
	return nil
}

func (d *memoryDevice) ReadLink(_ context.Context, name string) (string, error) {
	if to, ok := d.links[name]; ok {
		return to, nil
	}
	return "", fs.ErrNotExist
}

func (d *memoryDevice) Exists(_ context.Context, name string, _ bool) (bool, error) {
	return d.files[name] != nil || d.links[name] != "", nil
}

// newDevice is a tablet with files, NAME to content, all root's and 0644.
func newDevice(files map[string]string) *memoryDevice {
	d := &memoryDevice{files: map[string]*Content{}, links: map[string]string{}, programs: map[string]Output{}, fail: map[string]error{}}
	for name, text := range files {
		d.files[name] = &Content{[]byte(text), 0o644, true}
	}
	return d
}

// oneSystem gives the same session each time.
type oneSystem struct{ booted flash.Booted }

func (s oneSystem) Port() int { return 1 }
func (s oneSystem) Open(_ context.Context, conn net.Conn, _ string) (flash.Booted, error) {
	return s.booted, conn.Close()
}

// greetingTarget greets as SSH does, for the engine to find a system there.
type greetingTarget struct{}

func (greetingTarget) Where() flash.Where { return flash.Where{PortName: "A1"} }
func (greetingTarget) Fastboot(context.Context) (fastboot.Transport, error) {
	return nil, io.ErrClosedPipe
}

func (greetingTarget) Dial(context.Context, int) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		_, _ = io.WriteString(far, "SSH-2.0-test\r\n") // its reader may go before the end
		_ = far.Close()
	}()
	return near, nil
}

// provision runs steps on a booted tablet, or only compares it with them.
func provision(t *testing.T, booted flash.Booted, check bool, steps ...flash.Step) (flash.JobDone, []flash.StepResult) {
	t.Helper()
	return runJob(t, flash.Job{Target: greetingTarget{}, System: oneSystem{booted}, Check: check, Steps: steps})
}

// runJob runs a job on a booted tablet, and returns its result and those of its steps.
func runJob(t *testing.T, job flash.Job) (flash.JobDone, []flash.StepResult) {
	t.Helper()
	job.ID, job.Scope = "1", flash.ScopeProvision
	var results []flash.StepResult
	events := flash.NewEvents("r", func(e flash.Event) {
		if d, ok := e.Body.(flash.StepDone); ok {
			results = append(results, d.Result)
		}
	})
	defer events.Close()
	done := flash.NewEngine(flash.EngineOptions{Events: events}).Run(t.Context(), []flash.Job{job})[0]
	events.Close()
	return done, results
}

// everyStep is one step of each kind, without those that end the way into the tablet.
func everyStep() map[string]flash.Step {
	lit := Literal
	return map[string]flash.Step{
		"hostname": Hostname(lit("kiosk-1")), "timezone": Timezone(lit("Europe/Moscow")),
		"clock": Clock(time.Minute), "locale": Locale(lit("ru_RU.UTF-8")),
		"file":       File(FileOptions{To: "/etc/a", Content: lit("a"), Mode: 0o640, Root: true}),
		"wifi":       (&WiFi{SSID: lit("net"), Label: "net", Security: "psk", Passphrase: lit("12345678")}).Step(),
		"ca":         CA([]Certificate{{Name: "x.pem", PEM: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")}}),
		"keys":       AuthorizedKeys("defaultuser", []Value{lit(testKey)}),
		"remove":     Remove("remove:files", []string{"/etc/gone"}),
		"remove key": RemoveKeys("defaultuser", []string{"gone"}),
		"package":    Install(Package{Name: "p", Version: "1", SHA256: strings.Repeat("0", 64)}),
		"dconf":      Dconf("/a/b", lit("true")), "unit": Unit("a.service", "enabled"),
		"bus":        Bus{Destination: "d", Path: "/p", Method: "m"}.Step(),
		"regenerate": Regenerate([]string{"machine-id"}), "wizard": Wizard("defaultuser"),
		"exec":   Exec{Argv: []Value{lit("/bin/true")}, Program: "/bin/true", Timeout: time.Minute}.Step(),
		"reboot": Reboot{Always: true}.Step(), "fact": Fact{Fact: "hostname", Is: lit("kiosk-1")}.Step(), "self": Self(),
		"digest": Digest{Partition: "boot", Size: 1, SHA256: "00"}.Step(), "stamp": Stamp("images\n"),
		"finish": Finish{Disable: [][]string{{"true"}}}.Step(),
	}
}

// testKey is a public key that nobody has the other half of.
const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f gone"

// TestAnotherSystem: a session that runs no programs is said to be one, by every step, and
// is no bug of ours.
func TestAnotherSystem(t *testing.T) {
	steps := everyStep()
	for _, name := range slices.Sorted(maps.Keys(steps)) {
		done, _ := provision(t, plainBooted{}, false, steps[name])
		if done.Class != flash.ClassProfile || !strings.Contains(done.Error, "runs no programs and moves no files") {
			t.Errorf("%s: %s: %s", name, done.Class, done.Error)
		}
	}
}
