// This file is the services of the system bus.

package system

import (
	"strings"
	"time"
)

// callBus answers the services of the system bus.
func (s *System) callBus(ch output, dest, method string, args []string) (status int, known bool) {
	refuse := func(name, words string) (int, bool) {
		say(ch.Stderr(), "Error: GDBus.Error:%s: %s\n", name, words)
		return 1, true
	}
	switch dest + " " + method {
	case "ru.omp.deviceinfo ru.omp.deviceinfo.Features.getDeviceModel":
		say(ch, "('%s',)\n", s.device.Config.Family.Product)
		return 0, true
	case "org.ofono org.ofono.Manager.GetModems":
		say(ch, "([(objectpath '/ril_0', {'Manufacturer': <'Fake Manufacturer'>, 'Serial': <'%s'>, 'Type': <'hardware'>})],)\n", s.imei())
		return 0, true
	case "ru.omp.APM ru.omp.APM.Install":
		if len(args) != 2 {
			return refuse("org.freedesktop.DBus.Error.InvalidArgs", "PATH and options")
		}
		if _, err := s.root.ReadFile(args[0]); err != nil {
			return refuse("ru.omp.APM.Error.FileNotExist", args[0])
		}
		name, _, err := s.parsePackage(args[0])
		if err != nil {
			return refuse("ru.omp.APM.Error.InvalidPackage", err.Error())
		}
		// Asked for now, there in a moment.
		s.mu.Lock()
		s.installing = append(s.installing, installing{name, args[0], time.Now().Add(installTime)})
		s.mu.Unlock()
		say(ch, "()\n")
		return 0, true
	case "ru.omp.APM ru.omp.APM.GetPackage":
		if len(args) != 1 {
			return refuse("org.freedesktop.DBus.Error.InvalidArgs", "NAME")
		}
		s.installDue()
		version, ok := s.readTable(rpmDatabase)[args[0]]
		if !ok {
			return refuse("ru.omp.APM.Error.PackageNotExist", args[0])
		}
		say(ch, "({'id': <'%s'>, 'version': <'%s'>},)\n", args[0], version)
		return 0, true
	case "org.freedesktop.DBus org.freedesktop.DBus.GetId":
		say(ch, "('%s',)\n", strings.Repeat("0f", 16))
		return 0, true
	}
	return refuse("org.freedesktop.DBus.Error.ServiceUnknown", "The name "+dest+" was not provided by any .service files")
}
