// This file is every setting there is, and what it is for: the table of docs/settings.md.

package settings

// Setting is one key of a file of settings.
type Setting struct{ Key, About string }

// All are the keys that a file of settings may have, and the environment as
// ZARYA_KEY. A key that is also a flag of the verb stands for the flag. What makes
// writing possible (--yes, --allow-partition, targets) is not among them.
var All = []Setting{
	{"age-key", "the file with the key that opens secrets in profiles; default: age.key in the user's configuration folder"},
	{"bell", "true: the station rings the terminal's bell when a tablet ends"},
	{"bundle-store", "the folder for bundles from registries; default: zarya/bundles in the user's cache folder"},
	{"cache", "the folder for prepared images, or none; default: zarya/images in the user's cache folder"},
	{"cache-size", "how much disk the prepared images may take"},
	{"concurrency", "how many tablets to work on at once"},
	{"fleet-ahead", "how many identities of a pool this station leases ahead at most; default: 200; in a file also fleet: {ahead: N}"},
	{"fleet-alone", "true: give leased identities after a boot while the database cannot be asked; in a file also fleet: {alone: true}"},
	{"fleet-database", "the database that stations share; in a file also fleet: {database: URL}"},
	{"fleet-station", "this station's name in that database; in a file also fleet: {station: NAME}"},
	{"follow-every", "how often a station checks the tags that it follows; default: 10m"},
	{"label", "the printer of labels, which prints as each tablet ends: tcp:HOST[:PORT], or a device such as /dev/usb/lp0"},
	{"label-dpi", "the dots per inch of that printer: 203, 300 or 600; default: 203"},
	{"label-on", "pass, or all to print labels of tablets that failed too; default: pass"},
	{"label-size", "the size of its labels, WIDTHxHEIGHT in mm; default: 58x40"},
	{"lang", "the language, en or ru; default: the one of LC_ALL, LC_MESSAGES or LANG"},
	{"ledger", "where jobs are recorded: sqlite:PATH, or none"},
	{"listen", "the address of the station's page, HOST:PORT, or none"},
	{"lock-dir", "the folder for the locks that keep two processes from one tablet"},
	{"lock-wait", "how long to wait for a tablet that another process uses"},
	{"lot", "the pallet or order that the tablets came with, for the record"},
	{"no-color", "true: no colours on a terminal"},
	{"no-input", "true: never ask a question"},
	{"operator", "who works here, for the record"},
	{"page-cert", "the certificate of the station's page, PEM"},
	{"page-key", "the key of that certificate, PEM"},
	{"page-token-file", "the file with the token that the page asks for"},
	{"plain-http", "true: talk to registries on other machines without TLS"},
	{"plan", "the planned number of tablets per hour, shown on the board and the page"},
	{"pool-low", "at how many identities left in a pool the station warns"},
	{"quiet", "true: print results only"},
	{"receipts", "the folder in which each job leaves a signed receipt"},
	{"registry-auth", "the file with the names and passwords of registries, in the form of Docker's config.json; default: Docker's own"},
	{"registry-mirror", "the registry of this site, which is asked first: HOST[:PORT] or http://HOST[:PORT]"},
	{"scanner", "the device of the barcode scanner, a name in /dev/input/by-path"},
	{"signing-key", "the file of the key that this station signs with; default: signing_key beside the ledger"},
	{"station", "this station's name in records; default: the name of the host"},
	{"trust", "a folder that says who may sign bundles; where the machine has one in /etc/zarya/trust.d, that one counts"},
	{"verbose", "true: print more"},
	{"wait-for-device", "how long to wait for each tablet"},
	{"witness", "what keeps the signed heads of the ledger: a file or folder elsewhere, or another station's page, https://HOST:PORT"},
	{"witness-for", "the file of other stations' keys (lines of zarya ledger key) whose signed heads this station's page keeps"},
}

// Own are the keys that only the file of a station may have, the one that zarya station
// --config names: with them, tablets are written to without a question.
var Own = []Setting{
	{"yes", "true: wipe every tablet that a profile is for as soon as it is plugged in"},
	{"profile", "the profiles, a list; the tablet's model selects one"},
	{"bundle", "the bundles with a profile in them, a list"},
	{"follow", "the tags to follow, a list of oci://HOST/REPO:TAG"},
	{"target", "the ports to watch, a list of port:GLOB, or NAME=tcp:HOST[:PORT]"},
	{"golden", "the serials of golden and test units, which no statistic counts"},
	{"supervisor", "the badges of supervisors, or their beginning and *"},
	{"limit", "what measurements should be, a list of NAME=VALUE"},
}

// Keys are the keys of [All].
var Keys = keys(All)

// Lists are the keys of [Own] that have several values: all but yes.
var Lists = keys(Own[1:])

func keys(of []Setting) (all []string) {
	for _, s := range of {
		all = append(all, s.Key)
	}
	return all
}
