// This file is the booted tablet's SSH server: a login, SFTP, and the closed table
// of commands below. What a real tablet's shell would make of anything else is
// "command not found".

package virtual

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Login is who may come in over SSH.
type Login struct {
	User         string // its home is /home/USER
	Password     string
	RootPassword string // for devel-su and sudo
}

// DefaultLogin is the login of a tablet that was given none.
var DefaultLogin = Login{User: "defaultuser", Password: "aurora", RootPassword: "aurora-root"}

const (
	userID     = 100000 // of the login, as on Sailfish
	sftpServer = "/usr/libexec/openssh/sftp-server"
	hostKey    = "/etc/ssh/ssh_host_ed25519_key"
	digestOf   = `head -c "$1" "$2" | sha256sum`
)

// signer is the host key, made at first boot.
func (t *Tablet) signer() (ssh.Signer, error) {
	if text, err := t.root.ReadFile(hostKey); err == nil {
		return ssh.ParsePrivateKey(text)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		return nil, err
	}
	if err := t.root.WriteFile(hostKey, pem.EncodeToMemory(block), 0o600, 0); err != nil {
		return nil, fmt.Errorf("%w: no /etc/ssh in system", errBoot)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err == nil {
		err = t.publicKey(s)
	}
	return s, err
}

// serveSSH answers hosts, several at once, until one of them restarts the tablet.
func (t *Tablet) serveSSH(ctx context.Context, l net.Listener) (*leave, error) {
	if _, err := t.signer(); err != nil {
		return nil, err
	}
	config := ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_virtual",
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != t.config.Login.User || string(password) != t.config.Login.Password {
				return nil, errors.New("permission denied")
			}
			return nil, nil
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			known, err := t.root.ReadFile("/home/" + t.config.Login.User + "/.ssh/authorized_keys")
			for err == nil && len(known) > 0 && c.User() == t.config.Login.User {
				var k ssh.PublicKey
				if k, _, _, known, err = ssh.ParseAuthorizedKey(known); err == nil && bytes.Equal(k.Marshal(), key.Marshal()) {
					return nil, nil
				}
			}
			return nil, errors.New("permission denied")
		},
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	t.mu.Lock()
	t.quit, t.listening = cancel, l
	t.mu.Unlock()
	if !t.lettingIn() {
		_ = l.Close()
	}
	var wg sync.WaitGroup
	for {
		conn, err := l.Accept()
		if err != nil && t.closed() {
			<-ctx.Done() // it runs on, and lets nobody in
		}
		if err != nil {
			cancel(err)
			wg.Wait()
			var gone *leave
			if errors.As(context.Cause(ctx), &gone) {
				return gone, nil
			}
			return nil, err
		}
		wg.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			key, err := t.signer() // that of today
			if err != nil {
				return
			}
			own := config
			own.AddHostKey(key)
			t.login(conn, &own, cancel)
		})
	}
}

// closeSSH lets nobody in any more; whoever is in stays.
func (t *Tablet) closeSSH() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut = true
	if t.listening != nil {
		_ = t.listening.Close()
	}
}

// closed reports whether the server was told to let nobody in.
func (t *Tablet) closed() bool {
	t.mu.Lock()
	shut := t.shut
	t.mu.Unlock()
	return shut || !t.lettingIn()
}

// offAfter turns the tablet off in a while.
func (t *Tablet) offAfter(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	quit := t.quit
	time.AfterFunc(d, func() {
		t.restart.Lock()
		defer t.restart.Unlock()
		var gone *leave
		if errors.As(t.reboot("off"), &gone) {
			t.leaving(gone)
			quit(gone)
		}
	})
}

// login is one connection.
func (t *Tablet) login(conn net.Conn, config *ssh.ServerConfig, quit context.CancelCauseFunc) {
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // whoever it was, he does not get in
	}
	var wg sync.WaitGroup
	wg.Go(func() { ssh.DiscardRequests(requests) })
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.UnknownChannelType, "only sessions")
			continue
		}
		ch, reqs, err := n.Accept()
		if err != nil {
			break
		}
		wg.Go(func() { t.channel(ch, reqs, quit) })
	}
	_ = c.Close()
	wg.Wait()
}

// channel runs the one program of a session channel.
func (t *Tablet) channel(ch ssh.Channel, reqs <-chan *ssh.Request, quit context.CancelCauseFunc) {
	defer func() { _ = ch.Close() }()
	var wg sync.WaitGroup
	defer wg.Wait()
	started := false
	for req := range reqs {
		var payload struct{ Text string }
		ok := !started && (req.Type == "exec" || req.Type == "subsystem") && ssh.Unmarshal(req.Payload, &payload) == nil
		if req.Type == "subsystem" && payload.Text != "sftp" {
			ok = false
		}
		if req.WantReply {
			_ = req.Reply(ok, nil)
		}
		if !ok {
			continue
		}
		started = true
		wg.Go(func() {
			status := 0
			var gone *leave
			if req.Type == "subsystem" {
				t.sftp(ch, userID)
			} else {
				t.config.Log("$ %s", payload.Text)
				status, gone = t.shell(ch, payload.Text)
			}
			_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
			_ = ch.Close()
			if gone != nil {
				quit(gone)
			}
		})
	}
}

