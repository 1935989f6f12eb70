// What answers on the buses of the nested test's tablet: its features, its modem, and what
// the package manager of Aurora is to a host: asynchronous, and sometimes failing.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
)

// apmNode is what a caller can ask for; gdbus needs it to know the types.
const apmNode = `<node><interface name="ru.omp.APM">
<method name="Install"><arg direction="in" type="s"/><arg direction="in" type="a{sv}"/></method>
<method name="GetPackage"><arg direction="in" type="s"/><arg direction="out" type="a{sv}"/></method></interface>` +
	introspect.IntrospectDataString + `</node>`

// Install answers before it has happened.
func (t *insideTablet) Install(path string, _ map[string]dbus.Variant) *dbus.Error {
	if t.apmFails.Load() {
		return dbus.NewError("ru.omp.APM.Error.Busy", []any{"another package is being installed"})
	}
	b, err := os.ReadFile(path)
	name, version := []byte("ru.census.app\x00"), "3.2.1"
	if err != nil || !bytes.Contains(b, name) || !bytes.Contains(b, []byte(version+"\x00")) {
		return dbus.NewError("ru.omp.APM.Error.InvalidPackage", []any{path})
	}
	go func() {
		time.Sleep(time.Duration(100+10*t.number) * time.Millisecond) //nolint:forbidigo // that is how it is
		_ = put("/var/lib/rpmdb/ru.census.app", version, 0o644)
	}()
	return nil
}

// GetPackage knows what is installed.
func (t *insideTablet) GetPackage(name string) (map[string]dbus.Variant, *dbus.Error) {
	b, err := os.ReadFile(filepath.Join("/var/lib/rpmdb", filepath.Base(name)))
	if err != nil {
		return nil, dbus.NewError("ru.omp.APM.Error.PackageNotExist", []any{name})
	}
	return map[string]dbus.Variant{"id": dbus.MakeVariant(name), "version": dbus.MakeVariant(string(b))}, nil
}

type features struct{}

// GetDeviceModel is getDeviceModel on the bus.
func (features) GetDeviceModel() (string, *dbus.Error) { return "AGS3-L09", nil }

type modem struct {
	Path       dbus.ObjectPath
	Properties map[string]dbus.Variant
}

type ofono struct{}

// GetModems has one modem, whose serial is the IMEI.
func (ofono) GetModems() ([]modem, *dbus.Error) {
	b, _ := os.ReadFile("/etc/imei")
	return []modem{{"/ril_0", map[string]dbus.Variant{"Type": dbus.MakeVariant("hardware"), "Serial": dbus.MakeVariant(string(b))}}}, nil
}

// startBus starts a bus, which prints its address when it is there.
func startBus(config string, uid uint32) error {
	cmd := exec.Command("/usr/bin/dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile", "--print-address")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if uid != 0 {
		cmd.Env = []string{"HOME=/home/defaultuser", "XDG_RUNTIME_DIR=/run/user/100000", "PATH=/usr/local/bin:/bin:/usr/bin"}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return err
}

func (t *insideTablet) buses() error {
	own := filepath.Walk("/run/user/100000", func(p string, _ os.FileInfo, err error) error {
		return errors.Join(err, os.Chown(p, nestedUser, nestedUser))
	})
	if err := errors.Join(own, os.Chmod("/run/user/100000", 0o700)); err != nil {
		return err
	}
	if err := startBus("/etc/dbus.conf", 0); err != nil {
		return err
	}
	if err := startBus("/etc/session.conf", nestedUser); err != nil {
		return err
	}
	c, err := dbus.Connect("unix:path=/run/dbus/system_bus_socket")
	if err != nil {
		return err
	}
	t.system = c
	err = errors.Join(c.Export(t, "/ru/omp/APM", "ru.omp.APM"),
		c.Export(introspect.Introspectable(apmNode), "/ru/omp/APM", "org.freedesktop.DBus.Introspectable"),
		c.ExportWithMap(features{}, map[string]string{"GetDeviceModel": "getDeviceModel"},
			"/ru/omp/deviceinfo/Features", "ru.omp.deviceinfo.Features"),
		c.Export(ofono{}, "/", "org.ofono.Manager"))
	for _, name := range []string{"ru.omp.APM", "ru.omp.deviceinfo", "org.ofono"} {
		_, rerr := c.RequestName(name, dbus.NameFlagDoNotQueue)
		err = errors.Join(err, rerr)
	}
	return err
}
