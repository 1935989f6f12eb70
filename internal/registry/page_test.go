package registry_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
)

// TestThePage brings up the registry and the mirror of docs/fleet-registry.md with the
// configurations of deploy, but for paths, ports and names; bundles go from the office to a
// station that knows no password, through the mirror, also when the tag has moved.
func TestThePage(t *testing.T) {
	var configs []string
	for _, name := range []string{"writing", "reading", "mirror"} {
		text, err := os.ReadFile("../../deploy/registry-" + name + ".yml")
		if err != nil {
			t.Fatal(err)
		}
		configs = append(configs, string(text))
	}
	start := func(config, host, data string, more ...string) *registrytest.Registry {
		t.Helper()
		r, err := registrytest.Start(t.TempDir(), registrytest.Options{Host: host, Config: func(addr string) string {
			changes := append([]string{"/var/lib/docker-registry", data, "addr: :5000", "addr: " + addr, "addr: :5443", "addr: " + addr,
				"/etc/zarya-tls/tls.crt", filepath.Join(certified, "cert.pem"),
				"/etc/zarya-tls/tls.key", filepath.Join(certified, "key.pem")}, more...)
			return strings.NewReplacer(changes...).Replace(config)
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		return r
	}
	b := newBench(t)
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "htpasswd"), []byte("office:"+string(hash)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	writing := start(configs[0], elsewhere(t), data, "/etc/zarya-registry/htpasswd", filepath.Join(dir, "htpasswd"))
	reading := start(configs[1], elsewhere(t), data)
	mirror := start(configs[2], "", t.TempDir(), "server.example:5000", reading.Addr)

	t.Setenv("DOCKER_CONFIG", dir)
	auth := filepath.Join(dir, "auth.json")
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, writing.Addr, base64.StdEncoding.EncodeToString([]byte("office:secret")))
	if err := os.WriteFile(auth, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	office, station := b.client(), b.client()
	office.Auth = auth
	older, newer := b.build("5.1", 1, 2, 4), b.build("5.2", 3, 2, 4)
	b.push(office, older, "oci://"+writing.Addr+"/tablets/census:stable")
	_, err = station.Pull(t.Context(), b.ref("oci://"+writing.Addr+"/tablets/census:stable"), nil)
	b.refused(err, problem.Station, "") // the one that takes bundles asks for a name
	advised(t, err, "docker login HOST")
	name := "oci://" + reading.Addr + "/tablets/census:stable"
	_, err = office.Push(t.Context(), newer, b.ref(name))
	b.refused(err, problem.Invalid, "405")
	advised(t, err, "address for writing")
	station.Mirror = "http://" + mirror.Addr
	got := b.pull(station, name)
	b.same(station, got.Reference.Digest, older)
	b.push(office, newer, "oci://"+writing.Addr+"/tablets/census:stable") // the tag moves
	got = b.pull(station, name)
	b.same(station, got.Reference.Digest, newer)
	mirror.Kill()
	b.pull(b.client(), name)
}

// advised holds an error to its hint.
func advised(t *testing.T, err error, hint string) {
	t.Helper()
	if got := problem.Advice(err); !strings.Contains(got, hint) {
		t.Errorf("%v: the hint is %q", err, got)
	}
}
