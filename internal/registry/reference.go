// This file reads references: where a bundle is, and which one.

package registry

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"oras.land/oras-go/v2/registry"

	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/problem"
)

// What references begin with.
const (
	remotePrefix = "oci://"
	layoutPrefix = "oci-layout:"
)

// Reference is a place where a bundle is: in a registry or in a folder of the OCI image
// layout, by a tag, which may move, or by a digest, which may not.
type Reference struct {
	Host       string // HOST[:PORT]
	Repository string
	Folder     string // "" is a registry
	Tag        string
	Digest     string // sha256:HEX; "" is by tag
}

// Is reports whether a text is a reference, or tries to be one.
func Is(text string) bool {
	return strings.HasPrefix(text, remotePrefix) || strings.HasPrefix(text, layoutPrefix)
}

// IsLayout reports whether a folder is one of the OCI image layout.
func IsLayout(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, "oci-layout"))
	return err == nil && info.Mode().IsRegular()
}

const referenceHint = "write oci://HOST/REPO:TAG, oci://HOST/REPO@sha256:…, or oci-layout:FOLDER with the same endings"

var (
	digestForm = lazyregexp.New(`^sha256:[0-9a-f]{64}$`)
	tagForm    = lazyregexp.New(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
)

// Parse reads a reference.
func Parse(text string) (Reference, error) {
	wrong := func(why string) (Reference, error) {
		if before, _, at := strings.Cut(text, "@sha256:"); strings.Contains(before, "@") || !at && strings.Contains(text, "@") {
			text = "the reference" // it may have a password in it
		}
		return Reference{}, problem.New(problem.Usage, referenceHint, "%s: %s", text, why)
	}
	var r Reference
	rest, remote := strings.CutPrefix(text, remotePrefix)
	if !remote {
		var ok bool
		if rest, ok = strings.CutPrefix(text, layoutPrefix); !ok {
			return wrong("is no reference")
		}
	}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		if rest, r.Digest = rest[:at], rest[at+1:]; !digestForm.MatchString(r.Digest) {
			return wrong("after @ stands a digest, sha256: and 64 hex digits; names and passwords are in docker's config file")
		}
	}
	if at := strings.LastIndex(rest, ":"); at > strings.LastIndexAny(rest, `/\`) {
		if rest, r.Tag = rest[:at], rest[at+1:]; !tagForm.MatchString(r.Tag) {
			return wrong("what follows the last colon can be no tag")
		}
	}
	if !remote {
		if r.Folder = rest; rest == "" {
			return wrong("which folder?")
		}
		return r, nil
	}
	if r.Host, r.Repository, _ = strings.Cut(rest, "/"); r.Repository == "" {
		return wrong("a registry's host and a repository are needed")
	}
	if err := (registry.Reference{Registry: r.Host, Repository: r.Repository}).Validate(); err != nil {
		return wrong("no such host or repository can be (a repository is in small letters)")
	}
	if r.Tag == "" && r.Digest == "" {
		return wrong("a tag or a digest is missing")
	}
	return r, nil
}

// String is the reference as it is typed.
func (r Reference) String() string {
	text := r.Place()
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

// Place is the reference without tag and digest.
func (r Reference) Place() string {
	if r.Folder != "" {
		return layoutPrefix + r.Folder
	}
	return remotePrefix + r.Host + "/" + r.Repository
}

// Pinned reports whether the reference is by digest: it names one bundle for ever.
func (r Reference) Pinned() bool { return r.Digest != "" }

// At is the reference by a digest, and by nothing else.
func (r Reference) At(digest string) Reference {
	r.Tag, r.Digest = "", digest
	return r
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
