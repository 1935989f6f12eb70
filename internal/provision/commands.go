// This file is what commands are, and those that several steps share. A command is a list of
// words; what makes a line of them is the Device's. Each is made by a function whose name begins
// with command, here or beside the step that alone runs it.

package provision

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

// commandExec is a profile's own.
func commandExec(argv []string, root bool) command { return command{argv, root} }
