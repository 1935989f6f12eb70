// This file reads times as people write them.

package report

import (
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/problem"
)

// ParseMoment reads a TIME; "" is the zero time. whole takes all of a day that is named.
func ParseMoment(text string, now time.Time, whole bool) (time.Time, error) {
	midnight := func(t time.Time, days int) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, time.Local)
	}
	end := 0
	if whole {
		end = 1
	}
	if text == "" {
		return time.Time{}, nil
	}
	if text == "today" {
		return midnight(now, end), nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return midnight(t, end), nil
	}
	for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 100_000 {
			return midnight(now, -n), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, problem.New(problem.Usage,
		"write a date (2026-11-26), a date with a time (2026-11-26T14:00), today, or how long ago (8h, 7d)",
		"%q is no time", text)
}
