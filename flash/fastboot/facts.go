// This file asks devices for facts. What a bootloader refuses, does not know or
// answers with nothing is not told: never yes, never no.

package fastboot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Answer is a device's answer to a yes-or-no question.
type Answer int

// The answers.
const (
	NotTold Answer = iota
	Yes
	No
)

func (a Answer) String() string { return [...]string{"not told", "yes", "no"}[a] }

// Fact is something a device told, or did not.
type Fact struct {
	Told   bool
	Value  string
	Source string // the question that was answered, such as "getvar:product"
}

// ask puts one question. A refusal and an empty answer are not told; only a
// failure of the connection is an error.
func (c *Client) ask(ctx context.Context, question string) (Fact, error) {
	var lines []string
	text, err := c.query(ctx, question, func(l string) { lines = append(lines, l) })
	var remote *RemoteError
	if errors.As(err, &remote) {
		return Fact{Source: question}, nil
	}
	if err != nil {
		return Fact{}, err
	}
	value := text
	if strings.HasPrefix(question, "oem ") && len(lines) > 0 {
		value = strings.TrimSpace(strings.Join(append(lines, text), "\n"))
	}
	for _, n := range nothings {
		if strings.EqualFold(value, n) {
			return Fact{Source: question}, nil
		}
	}
	return Fact{Told: true, Value: value, Source: question}, nil
}

// Var asks for one variable as a fact.
func (c *Client) Var(ctx context.Context, name string) (Fact, error) {
	return c.ask(ctx, "getvar:"+name)
}

// Product asks what the tablet is, by the first question that is answered.
func (c *Client) Product(ctx context.Context) (Fact, error) {
	for _, q := range productQuestions {
		f, err := c.ask(ctx, q)
		if f.Value = strings.TrimPrefix(f.Value, ":"); err != nil || f.Value != "" {
			return f, err
		}
	}
	return Fact{}, nil
}

// Serial asks for the serial number. A placeholder is not told.
func (c *Client) Serial(ctx context.Context) (Fact, error) {
	f, err := c.Var(ctx, "serialno")
	if PlaceholderSerial(f.Value) {
		return Fact{Source: f.Source}, err
	}
	return f, err
}

// Unlocked asks every question about the lock and believes the strictest answer.
func (c *Client) Unlocked(ctx context.Context) (Answer, string, error) {
	answer, source := NotTold, ""
	for _, q := range lockQuestions {
		f, err := c.ask(ctx, q.command)
		if err != nil {
			return NotTold, "", err
		}
		for line := range strings.SplitSeq(f.Value, "\n") {
			word := line
			if q.key != "" {
				key, value, _ := strings.Cut(line, ":")
				if !strings.EqualFold(strings.TrimSpace(key), q.key) {
					continue
				}
				word = value
			}
			switch wordOf(word, q.unlocked, q.locked) {
			case No:
				return No, q.command, nil
			case Yes:
				if answer == NotTold {
					answer, source = Yes, q.command
				}
			case NotTold:
			}
		}
	}
	return answer, source, nil
}

// wordOf compares a whole word, letter case and white space around it aside.
func wordOf(said string, yes, no []string) Answer {
	said = strings.ToLower(strings.TrimSpace(said))
	switch {
	case slices.Contains(yes, said):
		return Yes
	case slices.Contains(no, said):
		return No
	}
	return NotTold
}

// ParseAnswer reads what bootloaders say for yes (yes, true, 1) and no (no, false, 0), in
// any case. Everything else, a sentence with such a word in it too, is not told.
func ParseAnswer(said string) Answer { return wordOf(said, yesWords, noWords) }

// yesNo asks a variable whose values are yes and no.
func (c *Client) yesNo(ctx context.Context, name string) (Answer, error) {
	f, err := c.Var(ctx, name)
	if err != nil || !f.Told {
		return NotTold, err
	}
	return ParseAnswer(f.Value), nil
}

// HasSlot asks whether a partition exists once per slot.
func (c *Client) HasSlot(ctx context.Context, partition string) (Answer, error) {
	return c.yesNo(ctx, "has-slot:"+partition)
}

// IsLogical asks whether a partition lives inside super.
func (c *Client) IsLogical(ctx context.Context, partition string) (Answer, error) {
	return c.yesNo(ctx, "is-logical:"+partition)
}

// IsUserspace asks whether this is fastbootd.
func (c *Client) IsUserspace(ctx context.Context) (Answer, error) {
	return c.yesNo(ctx, "is-userspace")
}

// SlotCount asks how many slots there are; 0 is not told.
func (c *Client) SlotCount(ctx context.Context) (int, error) {
	f, err := c.Var(ctx, "slot-count")
	if err != nil || !f.Told {
		return 0, err
	}
	n, err := strconv.Atoi(f.Value)
	if err != nil || n < 0 {
		return 0, nil //nolint:nilerr // what cannot be read is not reported
	}
	return n, nil
}

// BatteryOK asks whether the battery suffices for flashing.
func (c *Client) BatteryOK(ctx context.Context) (Answer, error) {
	return c.yesNo(ctx, "battery-soc-ok")
}

// CurrentSlot asks for the active slot, without an underscore.
func (c *Client) CurrentSlot(ctx context.Context) (Fact, error) {
	f, err := c.Var(ctx, "current-slot")
	f.Value = strings.TrimPrefix(f.Value, "_")
	f.Told = f.Value != ""
	return f, err
}

// MaxDownload asks how many bytes one download may have; 0 is not told.
func (c *Client) MaxDownload(ctx context.Context) (int64, error) {
	return c.size(ctx, "max-download-size", true)
}

// MaxFetch asks how many bytes one fetch may have; 0 is not told.
func (c *Client) MaxFetch(ctx context.Context) (int64, error) {
	return c.size(ctx, "max-fetch-size", true)
}

// PartitionSize asks for the size of a partition in bytes; 0 is not told. It is
// hexadecimal, with or without 0x (AOSP fastboot README, partition-size).
func (c *Client) PartitionSize(ctx context.Context, partition string) (int64, error) {
	return c.size(ctx, "partition-size:"+partition, false)
}

func (c *Client) size(ctx context.Context, name string, decimal bool) (int64, error) {
	f, err := c.Var(ctx, name)
	if err != nil || !f.Told {
		return 0, err
	}
	n, err := ParseSize(f.Value, decimal)
	switch {
	case decimal && errors.Is(err, strconv.ErrRange):
		return math.MaxInt64, nil // Google's GBL says 0xffffffffffffffff for no limit
	case err != nil:
		return 0, nil //nolint:nilerr // what cannot be read is not reported
	}
	return n, nil
}

// ParseSize reads a size as bootloaders write it: 0x and hexadecimal, or digits
// that are decimal (max-download-size of Kirin) or hexadecimal as the caller
// knows. 64 bits; negative and larger numbers are errors.
func ParseSize(s string, decimal bool) (int64, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	base := 16
	if rest, ok := strings.CutPrefix(s, "0x"); ok {
		s = rest
	} else if decimal && !strings.ContainsAny(s, "abcdef") {
		base = 10
	}
	n, err := strconv.ParseUint(s, base, 63) // takes no sign
	if err != nil {
		return 0, fmt.Errorf("%q is not a size (%w)", s, errors.Unwrap(err))
	}
	return int64(n), nil
}
