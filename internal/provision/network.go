// This file has the settings about networks and trust: Wi-Fi, certificates, who may log
// in.

package provision

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

const (
	connman   = "/var/lib/connman/" // NAME.config there is a network (connman-service.config(5))
	anchors   = "/etc/pki/ca-trust/source/anchors/"
	extracted = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
)

// WiFi is one network.
type WiFi struct {
	SSID       Value
	Label      string // of the SSID, for the step's name
	Security   string // none, psk, ieee8021x
	Passphrase Value  // psk
	Hidden     bool
	EAP        string // peap, ttls
	Phase2     string // MSCHAPV2 by default
	User       Value
	Password   Value
	CA         []byte // PEM; nil: none
}

// wpaForm is a passphrase or a key (IEEE 802.11, annex J.4).
var wpaForm = lazyregexp.New(`^([ -~]{8,63}|[0-9A-Fa-f]{64})$`)

// config is the name of a network's file, from its SSID.
func config(ssid string) string {
	name := regexp.MustCompile(`[^A-Za-z0-9_-]`).ReplaceAllString(ssid, "_")
	if name != ssid { // two SSIDs must not have one file
		name += "_" + hex.EncodeToString([]byte(ssid))[:min(16, 2*len(ssid))]
	}
	return connman + "zarya_" + name
}

// Step is the setting: connman's file of the network, and the certificate beside it.
func (w *WiFi) Step() flash.Step {
	return files("wifi:"+w.Label, w.files, nil).Step()
}

