// This file gives the rows of the board the labels of their targets, as short as tells them
// apart.

package ui

import (
	"net"
	"strings"
)

// shortLabels gives every row a name of at most n columns. Network targets lose
// first their protocol, then what they have in common: the host, or the port.
func shortLabels(rows []*row, n int) map[*row]string {
	hosts, ports := map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		host, port := hostPort(r.where.Label())
		hosts[host], ports[port] = true, true
	}
	labels := map[*row]string{}
	for _, r := range rows {
		label := printable(r.where.Label())
		host, port := hostPort(label)
		switch {
		case textWidth(label) <= n || host == "":
		case len(hosts) == 1:
			label = ":" + port
		case len(ports) == 1:
			label = host
		default:
			label = host + ":" + port
		}
		labels[r] = cutStart(label, n) // the end tells tablets apart
	}
	return labels
}

// hostPort takes tcp:HOST:PORT apart, and udp: and ssh: likewise; "" if it is no network
// target.
func hostPort(label string) (host, port string) {
	proto, address, _ := strings.Cut(label, ":")
	if proto != "tcp" && proto != "udp" && proto != "ssh" {
		return "", ""
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", ""
	}
	return host, port
}
