// This file makes sure that what a device was told to write is written, and that nothing
// is left in the pipe, before success is believed.
//
// Some bootloaders answer a flash with OKAY before they write (Qualcomm where
// parallel-download-flash is advertised, others without a word of it); a failure is then
// the answer to whatever comes next. Google's GBL can write in the background and has a
// command that waits for it (libbootloader, gbl_fastboot.md, "Non-blocking Flash").

package fastboot

import (
	"context"
	"errors"
	"fmt"
)

// reply is the end of an exchange: OKAY or FAIL, and its text.
type reply struct {
	okay bool
	text string
}

// settleQuestions are questions whose answers stay what they are while a device is in one
// mode; the first that was answered with a text is asked again.
var settleQuestions = []string{"getvar:product", "getvar:max-download-size", "getvar:serialno"}

// remember keeps the answers to settleQuestions.
func (c *Client) remember(cmd, text string, err error) {
	var remote *RemoteError
	switch {
	case err == nil:
		c.keep(cmd, reply{true, text})
	case errors.As(err, &remote):
		c.keep(cmd, reply{false, remote.Message})
	}
}

func (c *Client) keep(cmd string, r reply) {
	for _, q := range settleQuestions {
		if q == cmd {
			c.known[cmd] = r
		}
	}
}

// knownQuestion is a question whose answer is known, an OKAY with a text if there is one.
func (c *Client) knownQuestion() (question string, want reply, ok bool) {
	for _, q := range settleQuestions {
		r, asked := c.known[q]
		if asked && r.okay && r.text != "" {
			return q, r, true
		}
		if asked && !ok {
			question, want, ok = q, r, true
		}
	}
	return question, want, ok
}

// Settle asks a question whose answer is known. Any other answer is one that was left in
// the pipe: a FAIL is the late failure of what is called after (a *RemoteError), an OKAY a
// *ProtocolError. expanded is how many bytes the device may still be writing. A FAIL that
// is word for word what the question gets (a bootloader that answers nothing else) passes.
func (c *Client) Settle(ctx context.Context, after string, expanded int64) error {
	if err := c.askKnown(ctx, after, expanded); err != nil {
		return err
	}
	return c.flushWrites(ctx, after, expanded)
}

func (c *Client) askKnown(ctx context.Context, after string, expanded int64) error {
	question, want, ok := c.knownQuestion()
	if !ok { // nothing was asked yet
		question = settleQuestions[0]
		if _, err := c.ask(ctx, question); err != nil {
			return err
		}
		want = c.known[question]
	}
	text, err := c.do(ctx, question, c.writeLimit(max(1, expanded)), c.onLine)
	var remote *RemoteError
	switch {
	case errors.As(err, &remote):
		if !want.okay && remote.Message == want.text {
			return nil
		}
		late := &RemoteError{after + " (reported late)", remote.Message}
		c.broken = late // the answer to the question is still to come
		return late
	case err != nil:
		return err
	case want != reply{true, text}:
		c.broken = &ProtocolError{after, fmt.Sprintf("an answer is left over: %s was answered with %q, and now with %q", question, want.text,
			text)}
		return c.broken
	}
	return nil
}

// gblQuestion is answered by Google's GBL only. The commands wait for its background
// writes; the second is the newer name.
const gblQuestion = "getvar:gbl-default-block"

var gblFlushes = []string{"oem gbl-sync-blocks", "oem gbl-sync-tasks"}

// flushWrites waits for background writes, where the bootloader can have some.
func (c *Client) flushWrites(ctx context.Context, after string, expanded int64) error {
	if c.flushes == nil {
		text, err := c.query(ctx, gblQuestion, c.onLine)
		var remote *RemoteError
		if err != nil && !errors.As(err, &remote) {
			return err
		}
		c.flushes = []string{}
		if err == nil && (text == "None" || isSize(text)) {
			c.flushes = gblFlushes
		}
	}
	for _, command := range c.flushes {
		_, err := c.do(ctx, command, c.writeLimit(max(1, expanded)), c.onLine)
		var remote *RemoteError
		if errors.As(err, &remote) {
			if m := remote.Meaning(); m == MeansNoCommand || m == MeansRefused {
				continue
			}
			return &RemoteError{after + " (reported late)", remote.Message}
		}
		return err
	}
	return nil
}

func isSize(text string) bool {
	_, err := ParseSize(text, false)
	return err == nil
}
