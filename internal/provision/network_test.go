// What is written of a network, and what is no passphrase.

package provision

import (
	"strings"
	"testing"
)

func TestWiFi(t *testing.T) {
	for _, c := range []struct {
		passphrase string
		ok         bool
	}{
		{"seven77", false},
		{"eight888", true},
		{`four\\\\`, true}, // eight characters
		{`six66\`, false},
		{strings.Repeat(`\`, 63), true},
		{strings.Repeat("x", 64), false},
		{strings.Repeat("aF", 32), true}, // a key
		{"пароль-из-букв", false},
		{"two\nlines here", false},
		{" blank before", false},
	} {
		w := WiFi{SSID: Literal("WAREHOUSE"), Label: "WAREHOUSE", Security: "psk", Passphrase: Literal(c.passphrase)}
		files, err := w.files(t.Context(), nil)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v", c.passphrase, err)
		}
		if err != nil {
			if strings.Contains(err.Error(), c.passphrase) {
				t.Errorf("the error tells the passphrase: %v", err)
			}
			continue
		}
		want := "[service_zarya]\nType = wifi\nSSID = 57415245484f555345\nSecurity = psk\nPassphrase = " +
			strings.ReplaceAll(c.passphrase, `\`, `\\`) + "\n"
		f := files[0]
		if got := string(f.data); got != want || f.to != "/var/lib/connman/zarya_WAREHOUSE.config" || f.mode != 0o600 || !f.root {
			t.Errorf("%q: %+v\n%s", c.passphrase, f, got)
		}
	}
}
