// The real parts of a booted tablet, sixteen times: OpenSSH, busybox, SFTP, D-Bus, dconf,
// each in its own mount, process, name and network namespaces with its own root folder,
// all with the same address. The client is in a namespace with no route out, so nothing
// of this machine is changed or reached. nested_tablet_test.go is the tablet's side.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/profiles"
)

// nestedTablets is how many there are: sixteen, or what ZARYA_TEST_NESTED_COUNT says, at
// least eight.
func nestedTablets() int {
	n, _ := strconv.Atoi(os.Getenv("ZARYA_TEST_NESTED_COUNT"))
	if n < 8 {
		n = 16
	}
	return n
}

const (
	nestedEnv   = "ZARYA_TEST_NESTED" // set inside the client's namespaces
	nestedFlags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
)

// TestNested runs TestNestedInside in namespaces of its own; where the kernel refuses
// them, in the rig's guest.
func TestNested(t *testing.T) {
	if os.Getenv(nestedEnv) != "" {
		return // we are inside
	}
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^TestNestedInside$", "-test.v", "-test.timeout=28m")
	cmd.Env = append(os.Environ(), nestedEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: nestedFlags, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		cmd = exec.Command("scripts/rig.sh", "scripts/rig-nested.sh")
		cmd.Dir = "../.."
		out, err = cmd.CombinedOutput()
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestNestedInside")) {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "measured:") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sh(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

const nestedProfile = `zarya: 1
name: nested
tablet: {models: [AGS3-L09]}
identity: {pool: census, columns: [inventory, hostname, eap_user, eap_password]}
ssh: {user: defaultuser, password: "{{ secret.login }}", root: devel-su, root-password: "{{ secret.root }}"}
provision:
  - regenerate: [machine-id, ssh-host-keys]
  - hostname: "{{ identity.hostname }}"
  - timezone: Europe/Moscow
  - locale: ru_RU.UTF-8
  - ca: [certs/root.pem]
  - wifi: {ssid: CENSUS, security: ieee8021x, user: "{{ identity.eap_user }}", password: "{{ identity.eap_password }}", ca: certs/root.pem}
  - file: {content: "{{ identity.inventory }} {{ fact.os-release.VERSION_ID }}\n", to: /etc/census/kiosk.conf, mode: "0640"}
  - file: {from: big.bin, to: /home/defaultuser/big.bin}
  - packages: [{rpm: app.rpm, name: ru.census.app, version: "3.2.1"}]
  - dconf: {/apps/kiosk/enabled: true, /apps/kiosk/url: "https://census.example/{{ tablet.serial }}", /apps/kiosk/level: 3}
  - dbus: {destination: org.freedesktop.DBus, object: /org/freedesktop/DBus, method: org.freedesktop.DBus.GetId, changes: never}
  - dbus: {bus: session, destination: org.freedesktop.DBus, object: /org/freedesktop/DBus, method: org.freedesktop.DBus.NameHasOwner,
      args: ["org.freedesktop.DBus"], is: "(true,)", changes: never}
  - units: {enable: [census-agent.service], mask: [debug-shell.service]}
  - authorized-keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBpNkmVBgRYGGkDl2h3QkFbJkQ5sRyCrc7OaJmg0N1iF owner"]
  - wizard: done
  - reboot: if-changed
  - exec: {argv: [/usr/local/bin/selftest, --quick, "it's $HOME"], changes: never}
checks:
  - {fact: os-release.ID, is: auroraos}
  - {fact: machine-id, unique: ledger}
  - {fact: wifi-mac, unique: ledger, is-not: "00:00:00:00:00:00"}
  - {fact: imei, valid: luhn, unique: ledger}
  - {fact: hostname, is: "{{ identity.hostname }}"}
  - {fact: battery, min: 30}
  - {fact: storage, min: 1000000}
`

// TestNestedInside is the test; outside of the namespaces it does nothing, and TestNested
// fails if it is not run inside.
func TestNestedInside(t *testing.T) {
	if os.Getenv(nestedEnv) == "" {
		return
	}
	t.Setenv("ZARYA_SECRET_LOGIN", "aurora-login")
	t.Setenv("ZARYA_SECRET_ROOT", "aurora-root")
	n := startNest(t, nestedTablets())
	t.Setenv("ZARYA_AGE_KEY", filepath.Join(n.dir, "age.key"))
	t.Setenv("XDG_CONFIG_HOME", n.dir)
	sh(t, "age-keygen", "-o", filepath.Join(n.dir, "age.key"))
	must(t, os.Mkdir(filepath.Join(n.dir, "certs"), 0o755))
	sh(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-keyout", "/dev/null", "-out", filepath.Join(n.dir, "certs/root.pem"), "-subj", "/CN=root", "-days", "3650")
	n.write("app.rpm", string(rpmFile("ru.census.app", "3.2.1")))
	n.write("big.bin", strings.Repeat("0123456789abcdef", 64<<10))
	rows := "inventory,hostname,eap_user,eap_password\n"
	for i := range nestedTablets() + 4 {
		rows += fmt.Sprintf("C-%03d,census-%03d,user-%d,canary-%d-password\n", i, i, i, i)
	}
	file := n.write("list.csv", rows)
	table, err := pool.ReadTable(file)
	must(t, err)
	list, err := pool.RowsOf(file, table, pool.Declaration{Key: "inventory"}, nil, profiles.SecretColumn)
	must(t, err)
	l, err := ledger.Open(t.Context(), filepath.Join(n.dir, "ledger.db"), "nest")
	must(t, err)
	_, err = pool.Import(l, "census", list, pool.Declaration{Key: "inventory"}, (&machine.Machine{}).Key())
	must(t, errors.Join(err, l.Close()))
	profile := n.write("nested.yaml", nestedProfile)
	all := make([]cable, nestedTablets())
	for i := range all {
		all[i].name = fmt.Sprintf("t%d", i)
	}

	// One alone, then all: one has a package manager that fails, one loses its
	// connection in the middle of the big file.
	results, told, alone := n.provision(profile, all[0])
	if results[0].Result != flash.Pass {
		t.Fatalf("%+v\n%s\n%s", results[0], told, n.tablets[0].said.String())
	}
	n.tell(5, "apm-fails")
	all[7].cut = 400_000
	results, told, together := n.provision(profile, all[1:]...)
	for i, r := range results {
		switch tablet := i + 1; {
		case tablet == 5:
			if r.Result != flash.Fail || r.Class != flash.ClassDevice || !strings.Contains(r.Error, "ru.omp.APM.Error.Busy") {
				t.Errorf("tablet 5, whose package manager fails: %+v", r)
			}
		case r.Result != flash.Pass || tablet == 7 && r.Retries == 0:
			t.Errorf("tablet %d: %+v\n%s", tablet, r, n.tablets[tablet].said.String())
		}
	}
	if strings.Contains(told, "canary-") || strings.Contains(told, "aurora-login") || strings.Contains(told, "aurora-root") {
		t.Error("a secret is in the events")
	}
	t.Logf("measured: one tablet in %v, %d in %v; the client's own time on a CPU so far %v of %v",
		alone, len(all)-1, together, cpuTime(), alone+together)

	// Again: nothing changes. The one that failed is done now, with the same identity.
	n.tell(5, "apm-works")
	all[7].cut = 0
	results, told, again := n.provision(profile, all...)
	for i, r := range results {
		want := flash.Compliant
		if i == 5 {
			want = flash.Pass
		}
		if r.Result != want {
			t.Errorf("again, tablet %d: %+v", i, r)
		}
		if r.Inventory == "" {
			t.Errorf("tablet %d has no inventory number", i)
		}
	}
	if strings.Count(told, `"result":"changed"`) > 10 {
		t.Error("the second run changes things")
	}
	t.Logf("measured: %d again in %v", len(all), again)
	n.holds()

	n.trouble()
}

// cpuTime is what this process has had of a CPU.
func cpuTime() time.Duration {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // never fails with these
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
