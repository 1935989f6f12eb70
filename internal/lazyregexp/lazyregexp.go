// Package lazyregexp has regular expressions that are compiled at their first use.
//
// A command that runs for milliseconds must not pay for the expressions of every other
// command: compiling all that the program has takes several milliseconds. A variable of a
// package is therefore made with [New]; an expression that is local to a function that is
// called once may as well use package regexp. What is wrong with an expression is found by
// the tests of whoever uses it: the first use panics.
package lazyregexp

import (
	"regexp"
	"regexp/syntax"
	"sync"
)

// Regexp is a regular expression, safe for use by several goroutines at once.
type Regexp struct {
	text string
	once sync.Once
	re   *regexp.Regexp
}

// New makes an expression ready to be compiled.
func New(text string) *Regexp { return &Regexp{text: text} }

// Get returns the compiled expression.
func (r *Regexp) Get() *regexp.Regexp {
	r.once.Do(func() { r.re = regexp.MustCompile(r.text) })
	return r.re
}

// String is the expression as it was written.
func (r *Regexp) String() string { return r.text }

// MatchString is that of [regexp.Regexp].
func (r *Regexp) MatchString(s string) bool { return r.Get().MatchString(s) }

// FindStringSubmatch is that of [regexp.Regexp].
func (r *Regexp) FindStringSubmatch(s string) []string { return r.Get().FindStringSubmatch(s) }

// UnmarshalText takes an expression from a document.
func (r *Regexp) UnmarshalText(text []byte) error {
	if _, err := syntax.Parse(string(text), syntax.Perl); err != nil {
		return err
	}
	r.text = string(text)
	return nil
}
