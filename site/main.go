// Command site makes a static site of the documentation: every page of docs/, with a menu,
// a search that works without a server, and nothing from elsewhere.
//
// usage: go run ./site OUT
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./site OUT") //nolint:forbidigo // a program of its own
		os.Exit(2)
	}
	n, err := build(".", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "site:", err) //nolint:forbidigo // a program of its own
		os.Exit(1)
	}
	fmt.Printf("%d pages in %s: open %s/index.html\n", n, os.Args[1], os.Args[1]) //nolint:forbidigo // a program of its own
}
