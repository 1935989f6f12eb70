// This file has signatures, and who is trusted with them.

package bundle

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/internal/sshsign"
)

// Namespace is what signatures of bundles are for: ssh-keygen -Y sign -n zarya-bundle@v1.
const Namespace = "zarya-bundle@v1"

// Sign signs a manifest's text, as ssh-keygen -Y sign does.
func Sign(text []byte, key ssh.Signer) ([]byte, error) { return sshsign.Sign(text, key, Namespace) }

// Attach puts a signature into the bundle, in the place of one that is there. The bundle
// is rewritten beside itself and replaced whole.
func (b *Bundle) Attach(signature []byte) error {
	if _, err := b.signed(signature); err != nil {
		return err
	}
	fail := func(err error) error {
		return &Error{Path: b.Path, Problem: "the signature cannot be written: " + err.Error(), Err: err}
	}
	if b.apart != nil {
		return fail(errors.New("it lies in a store, where nothing is changed: sign it, then push it"))
	}
	info, err := os.Stat(b.Path)
	if err != nil {
		return fail(err)
	}
	if info.IsDir() {
		part := filepath.Join(b.Path, SignatureName+".part")
		if err := os.WriteFile(part, signature, 0o644); err != nil { //nolint:gosec // bundles are for all to read
			return fail(err)
		}
		if err := os.Rename(part, filepath.Join(b.Path, SignatureName)); err != nil {
			return fail(errors.Join(err, os.Remove(part)))
		}
		b.signature = signature
		return nil
	}
	z, err := zip.OpenReader(b.Path)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = z.Close() }()
	part := b.Path + ".part"
	var to zipSink
	if err := to.open(part); err != nil {
		return fail(err)
	}
	for _, f := range z.File {
		if f.Name != SignatureName && err == nil {
			err = to.z.Copy(f)
		}
	}
	if err == nil {
		err = to.add(SignatureName, func(w io.Writer) error { _, err := w.Write(signature); return err })
	}
	if cerr := to.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(part, b.Path)
	}
	if err != nil {
		_ = os.Remove(part)
		return fail(err)
	}
	b.signature = signature
	return nil
}

// SignatureError says why a bundle is not to be trusted.
type SignatureError struct{ Path, Problem string }

func (e *SignatureError) Error() string { return e.Path + ": " + e.Problem }

func (b *Bundle) untrusted(format string, args ...any) error {
	return &SignatureError{b.Path, fmt.Sprintf(format, args...)}
}

// signed checks that a signature is one over the bundle's manifest, and by which key.
func (b *Bundle) signed(signature []byte) (ssh.PublicKey, error) {
	key, err := sshsign.Verify(b.text, signature, Namespace)
	var other *sshsign.NamespaceError
	switch {
	case errors.Is(err, sshsign.ErrNoSignature):
		return nil, b.untrusted("what is in %s is no SSH signature: %v", SignatureName, err)
	case errors.As(err, &other):
		return nil, b.untrusted("the signature is for %q, not for bundles: sign with -n %s", other.Is, Namespace)
	case err != nil:
		return nil, b.untrusted("the signature by %s is over another manifest: the bundle was changed after it was signed",
			ssh.FingerprintSHA256(key))
	}
	return key, nil
}

// Signer is the fingerprint of the key that signed the bundle; "" if it is not signed or
// the signature is of no use.
func (b *Bundle) Signer() string {
	if b.signature == nil {
		return ""
	}
	key, err := b.signed(b.signature)
	if err != nil {
		return ""
	}
	return ssh.FingerprintSHA256(key)
}

// Trust is a folder of keys that may sign bundles, and of the oldest versions that may
// run: allowed_signers and revoked_keys as ssh-keygen(1) has them, and floors, a bundle's
// name and a version a line.
type Trust struct {
	dir     string
	signers []sshsign.Allowed
	revoked []ssh.PublicKey
	floors  map[string]string
}

// TrustError says what is wrong with a trust folder.
type TrustError struct{ Path, Problem string }

func (e *TrustError) Error() string { return e.Path + ": " + e.Problem }

// LoadTrust reads a trust folder. One that is not there is nil: nothing is asked of
// bundles. Files that others than root, or us, could have written are refused.
func LoadTrust(dir string) (*Trust, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no folder, no demands
	}
	if err := ours(dir); err != nil {
		return nil, err
	}
	t := &Trust{dir: dir, floors: map[string]string{}}
	for name, line := range map[string]func(string) error{"allowed_signers": t.signer, "revoked_keys": t.revoke, "floors": t.floor} {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path) //nolint:gosec // the folder that the station names
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &TrustError{path, err.Error()}
		}
		if err := ours(path); err != nil {
			return nil, err
		}
		for i, l := range strings.Split(string(text), "\n") {
			if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
				continue
			}
			if err := line(l); err != nil {
				return nil, &TrustError{fmt.Sprintf("%s:%d", path, i+1), err.Error()}
			}
		}
	}
	return t, nil
}

// signer reads a line of allowed_signers.
func (t *Trust) signer(line string) error {
	a, err := sshsign.ParseAllowed(line)
	if err == nil {
		t.signers = append(t.signers, a)
	}
	return err
}

func (t *Trust) revoke(line string) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return fmt.Errorf("no key: %w", err)
	}
	t.revoked = append(t.revoked, key)
	return nil
}

func (t *Trust) floor(line string) error {
	f := strings.Fields(line)
	if len(f) != 2 || !names.MatchString(f[0]) || !version.MatchString(f[1]) {
		return errors.New("a line is: BUNDLE-NAME VERSION")
	}
	if t.floors[f[0]] == "" || Older(t.floors[f[0]], f[1]) {
		t.floors[f[0]] = f[1]
	}
	return nil
}

// Check says whether a bundle may run here at a time, and who signed it. floor is what
// the station has come to by itself ("" is nothing).
func (t *Trust) Check(b *Bundle, floor string, now time.Time) (who string, err error) {
	if b.signature == nil {
		return "", b.untrusted("is not signed, and %s says that bundles must be: zarya bundle sign", t.dir)
	}
	key, err := b.signed(b.signature)
	if err != nil {
		return "", err
	}
	print := ssh.FingerprintSHA256(key)
	if slices.ContainsFunc(t.revoked, func(k ssh.PublicKey) bool { return sshsign.Same(k, key) }) {
		return "", b.untrusted("is signed by %s, a key that was revoked", print)
	}
	refused := b.untrusted("is signed by %s, which is none of the keys in %s", print, t.dir)
	for _, a := range t.signers {
		if !a.Is(key) {
			continue
		}
		if why := a.Refuses(Namespace, "bundles", now); why != "" {
			refused = b.untrusted("is signed by %s", why)
		} else {
			who = a.Who
		}
	}
	if who == "" {
		return "", refused
	}
	m := b.Manifest
	if t.floors[m.Name] != "" && (floor == "" || Older(floor, t.floors[m.Name])) {
		floor = t.floors[m.Name]
	}
	if floor != "" && Older(m.Version, floor) {
		return "", b.untrusted("is version %s; %s must be at least %s here", m.Version, m.Name, floor)
	}
	return who, nil
}

// Older compares versions number by number; what is missing is 0.
func Older(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m < n
		}
	}
	return false
}
