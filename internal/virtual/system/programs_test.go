// The programs that provisioning runs, as a host sees them.

package system_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/system/systemtest"
)

// TestPrograms runs what provisioning runs, in this order on one tablet.
func TestPrograms(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	put(t, b.files(t, false), "/tmp/app.rpm", systemtest.RPM("ru.app", "1.2"))
	put(t, b.files(t, false), "/tmp/bad.rpm", []byte("no package at all"))
	put(t, b.files(t, false), "/tmp/cut.rpm", systemtest.RPM("ru.app", "1.2")[:120])
	root := b.files(t, true)
	if err := errors.Join(root.MkdirAll("/etc/pki/ca-trust/source/anchors"), root.MkdirAll("/usr/lib/systemd/system")); err != nil {
		t.Fatal(err)
	}
	put(t, root, "/etc/pki/ca-trust/source/anchors/a.crt", []byte("A"))
	put(t, root, "/etc/pki/ca-trust/source/anchors/b.crt", []byte("B"))
	put(t, root, "/usr/lib/systemd/system/app.service", []byte("[Unit]\n"))
	bus := "gdbus call --system --dest "
	apm := bus + "ru.omp.APM --object-path /ru/omp/APM --method ru.omp.APM."
	login := "env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/100000/dbus/user_bus_socket "
	for _, test := range []struct{ line, want string }{
		{"id -u", "100000\n"},
		{"# id -u", "0\n"},
		{"id -un", "sh: id: command not found\n!127"},
		{"sha256sum /tmp/bad.rpm", fmt.Sprintf("%x  /tmp/bad.rpm\n", sha256.Sum256([]byte("no package at all")))},
		{"sha256sum /none", "sha256sum: /none: file does not exist\n!1"},
		{"cat /tmp/bad.rpm", "no package at all"},
		{"date -u -s @1800000000", "date: cannot set date: Operation not permitted\n!1"},
		{"# date -u -s @noon", "date: invalid date '@noon'\n!1"},
		{"# date -u -s 1800000000", "date: -u -s 1800000000\n!1"},
		{"# date -u -s @1800000000", ""},
		{"hwclock -w -u", "hwclock: permission denied\n!1"},
		{"# hwclock -w -u", ""},
		{"cat /none", "cat: /none: file does not exist\n!1"},
		{"devel-su", "sh: devel-su: command not found\n!127"},
		{"''", "sh: : command not found\n!127"},

		{"rpm -q --qf %{VERSION} ru.app", "sh: syntax error near '%'\n!2"},
		{"rpm -q --qf '%{VERSION}' ru.app", "package ru.app is not installed\n!1"},
		{"pkcon -y install-local /tmp/app.rpm", "pkcon: permission denied\n!1"},
		{"# pkcon -y install-local /tmp/bad.rpm", "/tmp/bad.rpm is no package\n!1"},
		{"# pkcon -y install-local /tmp/cut.rpm", "/tmp/cut.rpm is no package\n!1"},
		{"# pkcon -y install-local /tmp/none.rpm", "file does not exist\n!1"},
		{"# pkcon -y install-local /tmp/app.rpm", ""},
		{"rpm -q --qf '%{VERSION}' ru.app", "1.2"},
		{apm + "GetPackage ru.app", "({'id': <'ru.app'>, 'version': <'1.2'>},)\n"},
		{apm + "GetPackage ru.none", "Error: GDBus.Error:ru.omp.APM.Error.PackageNotExist: ru.none\n!1"},
		{apm + "GetPackage", "Error: GDBus.Error:org.freedesktop.DBus.Error.InvalidArgs: NAME\n!1"},
		{apm + "Install /tmp/app.rpm", "Error: GDBus.Error:org.freedesktop.DBus.Error.InvalidArgs: PATH and options\n!1"},
		{apm + "Install /tmp/none.rpm '{}'", "Error: GDBus.Error:ru.omp.APM.Error.FileNotExist: /tmp/none.rpm\n!1"},
		{apm + "Install /tmp/bad.rpm '{}'", "Error: GDBus.Error:ru.omp.APM.Error.InvalidPackage: /tmp/bad.rpm is no package\n!1"},
		{bus + "org.none --object-path / --method org.none.Do",
			"Error: GDBus.Error:org.freedesktop.DBus.Error.ServiceUnknown: The name org.none was not provided by any .service files\n!1"},
		{bus + "ru.omp.deviceinfo --object-path / --method ru.omp.deviceinfo.Features.getDeviceModel", "('AGS3-L09',)\n"},
		{bus + "org.freedesktop.DBus --object-path / --method org.freedesktop.DBus.GetId", "('0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f',)\n"},

		{login + "dconf read /a/b", ""},
		{login + "dconf write /a/b \\''text'\\'", ""},
		{login + "dconf read /a/b", "'text'\n"},
		{"dconf reset /a/b", "error: dconf reset\n!1"},

		{"# update-ca-trust", ""},
		{"update-ca-trust", "update-ca-trust: permission denied\n!1"},
		{"sha256sum /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
			fmt.Sprintf("%x  /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem\n", sha256.Sum256([]byte("A\nB\n")))},
		{"# ssh-keygen -A", ""},

		{"systemctl is-enabled app.service", "disabled\n!1"},
		{"systemctl is-enabled none.service", "Failed to get unit file state for none.service: No such file or directory\n!1"},
		{"systemctl enable app.service", "Access denied\n!1"},
		{"# systemctl enable app.service", ""},
		{"systemctl is-enabled app.service", "enabled\n"},
		{"# systemctl disable app.service", ""},
		{"# systemctl mask app.service none.service", ""},
		{"systemctl is-enabled app.service", "masked\n!1"},
		{"# systemctl enable app.service", "Failed to enable unit: Unit file app.service is masked.\n!1"},
		{"# systemctl unmask app.service", ""},
		{"systemctl is-enabled app.service", "disabled\n!1"},
		{"# systemctl try-restart app.service", ""},
		{"# systemctl dance app.service", "Unknown command verb dance.\n!1"},
		{"systemctl is-enabled sshd.service", "enabled\n"},

		{"poweroff", "poweroff: permission denied\n!1"},
		{"# reboot recovery", "!1"},
		{"# systemd-run --on-active=soon systemctl poweroff", "systemd-run: strconv.Atoi: parsing \"soon\": invalid syntax\n!1"},
		{`# sh -c 'head -c "$1" "$2" | sha256sum' sh x /dev/disk/by-partlabel/boot`,
			"head: cannot open '/dev/disk/by-partlabel/boot' for reading\n!1"},
		{`sh -c 'head -c "$1" "$2" | sha256sum' sh 1 /dev/disk/by-partlabel/boot`,
			"head: cannot open '/dev/disk/by-partlabel/boot' for reading\n!1"},
		{`# sh -c 'head -c "$1" "$2" | sha256sum' sh 1 /dev/disk/by-partlabel/boot`, fmt.Sprintf("%x  -\n", sha256.Sum256([]byte{0}))},
	} {
		if got := b.run(t, test.line); got != test.want {
			t.Errorf("%s: %q, not %q", test.line, got, test.want)
		}
	}
	// APM answers before the package is there.
	put(t, b.files(t, false), "/tmp/app.rpm", systemtest.RPM("ru.app", "1.3"))
	if got := b.run(t, apm+"Install /tmp/app.rpm '{}'"); got != "()\n" {
		t.Errorf("install: %q", got)
	}
	for deadline := time.Now().Add(10 * time.Minute); b.run(t, apm+"GetPackage ru.app") != "({'id': <'ru.app'>, 'version': <'1.3'>},)\n"; {
		if time.Now().After(deadline) { // only against a hang
			t.Fatal("the package is not installed")
		}
	}
	if got := b.run(t, bus+"org.ofono --object-path / --method org.ofono.Manager.GetModems"); !strings.Contains(got, "'Serial': <'35") {
		t.Errorf("modems: %q", got)
	}
}
