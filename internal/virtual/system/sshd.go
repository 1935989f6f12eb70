// This file is the SSH server: who is let in, and the sessions of those who are.

package system

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"golang.org/x/crypto/ssh"
)

const (
	userID  = 100000 // of the login, as on Sailfish
	hostKey = "/etc/ssh/ssh_host_ed25519_key"
)

// hostSigner is the host key, made at first boot.
func (s *System) hostSigner() (ssh.Signer, error) {
	if text, err := s.root.ReadFile(hostKey); err == nil {
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
	if err := s.root.WriteFile(hostKey, pem.EncodeToMemory(block), 0o600, 0); err != nil {
		return nil, fmt.Errorf("%w: no /etc/ssh in system", errBoot)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err == nil {
		err = s.writePublicKey(signer)
	}
	return signer, err
}

// serveSSH answers hosts, several at once, until one of them restarts the tablet.
func (s *System) serveSSH(ctx context.Context, l net.Listener) (*device.Departure, error) {
	if _, err := s.hostSigner(); err != nil {
		return nil, err
	}
	config := ssh.ServerConfig{
		ServerVersion: "SSH-2.0-OpenSSH_virtual",
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() != s.device.Config.Login.User || string(password) != s.device.Config.Login.Password {
				return nil, errors.New("permission denied")
			}
			return nil, nil
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			known, err := s.root.ReadFile("/home/" + s.device.Config.Login.User + "/.ssh/authorized_keys")
			for err == nil && len(known) > 0 && c.User() == s.device.Config.Login.User {
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
	var wg sync.WaitGroup
	s.mu.Lock()
	s.listener, s.closed = l, false
	s.powerOff = func(after time.Duration) { // a later boot knows nothing of it
		wg.Go(func() {
			if device.Pause(ctx, after) == nil {
				cancel(s.restart(device.ModeOff))
			}
		})
	}
	s.mu.Unlock()
	if !s.startsSSH() {
		_ = l.Close()
	}
	for {
		conn, err := l.Accept()
		if err != nil && s.isClosed() {
			<-ctx.Done() // it runs on, and lets no one in
		}
		if err != nil {
			cancel(err)
			wg.Wait()
			var gone *device.Departure
			if errors.As(context.Cause(ctx), &gone) {
				return gone, nil
			}
			return nil, err
		}
		wg.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			key, err := s.hostSigner() // that of today
			if err != nil {
				return
			}
			config := config
			config.AddHostKey(key)
			s.serveLogin(conn, &config, cancel)
		})
	}
}

// closeSSH lets no one in any more; whoever is in stays.
func (s *System) closeSSH() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
}

// isClosed reports whether the server is to let no one in.
func (s *System) isClosed() bool {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	return closed || !s.startsSSH()
}

// powerOffAfter turns the tablet off after a time, if it is not restarted before.
func (s *System) powerOffAfter(d time.Duration) {
	s.mu.Lock()
	powerOff := s.powerOff
	s.mu.Unlock()
	powerOff(d)
}

// serveLogin is one connection.
func (s *System) serveLogin(conn net.Conn, config *ssh.ServerConfig, quit context.CancelCauseFunc) {
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // whoever it was does not get in
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
		wg.Go(func() { s.serveChannel(ch, reqs, quit) })
	}
	_ = c.Close()
	wg.Wait()
}

// serveChannel runs the one program of a session channel.
func (s *System) serveChannel(ch ssh.Channel, reqs <-chan *ssh.Request, quit context.CancelCauseFunc) {
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
			var gone *device.Departure
			if req.Type == "subsystem" {
				s.serveSFTP(ch, userID)
			} else {
				s.device.Log("$ %s", payload.Text)
				status, gone = s.runLine(ch, payload.Text)
			}
			_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
			_ = ch.Close()
			if gone != nil {
				quit(gone)
			}
		})
	}
}

// writePublicKey puts the host key's other half into a file beside it.
func (s *System) writePublicKey(signer ssh.Signer) error {
	return s.root.WriteFile(hostKey+".pub", ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o644, 0)
}
