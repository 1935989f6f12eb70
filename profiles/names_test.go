package profiles

import "testing"

func TestSecretColumn(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "eap_password": true, "wifipassword": true, "passwords": true, "passphrase_2": true, "clientsecret": true,
		"psk": true, "wifi_psk": true, "pin": true, "sim_pin": true, "key": true, "key_1": true,
		"shipping": false, "keyboard": false, "monkey": false, "inventory": false, "hostname": false, "": false,
	} {
		if got := SecretColumn(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
