// Package flash is the engine: it brings many tablets, at once and independently
// of each other, through the steps of their jobs.
//
// A [Job] is one attempt to bring one [Target] through a list of [Step] values.
// The [Engine] gives each job one worker that owns the target from first to
// last. The worker connects, learns who the tablet is, lets every step check
// itself against it (nothing is written yet), records the intent, runs the
// steps, records the result, and only then says so. All sequencing is here: a
// step never waits for a reboot, never retries, never asks for another tablet.
//
// What happens is reported as a stream of [Event] values, in order, through
// [Events]; screens, logs, JSON and reports are made of them elsewhere.
//
// One tablet's fault never changes another's outcome: workers share nothing but
// immutable images and the event queue. Every job ends in exactly one [JobDone],
// with the class of its failure, the step, the device's own words and what to
// do, even if a step panics. A job's life is the table of states in state.go; its worker moves
// along it and nowhere else.
//
// A [Session] is what a step sees of its job. What is known there stands in three groups, by
// who writes it: the way to the tablet, the tablet, and the account of the job.
//
// Jobs are submitted one at a time and have a [Handle] each. Stopping has three stages,
// of one job or of all: no further job begins ([Engine.Refuse]); a worker lets the command
// under way end and then stops ([Handle.Stop], [Engine.Drain]); a job stops at once
// ([Handle.Cancel], or its context ends). The last two leave a job INTERRUPTED.
//
// What must wait for a tablet looks at its place again and again; where the target hears of
// arrivals ([Changing]), at once when there is one.
//
// The package is larger than the others, in files and in lines. Two thirds of its files are one
// job's life (connect, preflight, steps, restarts, results) and write the unexported state of
// [Session]; a second package for the steps would have to export all of it, and steps of other
// packages could then write what only the worker may. The rest (events, classes, results, the
// struct of a step) are the words in which everybody who imports the engine speaks of it. What
// knows no session has left: admission, fastboot, image.
package flash
