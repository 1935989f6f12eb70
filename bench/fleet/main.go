// Fleet simulates a programme of tablets in virtual time: stations with their buses, ports and
// operators, failures, lines that are down for a week, and what all of them ask of the database
// and of the registry. It never sleeps and reads no clock; one seed gives one answer.
//
// What is measured is a flag whose default says where the figure comes from. What breaks first
// at a size, and what is done then, is said at the end of each table.
//
//	go run ./bench/fleet            the tables of docs/scale.md
//	go run ./bench/fleet -tablets 1000000 -stations 90
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

// Rates are what a programme is reckoned with.
type Rates struct {
	// Of the bench.
	Buses, Ports int // a station: buses, ports on each
	Wire         int // bytes a second of a bus
	Image        int // bytes that are sent to a tablet
	After        int // seconds that a tablet boots, is provisioned and checked, at least
	Swap         int // seconds an operator needs to exchange a tablet, the fastest
	Bench, Own   int // jobs of 1,000 that fail for reasons of the bench, of the tablet
	Shift        int // hours a day

	// Of the programme.
	Site    int // stations a site
	Outages int // sites of 100 whose line is down for a week, once
	Ahead   int // identities that a station has at most
	Release int // working days from one bundle to the next
	Bundle  int // bytes of a bundle
	Changed int // of 100 bytes of a bundle, what a release changes

	// Of the servers.
	Append, Lease, Read int // entries a second in, leases a second, entries a second out
	Connections         int // of the server
	Row                 int // bytes of an entry in the database with its index
	Line, SiteLine      int // bytes a second out of the office, into a site
	Disk                int // bytes that one server is given
}

func flags(f *flag.FlagSet, r *Rates) {
	f.IntVar(&r.Buses, "buses", 2, "buses a station")
	f.IntVar(&r.Ports, "ports", 8, "ports a bus")
	f.IntVar(&r.Wire, "wire", 38_000_000, "bytes a second of a bus (USB 2; docs/performance.md)")
	f.IntVar(&r.Image, "image", 4_000_000_000, "bytes that are sent to a tablet (assumed)")
	f.IntVar(&r.After, "after", 150, "seconds that a tablet boots and is provisioned, at least; at most twice that (assumed)")
	f.IntVar(&r.Swap, "swap", 25, "seconds to exchange a tablet, of the fastest operator; the slowest needs twice that (assumed)")
	f.IntVar(&r.Bench, "bench", 25, "jobs of 1,000 that fail for reasons of the bench (assumed)")
	f.IntVar(&r.Own, "own", 10, "jobs of 1,000 that fail for reasons of the tablet (assumed)")
	f.IntVar(&r.Shift, "shift", 8, "hours of work a day")
	f.IntVar(&r.Site, "site", 10, "stations a site (assumed)")
	f.IntVar(&r.Outages, "outages", 25, "sites of 100 whose line is down for a week, once (assumed)")
	f.IntVar(&r.Ahead, "ahead", 1000, "identities that a station has ahead at most")
	f.IntVar(&r.Release, "release", 10, "working days from one bundle to the next (assumed)")
	f.IntVar(&r.Bundle, "bundle", 5_000_000_000, "bytes of a bundle (assumed)")
	f.IntVar(&r.Changed, "changed", 30, "percent of a bundle that a release changes (assumed)")
	f.IntVar(&r.Append, "append", 13_450, "entries a second into the database (go test ./internal/fleet/outbox -bench Forwarding)")
	f.IntVar(&r.Lease, "lease", 2_500, "ranges of identities leased a second (measured for decision 27)")
	f.IntVar(&r.Read, "read", 39_500, "entries a second out of it into a report (go test ./internal/fleet/jobs -bench Report)")
	f.IntVar(&r.Connections, "connections", 100, "connections of the server (PostgreSQL's default)")
	f.IntVar(&r.Row, "row", 410, "bytes of an entry in the database, its index included (go test ./internal/fleet/jobs -bench Report)")
	f.IntVar(&r.Line, "line", 125_000_000, "bytes a second out of the registry (1 Gbit/s)")
	f.IntVar(&r.SiteLine, "site-line", 12_500_000, "bytes a second into a site (100 Mbit/s)")
	f.IntVar(&r.Disk, "disk", 200_000_000_000, "bytes of disk that are given to the database (assumed)")
}

// sizes are the programmes of docs/scale.md.
var sizes = []struct{ tablets, stations int }{{360_000, 40}, {3_600_000, 400}, {36_000_000, 4_000}}

// table simulates one programme and writes what came of it.
func table(out io.Writer, tablets, stations int, seed uint64, r Rates) {
	print(out, simulate(tablets, stations, seed, r), r)
}

func main() {
	var r Rates
	flags(flag.CommandLine, &r)
	tablets := flag.Int("tablets", 0, "how many tablets; 0: the programmes of docs/scale.md")
	stations := flag.Int("stations", 40, "with -tablets: at how many stations")
	seed := flag.Uint64("seed", 1, "of all chance")
	flag.Parse()
	if *tablets > 0 {
		if *stations < 1 || *stations > *tablets {
			fmt.Fprintln(os.Stderr, "from one station to one a tablet")
			os.Exit(2)
		}
		table(os.Stdout, *tablets, *stations, *seed, r)
		return
	}
	for i, size := range sizes {
		if i > 0 {
			fmt.Println()
		}
		table(os.Stdout, size.tablets, size.stations, *seed, r)
	}
}
