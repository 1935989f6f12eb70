// This file prints the result of a programme, which limits it exceeds, and what to do about them.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// limit is something that has an end: how much of it is used, in percent.
type limit struct {
	what string
	used int64
	now  string // what that is, in figures
	then string // what is done
}

func percent(of, whole int64) int64 { return (of*100 + whole/2) / whole }

// limits are all of a programme; a hundred percent breaks.
func limits(m Made, r Rates) []limit {
	size := m.Entries * int64(r.Row)
	all := int64(m.Stations) * int64(r.Bundle)
	perSite := int64(min(r.Site, m.Stations)) * int64(r.Bundle)
	const night, workday = 10 * 3600, 8 * 3600
	return []limit{
		{"connections", percent(int64(m.Stations), int64(r.Connections)), fmt.Sprintf("%s stations, one each", number(int64(m.Stations))),
			"pgbouncer, then one connection per site"},
		{"the registry's line, a whole bundle per night", percent(all/int64(r.Line), night), hours(all / int64(r.Line)),
			"one mirror per site: " + hours(int64(m.Sites)*int64(r.Bundle)/int64(r.Line))},
		{"a site's line, the same", percent(perSite/int64(r.SiteLine), night), hours(perSite / int64(r.SiteLine)),
			"one mirror per site: " + hours(int64(r.Bundle)/int64(r.SiteLine))},
		{"disk of the database", percent(size, int64(r.Disk)), bytes(size), "remove old months (docs/fleet.md)"},
		{"a report over everything per working day", percent(m.Entries/int64(r.Read), workday), hours(m.Entries / int64(r.Read)),
			"reports over a shorter time, from a standby"},
		{"appending, in the busiest minute", percent(m.PeakAppend, int64(r.Append)*minute),
			fmt.Sprintf("%s entries/s, %s s late", number(m.PeakAppend/minute), number(m.Late)), "one database per region; no station has to wait"},
		{"leasing, in the busiest minute", percent(m.PeakLease, int64(r.Lease)*minute), fmt.Sprintf("%s leases", number(m.PeakLease)),
			"lease more identities at a time"},
	}
}

func print(out io.Writer, m Made, r Rates) {
	row := func(what string, format string, args ...any) {
		fmt.Fprintf(out, "| %s | %s |\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "| %s tablets | %s stations at %s sites |\n|---|---|\n",
		number(int64(m.Tablets)), number(int64(m.Stations)), number(int64(m.Sites)))
	row("days until the last tablet", "%d; %d hours a day, five days a week", m.Days, r.Shift)
	row("jobs, scrap", "%s, %s", number(m.Jobs), number(m.Scrap))
	row("busy", "operators %d %%, buses %d %%", m.OfOperators, m.OfBuses)
	row("entries", "%s, %s in the database", number(m.Entries), bytes(m.Entries*int64(r.Row)))
	row("leases of identities", "%s", number(m.Leases))
	row("outages of a week", "%d; the station with the most waiting entries then had %s, sent in %s s", m.Outages, number(m.Backlog),
		number(m.Backlog*20/int64(r.Append)+1))
	row("idle for lack of identities", "%s station hours; %s identities in stock last %d hours", number(m.Stood), number(int64(r.Ahead)),
		int64(r.Ahead)*int64(m.Days*5/7*r.Shift+1)*int64(m.Stations)/int64(m.Tablets))
	changed := int64(r.Bundle) / 100 * int64(r.Changed)
	releases := int64(max(0, (m.Days*5/7-1)/r.Release))
	row("from the registry", "%s, with mirrors %s", bytes(int64(m.Stations)*(int64(r.Bundle)+releases*changed)),
		bytes(int64(m.Sites)*(int64(r.Bundle)+releases*changed)))
	fmt.Fprintf(out, "\n| limit | used | that is | when it is reached |\n|---|---|---|---|\n")
	all := limits(m, r)
	slices.SortStableFunc(all, func(a, b limit) int { return int(b.used - a.used) })
	for _, l := range all {
		fmt.Fprintf(out, "| %s | %s %% | %s | %s |\n", l.what, number(l.used), l.now, l.then)
	}
	if all[0].used <= 100 {
		fmt.Fprintf(out, "\nNo limit is exceeded; the closest: %s.\n", all[0].what)
		return
	}
	var broken []string
	for _, l := range all {
		if l.used > 100 {
			broken = append(broken, l.what+" ("+l.then+")")
		}
	}
	fmt.Fprintf(out, "\nExceeded, the worst first: %s.\n", strings.Join(broken, "; "))
}

// number has commas.
func number(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytes are decimal.
func bytes(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return number(n) + " B"
}

// hours are minutes if they are few.
func hours(seconds int64) string {
	if seconds < 2*3600 {
		return fmt.Sprintf("%d min", (seconds+59)/60)
	}
	return fmt.Sprintf("%.1f h", float64(seconds)/3600)
}