// words takes a command line apart: blanks, '…', and \ before one character.
func words(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	inside, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			word.WriteByte(c)
		case c == '\'':
			quoted, inside = true, true
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inside = true
		case c == ' ':
			if inside {
				out = append(out, word.String())
				word.Reset()
				inside = false
			}
		case strings.IndexByte("|&;<>()$`\"*?[#~=%\n\t", c) >= 0 && (c != '=' && c != '%' && c != '~' || !inside):
			return nil, fmt.Errorf("syntax error near %q", c)
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if quoted {
		return nil, errors.New("unterminated quoted string")
	}
	if inside {
		out = append(out, word.String())
	}
	return out, nil
}

// shell runs one command line and gives its exit status.
func (t *Tablet) shell(ch ssh.Channel, line string) (int, *leave) {
	argv, err := words(line)
	if err != nil || len(argv) == 0 {
		say(ch.Stderr(), "sh: %v\n", err)
		return 2, nil
	}
	uid := userID
	switch {
	case argv[0] == "devel-su" && len(argv) > 1:
		uid, argv = 0, argv[1:]
	case argv[0] == "sudo" && len(argv) > 4 && argv[1] == "-S" && argv[2] == "-p" && argv[3] == "":
		uid, argv = 0, argv[4:]
	}
	if uid == 0 {
		// The password is the first line; not a byte more is read of what follows.
		password, err := line1(ch)
		if err != nil || password != t.config.Login.RootPassword {
			say(ch.Stderr(), "Auth failed\n")
			return 1, nil
		}
	}
	return t.program(ch, argv, uid)
}

// say writes to a host that may have gone.
func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format, args...) }

// line1 reads one line byte by byte.
func line1(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < 1024; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
	}
	return "", bufio.ErrTooLong
}

// program is the closed table of what can be run.
func (t *Tablet) program(ch ssh.Channel, argv []string, uid int) (int, *leave) {
	name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	switch {
	case argv[0] == sftpServer && len(argv) == 1:
		t.sftp(ch, uid)
		return 0, nil
	case name == "true" && len(argv) == 1:
		return 0, nil
	case name == "false" && len(argv) == 1:
		return 1, nil
	case name == "echo":
		say(ch, "%s\n", strings.Join(argv[1:], " "))
		return 0, nil
	case name == "reboot" && len(argv) <= 2, name == "poweroff" && len(argv) == 1:
		if uid != 0 {
			say(ch.Stderr(), "%s: permission denied\n", name)
			return 1, nil
		}
		mode := "system"
		if name == "poweroff" {
			mode = "off"
		} else if len(argv) == 2 {
			if argv[1] != "bootloader" {
				return 1, nil
			}
			mode = "fastboot"
		}
		var gone *leave
		t.restart.Lock() // faults are counted, and there may be several sessions
		defer t.restart.Unlock()
		if errors.As(t.reboot(mode), &gone) {
			t.leaving(gone)
		}
		return 0, gone
	case name == "sh" && len(argv) == 6 && argv[1] == "-c" && argv[2] == digestOf:
		return t.digest(ch, argv[4], argv[5], uid), nil
	}
	if status, known := t.settings(ch, argv, uid); known {
		return status, nil
	}
	say(ch.Stderr(), "sh: %s: command not found\n", argv[0])
	return 127, nil
}

// digest reads a partition as head and sha256sum would.
func (t *Tablet) digest(ch ssh.Channel, count, device string, uid int) int {
	partition, ok := strings.CutPrefix(device, "/dev/disk/by-partlabel/")
	n, err := strconv.ParseInt(count, 10, 64)
	r, size, lerr := t.lookup(partition)
	if !ok || err != nil || n < 0 || lerr != nil || uid != 0 {
		say(ch.Stderr(), "head: cannot open '%s' for reading\n", device)
		return 1
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, min(n, size))); err != nil {
		return 1
	}
	say(ch, "%x  -\n", sum.Sum(nil))
	return 0
}

// staysOpen leaves closing to the caller: the exit status comes after the files.
type staysOpen struct{ io.ReadWriter }

func (staysOpen) Close() error { return nil }

// sftp serves files until the host ends it.
func (t *Tablet) sftp(rw io.ReadWriter, uid int) {
	h := &sftpFiles{t: t, uid: uid}
	s := sftp.NewRequestServer(staysOpen{rw}, sftp.Handlers{FileGet: h, FilePut: h, FileCmd: h, FileList: h},
		sftp.WithStartDirectory("/home/"+t.config.Login.User))
	_ = s.Serve() // ends with the connection
	_ = s.Close()
}
