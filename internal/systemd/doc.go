// Package systemd tells the service manager how this process is, and keeps the machine
// awake while it works.
//
//   - [Notifier] speaks sd_notify(3): ready, reloading, stopping, a line of status, and
//     signs of life ([Notifier.Watchdog]).
//   - [Awake] holds an inhibitor of logind, so that a machine that was left alone does not
//     suspend while tablets are written.
//
// Where there is no service manager and no bus, everything goes on without them.
package systemd
