// This file counts the results of a run, for the last event of it.

package ui

import "github.com/zarya-station/zarya/flash"

// Summary is the last event of a run; a killed run has none.
type Summary struct {
	Passed      int     `json:"passed"`      // jobs with the result pass
	Compliant   int     `json:"compliant"`   // jobs with the result compliant
	Failed      int     `json:"failed"`      // jobs with the result fail
	Interrupted int     `json:"interrupted"` // jobs with the result interrupted
	Skipped     int     `json:"skipped"`     // jobs with the result skipped
	Seconds     float64 `json:"seconds"`     // how long the run took
	Retryable   int     `json:"retryable"`   // jobs for which another try may pass
	Exit        int     `json:"exit"`        // the exit code
	// why the command ended before any job started; left out otherwise
	Error *SummaryError `json:"error,omitempty"`
}

// SummaryError is an error that ended a verb, for programs.
type SummaryError struct {
	Class   string `json:"class"`            // usage, invalid, no-device, in-use, station, identity, ledger, internal
	Message string `json:"message"`          // what is wrong
	Hint    string `json:"hint,omitempty"`   // what to do
	File    string `json:"file,omitempty"`   // where the first of several errors is
	Line    int    `json:"line,omitempty"`   // in that file
	Column  int    `json:"column,omitempty"` // in that line
}

// EventType is the value of "type".
func (Summary) EventType() string { return "summary" }

// Summarize counts results; Seconds and Exit are the caller's.
func Summarize(results []flash.JobDone) Summary {
	var sum Summary
	for _, r := range results {
		switch r.Result {
		case flash.Pass:
			sum.Passed++
		case flash.Compliant:
			sum.Compliant++
		case flash.Interrupted:
			sum.Interrupted++
		case flash.Skipped:
			sum.Skipped++
		case flash.Fail:
			fallthrough
		default:
			sum.Failed++
		}
		if r.Retryable && r.Result != flash.Pass {
			sum.Retryable++
		}
	}
	return sum
}
