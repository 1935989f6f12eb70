//go:build linux

package fleettest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/zarya-station/zarya/internal/fleet"
)

const deploy = "../../../deploy/"

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(deploy + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// command runs a program against a server, as its superuser.
func (s *Server) command(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = s.Dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PGHOST=" + s.Dir, "PGUSER=" + Superuser,
		"PGPASSWORD=" + Password, "PGDATABASE=" + Database}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// TestABackupIsPutBackIntoAnotherServer: its stations log in there as if nothing had been.
func TestABackupIsPutBackIntoAnotherServer(t *testing.T) {
	if _, err := exec.LookPath("pg_dumpall"); err != nil {
		t.Skip("pg_dumpall is not installed: make setup installs it")
	}
	s := Start(t)
	files := s.Enrol(t, "line-1.3", "")
	script := filepath.Join(s.Dir, "backup.sh")
	write(t, script, deployed(t, "backup.sh"), s.as)
	dump, err := s.command(t, "sh", script, s.Dir)
	if err != nil || !strings.HasSuffix(dump, ".dump") {
		t.Fatal(dump, err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, "*.part")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
	if said, err := s.command(t, "sh", script, filepath.Join(s.Dir, "nowhere")); err == nil {
		t.Errorf("a backup into a folder that is not there: %s", said)
	}

	other := StartEmpty(t)
	for path, to := range map[string]string{dump: "dump", strings.TrimSuffix(dump, ".dump") + ".roles.sql": "roles"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(other.Dir, to), string(text), other.as)
	}
	if said, err := other.command(t, "psql", "-q", "-f", "roles", "postgres"); err != nil { // those that every server has are there already
		t.Fatal(said, err)
	}
	if said, err := other.command(t, "pg_restore", "-d", Database, "dump"); err != nil {
		t.Fatal(said, err)
	}
	_, as, err := files.Login()
	if err != nil {
		t.Fatal(err)
	}
	db := Open(t, other.StationURL(), as)
	if list, err := db.Stations(t.Context()); err != nil || len(list) != 1 || !list[0].Proven {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := Open(t, other.URL(Supervisor), fleet.Login{}).Restored(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestServersStartAsTheyAreDeployed: with the files of deploy/, but for paths and ports.
func TestServersStartAsTheyAreDeployed(t *testing.T) {
	s := Start(t)
	conf := filepath.Join(s.Dir, "deployed.conf")
	write(t, conf, deployed(t, "postgresql.conf"), s.as)
	said, err := s.command(t, program(t, "postgres"), "-C", "max_connections", "-D", filepath.Join(s.Dir, "data"), "-c", "config_file="+conf)
	if err != nil || said != "100" {
		t.Errorf("PostgreSQL does not take it: %s, %v", said, err)
	}
	dir := folder(t, s.as)
	cert, key := certificate(t, "127.0.0.1")
	write(t, filepath.Join(dir, "tls.crt"), string(cert), s.as)
	write(t, filepath.Join(dir, "tls.key"), string(key), s.as)
	write(t, filepath.Join(dir, "users"), `"`+Superuser+`" "`+Password+`"`+"\n", s.as)
	port := hold(t, "127.0.0.1")
	ini := deployed(t, "pgbouncer.ini")
	for from, to := range map[string]string{"/etc/zarya-tls": dir, "/etc/pgbouncer/userlist.txt": filepath.Join(dir, "users"), "6432": port,
		"host=127.0.0.1 auth_user=pgbouncer": "host=" + s.Dir + " auth_user=" + Superuser, "listen_addr = *": "listen_addr = 127.0.0.1"} {
		if !strings.Contains(ini, from) {
			t.Fatalf("there is no %s in pgbouncer.ini", from)
		}
		ini = strings.ReplaceAll(ini, from, to)
	}
	write(t, filepath.Join(dir, "pgbouncer.ini"), ini, s.as)
	ready := func(line string) bool { return strings.Contains(line, "process up") }
	p, ok := run(t, s.as, dir, ready, program(t, "pgbouncer"), filepath.Join(dir, "pgbouncer.ini"))
	if !ok {
		t.Fatalf("pgbouncer does not start: %s", p.said())
	}
	defer p.end(syscall.SIGKILL)
	for mode, ok := range map[string]bool{"require": true, "disable": false} {
		db, err := fleet.Open(t.Context(), "postgres://"+Reader+":"+Password+"@127.0.0.1:"+port+"/"+Database+"?sslmode="+mode, fleet.Login{})
		if (err == nil) != ok {
			t.Errorf("sslmode=%s: %v", mode, err)
		}
		if err == nil {
			db.Close()
		}
	}
}

// TestTheComposeFileIsWhole: what it mounts is there, what it names is declared.
func TestTheComposeFileIsWhole(t *testing.T) {
	var c struct {
		Services map[string]struct {
			Image     string   `yaml:"image"`
			Command   []string `yaml:"command"`
			Volumes   []string `yaml:"volumes"`
			DependsOn []string `yaml:"depends_on"`
		} `yaml:"services"`
		Volumes map[string]any `yaml:"volumes"`
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) != 5 {
		t.Errorf("it has %d services", len(c.Services))
	}
	copied := regexp.MustCompile(`COPY .*`).FindString(deployed(t, "Containerfile"))
	for _, file := range regexp.MustCompile(`[a-z-]+\.[a-z]+ `).FindAllString(copied, -1) {
		deployed(t, strings.TrimSpace(file))
	}
	for name, s := range c.Services {
		if s.Image != c.Services["postgres"].Image || len(s.Command) != 1 || s.Command[0] != name {
			t.Errorf("%s is %v of the image %q", name, s.Command, s.Image)
		}
		if !regexp.MustCompile(`(?m)^([a-z]+ \| )?` + name + `( \| [a-z]+)?\)`).MatchString(deployed(t, "container.sh")) {
			t.Errorf("container.sh knows no %s", name)
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			_, declared := c.Volumes[from]
			_, err := os.Stat(deploy + from)
			if !declared && err != nil && !strings.HasPrefix(from, "./secrets") {
				t.Errorf("%s mounts %s, which is not there", name, from)
			}
		}
		for _, of := range s.DependsOn {
			if c.Services[of].Image == "" {
				t.Errorf("%s depends on %s", name, of)
			}
		}
	}
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() == nil {
		out, err := exec.CommandContext(t.Context(), "docker", "compose", "-f", deploy+"compose.yaml", "config", "-q").CombinedOutput()
		if err != nil {
			t.Errorf("docker compose: %v: %s", err, out)
		}
	}
}
