// Signatures of bundles.

package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// newKey makes a key in the form of OpenSSH's files.
func (w *workshop) newKey(t *testing.T, name string) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// Signatures of ours are good for ssh-keygen, and the reverse.
func TestSignatures(t *testing.T) {
	w := newWorkshop(t)
	key, public := w.newKey(t, "key")
	trust := filepath.Join(w.dir, "trust")
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(trust, 0o755), os.WriteFile(filepath.Join(trust, name), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("allowed_signers", "# who may\nrelease@zarya namespaces=\"zarya-bundle@v1\" "+public+"\n")
	if err := os.WriteFile(filepath.Join(w.dir, "signers"), []byte("release@zarya "+public+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(b *Bundle, floor string, now time.Time) (string, error) {
		t.Helper()
		tr, err := LoadTrust(trust)
		if err != nil {
			return "", err
		}
		again, err := Open(b.Path) // as it is on the disk
		if err != nil {
			t.Fatal(err)
		}
		return tr.Check(again, floor, now)
	}
	refused := func(says string) func(string, error) {
		return func(who string, err error) {
			t.Helper()
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q, %v; want %q", who, err, says)
			}
		}
	}
	for _, folder := range []bool{false, true} {
		b := w.build(t, fmt.Sprintf("b%v", folder), Options{Folder: folder})
		refused("is not signed")(check(b, "", time.Now()))

		signature, err := Sign(b.Text(), key)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(signature); err != nil {
			t.Fatal(err)
		}
		if who, err := check(b, "", time.Now()); who != "release@zarya" || err != nil {
			t.Errorf("%q %v", who, err)
		}
		if err := errors.Join(os.WriteFile(filepath.Join(w.dir, "m"), b.Text(), 0o600),
			os.WriteFile(filepath.Join(w.dir, "m.sig"), signature, 0o600)); err != nil {
			t.Fatal(err)
		}
		w.run(t, "sh", "-c", "ssh-keygen -Y verify -f signers -I release@zarya -n zarya-bundle@v1 -s m.sig <m")
		w.run(t, "sh", "-c", "rm m.sig; ssh-keygen -q -Y sign -f key -n zarya-bundle@v1 m")
		theirs, err := os.ReadFile(filepath.Join(w.dir, "m.sig"))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(theirs); err != nil { // in the place of ours
			t.Fatal(err)
		}
		if who, err := check(b, "5.1.0.100", time.Now()); who != "release@zarya" || err != nil {
			t.Errorf("%q %v", who, err)
		}
		if err := b.Verify(t.Context(), w.cache); err != nil {
			t.Error(err)
		}
		w.run(t, "sh", "-c", "rm m.sig; ssh-keygen -q -Y sign -f key -n file m")
		other, err := os.ReadFile(filepath.Join(w.dir, "m.sig"))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(other); err == nil || !strings.Contains(err.Error(), `is for "file", not for bundles`) {
			t.Error(err)
		}
		refused("must be at least 5.1.0.101")(check(b, "5.1.0.101", time.Now()))
	}
	b, err := Open(filepath.Join(w.dir, "bfalse"))
	if err != nil {
		t.Fatal(err)
	}
	if stranger, _ := w.newKey(t, "stranger"); true {
		signature, err := Sign(append(bytes.Clone(b.Text()), ' '), stranger)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Attach(signature); err == nil || !strings.Contains(err.Error(), "over another manifest") {
			t.Error(err)
		}
		if signature, err = Sign(b.Text(), stranger); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(w.dir, "by a stranger")
		rewrite(t, b.Path, copied, func(n string, x []byte) (string, []byte) { return n, x })
		s, err := Open(copied)
		if err == nil {
			err = s.Attach(signature)
		}
		if err != nil {
			t.Fatal(err)
		}
		refused("which is none of the keys in " + trust)(check(s, "", time.Now()))
	}
	if err := b.Attach([]byte("not a signature")); err == nil || !strings.Contains(err.Error(), "no SSH signature") {
		t.Error(err)
	}
	day := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	write("allowed_signers", `release@zarya valid-after="20260101Z",valid-before="202607010000Z" `+public+"\n")
	if who, err := check(b, "", day); who == "" || err != nil {
		t.Error(err)
	}
	refused("was valid only until")(check(b, "", day.AddDate(1, 0, 0)))
	refused("valid only from")(check(b, "", day.AddDate(-1, 0, 0)))
	write("allowed_signers", `release@zarya namespaces="file,git" `+public+"\n")
	refused("may not sign bundles")(check(b, "", day))
	write("allowed_signers", "release@zarya "+public+"\n")
	write("floors", "aurora 5.1.0.100\nother 9\naurora 5.0\n")
	if who, err := check(b, "", day); who == "" || err != nil {
		t.Error(err)
	}
	write("floors", "aurora 5.2\n")
	refused("aurora must be at least 5.2 here")(check(b, "", day))
	write("floors", "")
	write("revoked_keys", public+"\n")
	refused("a key that was revoked")(check(b, "", day))
	for file, text := range map[string]string{"allowed_signers": "release@zarya cert-authority " + public, "revoked_keys": "nonsense",
		"floors": "aurora new"} {
		write(file, "\n"+text+"\n")
		if _, err := LoadTrust(trust); err == nil || !strings.Contains(err.Error(), filepath.Join(trust, file)+":2: ") {
			t.Errorf("%s: %v", file, err)
		}
		write(file, "")
	}
	if err := os.Chmod(filepath.Join(trust, "floors"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadTrust(trust); err == nil || !strings.Contains(err.Error(), "others than root may write there") {
		t.Error(err)
	}
	if tr, err := LoadTrust(filepath.Join(w.dir, "nowhere")); tr != nil || err != nil {
		t.Error(tr, err)
	}
}
