// This file does many jobs at once, and tells of them: every event to its outputs, and at the
// end the summary, whose exit code the front end says.

package runs

import (
	"context"
	"fmt"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ui"
)

// Batch is jobs that are done together.
type Batch struct {
	Run    string // begins the names of its jobs
	Jobs   []flash.Job
	Engine flash.EngineOptions // its events are made here
	Sink   ui.Sink             // of events; it is closed
	// Drain is closed when no further step is to begin.
	Drain <-chan struct{}
	// Exit is the exit code for the results of the jobs.
	Exit func([]flash.JobDone) int
}

// Jobs makes a job of each target, named after the run.
func Jobs[T flash.Target](run string, targets []T, job func(id string, t flash.Target) flash.Job) (jobs []flash.Job) {
	for i, t := range targets {
		jobs = append(jobs, job(fmt.Sprintf("%s-%d", run, i+1), t))
	}
	return jobs
}

// Do does the jobs, and returns their results and the summary; when ctx ends they are given up.
// Its error is of the outputs.
func (b Batch) Do(ctx context.Context) ([]flash.JobDone, ui.Summary, error) {
	events := flash.NewEvents(b.Run, b.Sink.Event)
	events.Hide(b.Engine.Secrets)
	b.Engine.Events = events
	engine := flash.NewEngine(b.Engine)
	select {
	case <-b.Drain: // before anything began
		engine.Drain()
	default:
	}
	start := time.Now()
	ended, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		select {
		case <-b.Drain:
			engine.Drain()
			events.Emit(flash.Event{Body: flash.Warning{Class: flash.ClassOperator,
				Message: "stopping when the commands under way end; ^C again stops at once"}})
		case <-ended:
		}
	}()
	results := engine.Run(ctx, b.Jobs)
	close(ended)
	<-told
	sum := ui.Summarize(results)
	sum.Seconds, sum.Exit = time.Since(start).Seconds(), b.Exit(results)
	events.Emit(flash.Event{Body: sum})
	events.Close()
	return results, sum, b.Sink.Close()
}
