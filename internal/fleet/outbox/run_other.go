//go:build !unix

package outbox

// fileID is not known here.
func fileID(string) string { return "" }
