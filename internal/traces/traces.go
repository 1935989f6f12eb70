// Package traces keeps, for each job of a station, what went over its wire and what was said:
// packets as they were, payloads as their length, and between them which step began and how
// it ended. A person reads it on the page when a tablet failed.
//
// A trace is bounded: its first lines and its last, each cut. So is a [Store]: it keeps the
// newest traces that fit its room. A trace that cannot be written stops nothing and is
// missing; the ledger is what counts.
package traces

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Bounds of one trace.
const (
	firstLines = 300
	lastLines  = 1200
	maxText    = 300     // bytes of one line's text
	maxTrace   = 2 << 20 // bytes that are read of one file, whoever wrote it
)

// Room is how much a store keeps; the oldest go first.
type Room struct {
	Files int
	Bytes int64
}

// Usual is the room of a station: weeks of its jobs.
var Usual = Room{Files: 5000, Bytes: 256 << 20}

// Line is one line of a trace.
type Line struct {
	TS    string `json:"ts"`              // RFC 3339, UTC
	Dir   string `json:"dir"`             // > to the tablet, < from it, = of the job, … lines left out
	Text  string `json:"text,omitempty"`  // cleaned
	Bytes int64  `json:"bytes,omitempty"` // of a payload
	Error string `json:"error,omitempty"` // cleaned
}

// recording is a trace that is being made.
type recording struct {
	first, last []Line // last is a ring once it is full
	dropped     int
}

func (r *recording) add(l Line) {
	l.Text, l.Error = untrusted.Line(l.Text, maxText), untrusted.Line(l.Error, maxText)
	switch {
	case len(r.first) < firstLines:
		r.first = append(r.first, l)
	case len(r.last) < lastLines:
		r.last = append(r.last, l)
	default:
		r.last[r.dropped%lastLines] = l
		r.dropped++
	}
}

// lines are what is kept, in order.
func (r *recording) lines() []Line {
	all := slices.Clone(r.first)
	at := r.dropped % lastLines
	if r.dropped > 0 {
		all = append(all, Line{TS: r.last[at].TS, Dir: "…", Bytes: int64(r.dropped)})
	}
	return append(append(all, r.last[min(at, len(r.last)):]...), r.last[:min(at, len(r.last))]...)
}

// file is a trace that is kept.
type file struct {
	name string
	size int64
}

// Store keeps traces in a folder. It is a sink of events. Its methods may be called from
// several goroutines.
type Store struct {
	root *os.Root
	room Room
	warn func(format string, args ...any)

	mu      sync.Mutex
	places  map[string]*recording // guarded by mu; by where the tablet is
	jobs    map[string]string     // guarded by mu; where the jobs under way are
	ended   map[string][]Line     // guarded by mu; of jobs that ended, until they are in their files
	files   []file                // guarded by mu; the oldest first
	bytes   int64                 // guarded by mu; of all files
	warned  bool                  // guarded by mu
	writing sync.WaitGroup
}

