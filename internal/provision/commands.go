// This file is the closed table of commands that are run on a tablet. A command is a list of
// words; what makes a line of them is the Device's.

package provision

import (
	"strconv"
	"time"
)

// command is one program with its arguments.
type command struct {
	argv []string
	root bool
}

// systemBus calls a method on the system bus with arguments in GVariant's text form.
func systemBus(dest, object, method string, args ...string) command {
	return command{argv: append([]string{"gdbus", "call", "--system", "--dest", dest, "--object-path", object, "--method", method}, args...)}
}

// commandBus is a call of the profile's own; session is the address of the login's bus.
func commandBus(session, dest, object, method string, args []string, root bool) command {
	c := systemBus(dest, object, method, args...)
	c.root = root
	if session != "" {
		c.argv[2] = "--session"
		c = onBus(session, c)
	}
	return c
}

// onBus gives a command the login's bus.
func onBus(session string, c command) command {
	c.argv = append([]string{"env", "DBUS_SESSION_BUS_ADDRESS=" + session}, c.argv...)
	return c
}

// The package manager of Aurora (ru.omp.APM, as aurora-cli uses it): Install is answered
// before it has happened.
func commandInstall(path string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.Install", path, "{}")
}

func commandInstalled(name string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.GetPackage", name)
}

// commandPkcon installs where there is no ru.omp.APM.
func commandPkcon(path string) command {
	return command{argv: []string{"pkcon", "-y", "install-local", path}, root: true}
}

// commandVersion prints the version of an installed package.
func commandVersion(name string) command {
	return command{argv: []string{"rpm", "-q", "--qf", "%{VERSION}", name}}
}

// commandSum prints the SHA-256 of a file.
func commandSum(path string) command { return command{argv: []string{"sha256sum", path}} }

// commandModem lists the modems with their properties (ofono; Serial is the IMEI).
func commandModem() command {
	return systemBus("org.ofono", "/", "org.ofono.Manager.GetModems")
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

// commandTrust takes new certificates in.
func commandTrust() command { return command{argv: []string{"update-ca-trust"}, root: true} }

// commandKeygen makes the host keys that are missing.
func commandKeygen() command { return command{argv: []string{"ssh-keygen", "-A"}, root: true} }

// commandReboot restarts the system.
func commandReboot() command { return command{argv: []string{"reboot"}, root: true} }

// commandPower turns the tablet off after some whole seconds, when nobody is logged in
// any more.
func commandPower(after time.Duration) command {
	return command{argv: []string{"systemd-run", "--on-active=" + strconv.Itoa(int(after.Seconds())), "systemctl", "poweroff"}, root: true}
}

// commandID prints the number of the login.
func commandID() command { return command{argv: []string{"id", "-u"}} }

// commandModel asks the system which device it runs on (Aurora's device information
// service; prints ('MODEL',)).
func commandModel() command {
	return command{argv: []string{"gdbus", "call", "--system", "--dest", "ru.omp.deviceinfo",
		"--object-path", "/ru/omp/deviceinfo/Features", "--method", "ru.omp.deviceinfo.Features.getDeviceModel"}}
}

// commandDigest prints the SHA-256 of the first n bytes of a partition.
func commandDigest(partition string, n int64) command {
	return command{root: true, argv: []string{"sh", "-c", `head -c "$1" "$2" | sha256sum`, "sh",
		strconv.FormatInt(n, 10), "/dev/disk/by-partlabel/" + partition}}
}

// commandExec is a profile's own.
func commandExec(argv []string, root bool) command { return command{argv, root} }
