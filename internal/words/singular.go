// This file is how a format reads in English when its number is one.

package words

import "fmt"

// singular are formats in which the first number counts something that there may be one of.
// Other languages have forms of their own in their catalogues.
var singular = map[string]string{
	"%d tablets":                                                 "%d tablet",
	"on %d tablets; nothing was written":                         "on %d tablet; nothing was written",
	"%s, %d files":                                               "%s, %d file",
	"%s: %d images kept, %s of at most %s":                       "%s: %d image kept, %s of at most %s",
	"%s: %d images removed, %s of at most %s":                    "%s: %d image removed, %s of at most %s",
	"%s: %s %s, %d images, every block as the manifest says; %s": "%s: %s %s, %d image, every block as the manifest says; %s",
	"%d pieces, %d bytes on the wire":                            "%d piece, %d bytes on the wire",
	"%s: %d ports have their names":                              "%s: %d port has its name",
	"%s: %d entries, unbroken, the last is %s":                   "%s: %d entry, unbroken, the last is %s",
	"%d entries sent; the database has %d":                       "%d entry sent; the database has %d",
	"%d entries were erased; the chains go on through them":      "%d entry was erased; the chain goes on through it",
	"%s: %d rows, %d of them new":                                "%s: %d row, %d of them new",
	"%s: %d identities are out of use":                           "%s: %d identity is out of use",
	"%s: %d identities given back":                               "%s: %d identity given back",
	"%s: revoked; %d identities that no tablet is known to have are burned": "" +
		"%s: revoked; %d identity that no tablet is known to have is burned",
	"nothing is leased from %d pools until zarya identity settle or abandon": "" +
		"nothing is leased from %d pool until zarya identity settle or abandon",
}

// inEnglish is a format filled in.
func inEnglish(format string, args []any) string {
	if one, ok := singular[format]; ok && firstNumber(args) == 1 {
		format = one
	}
	return fmt.Sprintf(format, args...)
}

// firstNumber is what is counted, or -1.
func firstNumber(args []any) int64 {
	for _, arg := range args {
		switch n := arg.(type) {
		case int:
			return int64(n)
		case int64:
			return n
		case uint64:
			return int64(min(n, 2))
		}
	}
	return -1
}
