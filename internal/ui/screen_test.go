// A terminal in memory: what a person would see on it.

package ui

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// screen is a small terminal: what of ECMA-48 the board uses, and an error for
// everything else.
type screen struct {
	mu     sync.Mutex
	t      *testing.T
	cells  [][]rune
	x, y   int
	w, h   int
	hidden bool
	scroll []string
}

func newScreen(t *testing.T, w, h int) *screen {
	s := &screen{t: t, w: w, h: h}
	s.clear()
	return s
}

func (s *screen) clear() {
	s.cells = make([][]rune, s.h)
	for i := range s.cells {
		s.cells[i] = []rune(strings.Repeat(" ", s.w))
	}
}

func (s *screen) size() (int, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w, s.h
}

func (s *screen) resize(w, h int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w, s.h = w, h
	s.clear()
	s.x, s.y = 0, h-1
}

func (s *screen) newline() {
	if s.y++; s.y == s.h {
		s.scroll = append(s.scroll, strings.TrimRight(string(s.cells[0]), " "))
		s.cells = append(s.cells[1:], []rune(strings.Repeat(" ", s.w)))
		s.y--
	}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := []rune(string(p))
	for i := 0; i < len(text); i++ {
		switch r := text[i]; {
		case r == '\r':
			s.x = 0
		case r == '\n':
			s.newline()
		case r == 0x1b:
			end := i + 2
			for text[end] < '@' {
				end++
			}
			s.control(string(text[i+2:end]), text[end])
			i = end
		case r < ' ':
			s.t.Errorf("control character %#x", r)
		default:
			if s.x == s.w { // the line is full: it wraps
				s.x = 0
				s.newline()
			}
			s.cells[s.y][s.x] = r
			s.x++
		}
	}
	return len(p), nil
}

func (s *screen) control(args string, final rune) {
	n, _ := strconv.Atoi(args)
	switch {
	case final == 'A':
		s.y = max(0, s.y-max(1, n))
	case final == 'H' && args == "":
		s.x, s.y = 0, 0
	case final == 'K' && n == 2:
		s.cells[s.y] = []rune(strings.Repeat(" ", s.w))
	case final == 'J' && args == "":
		for i := range s.cells {
			if i > s.y {
				s.cells[i] = []rune(strings.Repeat(" ", s.w))
			} else if i == s.y {
				for x := s.x; x < s.w; x++ {
					s.cells[i][x] = ' '
				}
			}
		}
	case final == 'l' && args == "?25":
		s.hidden = true
	case final == 'h' && args == "?25":
		s.hidden = false
	case final == 'm':
	default:
		s.t.Errorf("control sequence CSI %s %c", args, final)
	}
}

func (s *screen) cursorHidden() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hidden
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, line := range s.cells {
		b.WriteString(strings.TrimRight(string(line), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
