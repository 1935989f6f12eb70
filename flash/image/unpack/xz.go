// This file unpacks xz.

package unpack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/ulikunitz/xz"

	"github.com/zarya-station/zarya/flash/image/xzinfo"
)

// xz runs the system's xz, which uses all processors on files of several blocks and is
// several times as fast on others; without one, our own reader does.
func (u *unpacker) xz(r io.Reader, head []byte) (io.Reader, error) {
	if dict := xzinfo.Dictionary(head); dict > maxWindow {
		return nil, fmt.Errorf("needs %d bytes of memory to unpack; at most %d are given", dict, maxWindow)
	}
	program, err := exec.LookPath("xz")
	if err != nil || u.Size < 1<<20 { // not worth a process
		return xz.NewReader(r)
	}
	ctx, cancel := context.WithCancel(u.ctx)
	cmd := exec.CommandContext(ctx, program, "--decompress", "--stdout", "--quiet", "--threads=0", //nolint:gosec // the station's own xz
		"--memlimit-decompress=1GiB", "--memlimit-mt-decompress=512MiB")
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = r, &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	p := &process{out: out, wait: cmd.Wait, said: &said}
	u.close = append(u.close, func() { cancel(); _ = p.end() })
	return p, nil
}

// process is the output of a program, whose failure is a failed read.
type process struct {
	out  io.Reader
	wait func() error
	said *bytes.Buffer
	over bool
	err  error
}

func (p *process) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil {
		if ended := p.end(); ended != nil {
			err = ended
		}
	}
	return n, err
}

func (p *process) end() error {
	if p.over {
		return p.err
	}
	p.over = true
	if err := p.wait(); err != nil {
		text := p.said.String()
		if _, after, ok := strings.Cut(text[:min(len(text), 300)], "(stdin): "); ok {
			text = after
		}
		if text = strings.TrimSpace(text); text == "" {
			text = err.Error()
		}
		p.err = errors.New(text)
	}
	return p.err
}