func (w *WiFi) files(ctx context.Context, s *flash.Session) ([]wanted, error) {
	ssid, err := w.SSID.resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	if len(ssid) == 0 || len(ssid) > 32 {
		return nil, failf(flash.ClassProfile, "fix it in the profile", "an SSID has 1 to 32 bytes, not %d", len(ssid))
	}
	var all []wanted
	lines := []string{"Type = wifi", "SSID = " + hex.EncodeToString([]byte(ssid))}
	add := func(key string, v Value) (text string) {
		if v == nil || err != nil {
			return ""
		}
		if text, err = v.resolve(ctx, s); err != nil {
			return ""
		}
		if text == "" || strings.ContainsAny(text, "\n\r\x00") || strings.TrimSpace(text) != text {
			err = failf(flash.ClassProfile, "connman takes one line without blanks around it",
				"the %s of the network %s cannot be written", strings.ToLower(key), w.Label)
			return ""
		}
		lines = append(lines, key+" = "+strings.ReplaceAll(text, `\`, `\\`))
		return text
	}
	if w.Security != "none" {
		lines = append(lines, "Security = "+w.Security)
	}
	if w.Hidden {
		lines = append(lines, "Hidden = true")
	}
	if p := add("Passphrase", w.Passphrase); w.Security == "psk" && err == nil && !wpaForm.MatchString(p) {
		err = failf(flash.ClassProfile, "WPA wants 8 to 63 characters of ASCII, or the key itself as 64 hexadecimal digits",
			"the passphrase of the network %s is none", w.Label)
	}
	if w.Security == "ieee8021x" {
		lines = append(lines, "EAP = "+w.EAP, "Phase2 = "+w.Phase2)
		add("Identity", w.User)
		add("Passphrase", w.Password)
		if w.CA != nil {
			file := config(ssid) + ".pem"
			lines = append(lines, "CACertFile = "+file)
			all = append(all, wanted{file, w.CA, 0o644, true})
		}
	}
	text := "[service_zarya]\n" + strings.Join(lines, "\n") + "\n"
	return append(all, wanted{config(ssid) + ".config", []byte(text), 0o600, true}), err
}

// RemoveWiFi takes networks away that a WiFi step put there.
func RemoveWiFi(ssids []string) flash.Step {
	var paths []string
	for _, ssid := range ssids {
		paths = append(paths, config(ssid)+".config", config(ssid)+".pem")
	}
	return Remove("remove:wifi", paths)
}

// Remove takes files away.
func Remove(name string, paths []string) flash.Step {
	return (&setting{
		name: name,
		want: func(context.Context, *flash.Session) (string, error) { return "", nil },
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			left := ""
			for _, p := range paths {
				there, err := tabletOf(s).Exists(ctx, p, true)
				if err != nil {
					return "", err
				}
				if there {
					left += p + "\n"
				}
			}
			return left, nil
		},
		set: func(ctx context.Context, s *flash.Session) error {
			for _, p := range paths {
				if err := tabletOf(s).Remove(ctx, p, true); err != nil && !errors.Is(err, errNoFile) {
					return fmt.Errorf("%s: %w", p, err)
				}
			}
			return nil
		},
	}).Step()
}

// Certificate is a CA certificate and its file's name.
type Certificate struct {
	Name string
	PEM  []byte
}

// CA makes the tablet trust certificates.
func CA(certificates []Certificate) flash.Step {
	var all []wanted
	for _, c := range certificates {
		all = append(all, wanted{anchors + "zarya-" + path.Base(c.Name), c.PEM, 0o644, true})
	}
	base := files("ca", func(context.Context, *flash.Session) ([]wanted, error) { return all, nil },
		func(ctx context.Context, s *flash.Session) error {
			_, err := tabletOf(s).do(ctx, commandTrust())
			return err
		})
	// That the files are there is not enough: they must have been taken in.
	taken := func(ctx context.Context, s *flash.Session) (bool, error) {
		f, err := tabletOf(s).read(ctx, extracted, false)
		if errors.Is(err, errNoFile) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		bundle := unwrapped(f.Data)
		for _, c := range certificates {
			if block, _ := pem.Decode(c.PEM); block == nil || !bytes.Contains(bundle, unwrapped(pem.EncodeToMemory(block))) {
				return false, nil
			}
		}
		return true, nil
	}
	get := base.get
	base.get = func(ctx context.Context, s *flash.Session) (string, error) {
		got, err := get(ctx, s)
		if err != nil || got == "" {
			return got, err
		}
		if in, err := taken(ctx, s); err != nil || !in {
			return "not taken in", err
		}
		return got, nil
	}
	return base.Step()
}

// unwrapped is PEM without its line breaks.
func unwrapped(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) }

// AuthorizedKeys lets SSH keys in: the lines of the login's authorized_keys.
func AuthorizedKeys(login string, keys []Value) flash.Step {
	file := home(login) + "/.ssh/authorized_keys"
	parse := func(ctx context.Context, s *flash.Session) ([]string, error) {
		var lines []string
		for _, k := range keys {
			text, err := k.resolve(ctx, s)
			if err != nil {
				return nil, err
			}
			text = strings.TrimSpace(text)
			if _, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text)); err != nil || len(rest) > 0 {
				return nil, failf(flash.ClassProfile, "give one public key, such as ssh-ed25519 AAAA… name", "that is not a public SSH key")
			}
			lines = append(lines, text)
		}
		return lines, nil
	}
	missing := func(ctx context.Context, s *flash.Session) (have string, lack []string, err error) {
		want, err := parse(ctx, s)
		if err != nil {
			return "", nil, err
		}
		f, err := tabletOf(s).read(ctx, file, login == "root")
		if errors.Is(err, errNoFile) {
			return "", want, nil
		}
		if err != nil {
			return "", nil, err
		}
		lines := strings.Split(string(f.Data), "\n")
		for _, w := range want {
			if !slices.Contains(lines, w) {
				lack = append(lack, w)
			}
		}
		return string(f.Data), lack, nil
	}
	return (&setting{
		name: "authorized-keys:" + login,
		want: func(ctx context.Context, s *flash.Session) (string, error) {
			_, err := parse(ctx, s)
			return "", err
		},
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			_, lack, err := missing(ctx, s)
			return strings.Join(lack, "\n"), err
		},
		set: func(ctx context.Context, s *flash.Session) error {
			have, lack, err := missing(ctx, s)
			if err != nil {
				return err
			}
			if have != "" && !strings.HasSuffix(have, "\n") {
				have += "\n"
			}
			return tabletOf(s).WriteFile(ctx, file, []byte(have+strings.Join(lack, "\n")+"\n"), 0o600, login == "root")
		},
	}).Step()
}

// RemoveKeys takes SSH keys away from the login: those whose comment or fingerprint is
// named.
func RemoveKeys(login string, names []string) flash.Step {
	file := home(login) + "/.ssh/authorized_keys"
	split := func(ctx context.Context, s *flash.Session) (keep, gone []string, err error) {
		f, err := tabletOf(s).read(ctx, file, login == "root")
		if errors.Is(err, errNoFile) {
			return nil, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		for line := range strings.Lines(string(f.Data)) {
			key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
			if err == nil && (slices.Contains(names, comment) || slices.Contains(names, ssh.FingerprintSHA256(key))) {
				gone = append(gone, line)
			} else {
				keep = append(keep, line)
			}
		}
		return keep, gone, nil
	}
	return (&setting{
		name: "remove:keys",
		want: func(context.Context, *flash.Session) (string, error) { return "", nil },
		get: func(ctx context.Context, s *flash.Session) (string, error) {
			_, gone, err := split(ctx, s)
			return strings.Join(gone, ""), err
		},
		set: func(ctx context.Context, s *flash.Session) error {
			keep, _, err := split(ctx, s)
			if err != nil {
				return err
			}
			return tabletOf(s).WriteFile(ctx, file, []byte(strings.Join(keep, "")), 0o600, login == "root")
		},
	}).Step()
}

// home is the folder of a login.
func home(login string) string {
	if login == "root" {
		return "/root"
	}
	return "/home/" + login
}

// commandTrust takes new certificates in.
func commandTrust() command { return command{argv: []string{"update-ca-trust"}, root: true} }