// Open opens the store in a folder, making it. warn is told once of the first trace that
// cannot be written.
func Open(dir string, room Room, warn func(format string, args ...any)) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root, room: room, warn: warn, places: map[string]*recording{}, jobs: map[string]string{},
		ended: map[string][]Line{}}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	age := map[string]time.Time{}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && isFile.MatchString(e.Name()) {
			s.files, age[e.Name()] = append(s.files, file{e.Name(), info.Size()}), info.ModTime()
			s.bytes += info.Size()
		}
	}
	slices.SortFunc(s.files, func(a, b file) int { return age[a.name].Compare(age[b.name]) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrink()
	return s, nil
}

var (
	isJob  = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
	isFile = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.jsonl$`)
)

// at is the recording of a place. s.mu is held.
func (s *Store) at(place string) *recording {
	r := s.places[place]
	if r == nil {
		r = &recording{}
		s.places[place] = r
	}
	return r
}

// Wire takes a line of a tracer.
func (s *Store) Wire(l fastboot.TraceLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at(l.Target).add(Line{TS: l.TS, Dir: l.Dir, Text: l.Packet, Bytes: l.Bytes, Error: l.Error})
}

// Event takes an event of a job: what begins and ends, and what was said. With its end the
// trace is written: the next job in its place begins later.
func (s *Store) Event(e flash.Event) {
	l := Line{TS: e.Time.UTC().Format(time.RFC3339Nano), Dir: "="}
	switch b := e.Body.(type) {
	case flash.JobStarted:
	case flash.StepStarted:
		l.Text = b.Step + ": begins"
	case flash.StepDone:
		l.Text = fmt.Sprintf("%s: %s, %.2fs", b.Step, b.Result, b.Seconds)
	case flash.StateChanged:
		l.Text = string(b.State)
	case flash.Waiting:
		l.Text = "waits for: " + b.For
	case flash.Retry:
		l.Text, l.Error = b.Step+": again", b.Message
	case flash.Warning:
		l.Text = b.Message
	case flash.Log:
		l.Text = b.Message
	case flash.JobDone:
		l.Text, l.Error = string(b.Result), b.Error
	default:
		return
	}
	if e.Job == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	place, known := s.jobs[e.Job]
	if !known { // it has its place from its first event to its last: a serial comes later
		place = e.Label()
		s.jobs[e.Job] = place
	}
	if l.Text != "" {
		s.at(place).add(l)
	}
	if _, ended := e.Body.(flash.JobDone); ended {
		lines := s.at(place).lines()
		delete(s.places, place)
		delete(s.jobs, e.Job)
		if isFile.MatchString(e.Job + ".jsonl") {
			s.ended[e.Job] = lines
			s.writing.Go(func() { s.write(e.Job, lines) })
		}
	}
}

// write keeps a trace, and lets go of the oldest that there is no room for.
func (s *Store) write(job string, lines []Line) {
	name := job + ".jsonl"
	size, err := s.put(name, lines)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ended, job)
	if err != nil {
		_ = s.root.Remove(name) // half of one is none
		if !s.warned && s.warn != nil {
			s.warned = true
			s.warn("the trace of job %s, and of others perhaps, is not kept: %v", job, err)
		}
		return
	}
	s.files, s.bytes = append(s.files, file{name, size}), s.bytes+size
	s.shrink()
}

func (s *Store) put(name string, lines []Line) (size int64, err error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return 0, err
		}
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	return f.Seek(0, io.SeekCurrent)
}

// shrink removes the oldest files until the rest fits. s.mu is held.
func (s *Store) shrink() {
	for len(s.files) > s.room.Files || s.bytes > s.room.Bytes && len(s.files) > 0 {
		_ = s.root.Remove(s.files[0].name) // one that is gone already is gone
		s.bytes -= s.files[0].size
		s.files = s.files[1:]
	}
}

// Lines are the trace of a job, as far as it is kept; of one under way, what there is yet; of one
// that has just ended, all of it, whether or not it is in its file.
// None is no error. What stands in the file is read as what anybody may have written.
func (s *Store) Lines(job string) ([]Line, error) {
	if !isJob.MatchString(job) {
		return nil, nil
	}
	s.mu.Lock()
	place, under := s.jobs[job]
	if under {
		defer s.mu.Unlock()
		return s.at(place).lines(), nil
	}
	lines, writing := s.ended[job]
	s.mu.Unlock()
	if writing {
		return lines, nil
	}
	f, err := s.root.Open(job + ".jsonl")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return read(f)
}

// read reads lines from whatever it is given.
func read(from io.Reader) (list []Line, err error) {
	in := bufio.NewScanner(io.LimitReader(from, maxTrace))
	for in.Scan() && len(list) <= firstLines+lastLines {
		var l Line
		if json.Unmarshal(in.Bytes(), &l) != nil {
			continue // the end of a file that was cut off, or none of ours
		}
		l.TS, l.Dir = untrusted.Line(l.TS, 40), untrusted.Line(l.Dir, 4)
		l.Text, l.Error = untrusted.Line(l.Text, maxText), untrusted.Line(l.Error, maxText)
		list = append(list, l)
	}
	if err := in.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, err
	}
	return list, nil
}

// Close returns when all traces are written.
func (s *Store) Close() error {
	s.writing.Wait()
	return s.root.Close()
}
