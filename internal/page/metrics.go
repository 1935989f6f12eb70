// This file is the numbers for Prometheus. None has a serial number in a label.

package page

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/lazyregexp"
	"github.com/zarya-station/zarya/internal/station"
)

// maxKinds is how many kinds of steps are told apart. There are about thirty in this program;
// what comes as another is counted together.
const maxKinds = 64

// Queue is how far something is behind that keeps records: how many it was given and has not
// made durable yet, since when the oldest of them waits (zero: none does), and when it made
// one durable last (zero: not since the start). Options.Queues has one for each place that
// records go to, by its name: the ledger of the station is "ledger", and whatever sends
// records on to a database is to be "outbox".
type Queue struct {
	Pending         int
	Oldest, Written time.Time
}

type metrics struct {
	http.Handler
	registry *prometheus.Registry
	jobs     *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	bytes    prometheus.Counter

	mu    sync.Mutex
	kinds map[string]bool // of steps
}

func newMetrics(s *Server, version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zarya_jobs_total",
			Help: "Jobs that ended, by result and by the class of the failure."}, []string{"result", "class"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "zarya_step_seconds",
			Help: "How long steps took, by their kind, such as flash.", Buckets: prometheus.ExponentialBuckets(.25, 2, 12)}, []string{"step"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "zarya_bytes_total",
			Help: "Raw bytes that were written to tablets."}),
		kinds: map[string]bool{},
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "zarya_build_info", Help: "The program; always 1."},
		[]string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	streams := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zarya_page_streams", Help: "Boards that are open in browsers."},
		func() float64 { return float64(len(s.streams)) })
	m.registry.MustRegister(m.jobs, m.steps, m.bytes, build, streams, shown{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
	return m
}

// Observe counts what the engine tells.
func (s *Server) Observe(e flash.Event) {
	switch b := e.Body.(type) {
	case flash.JobDone:
		s.metrics.jobs.WithLabelValues(string(b.Result), string(b.Class)).Inc()
	case flash.StepDone:
		s.metrics.steps.WithLabelValues(s.metrics.step(b.Step)).Observe(b.Seconds)
		s.metrics.bytes.Add(float64(max(0, b.Bytes)))
	}
}

// step is the label of a step: its kind, which is what stands before its colon. What stands
// after it, a partition or a file, is in no label.
func (m *metrics) step(name string) string {
	kind, _, _ := strings.Cut(name, ":")
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.kinds[kind] && (len(m.kinds) == maxKinds || !isKind.MatchString(kind)) {
		return "other"
	}
	m.kinds[kind] = true
	return kind
}

// isKind is what kinds of steps are called: flash, lock-state.
var isKind = lazyregexp.New(`^[a-z][a-z-]{0,31}$`)

// portStates are all states, so that a state in which no port is counts 0.
var portStates = []station.PortState{station.Empty, station.Detected, station.Identified, station.Preflight, station.Flashing,
	station.Booting, station.Provisioning, station.Checking, station.Silent, station.Away, station.Queued, station.NoIdentity,
	station.YourTurn, station.Passed, station.Compliant, station.Flashed, station.Failed, station.Retry, station.Interrupted,
	station.Skipped, station.Unplugged, station.SetAside, station.Foreign}

// shown collects what the view has when it is asked for.
type shown struct{ s *Server }

var (
	portsDesc  = prometheus.NewDesc("zarya_ports", "Ports by the state that they show.", []string{"state"}, nil)
	uplinkDesc = prometheus.NewDesc("zarya_uplink_bytes_per_second", "What goes over a hub's uplink now.", []string{"hub"}, nil)
	todayDesc  = prometheus.NewDesc("zarya_tablets_today", "Tablets that passed today.", nil, nil)
	leftDesc   = prometheus.NewDesc("zarya_identities_left", "Identities of a pool that the station has left.", []string{"pool"}, nil)
	lastsDesc  = prometheus.NewDesc("zarya_identities_lasting_seconds", "How long they last at the last hour's pace.", []string{"pool"}, nil)
	hourDesc   = prometheus.NewDesc("zarya_tablets_hour", "Tablets that passed within the last hour.", nil, nil)
	waitDesc   = prometheus.NewDesc("zarya_records_waiting", "Records that the database does not have yet.", nil, nil)
	queueDesc  = prometheus.NewDesc("zarya_queue_records",
		"Records that were given to a queue and are not durable there yet.", []string{"queue"}, nil)
	lagDesc = prometheus.NewDesc("zarya_queue_lag_seconds",
		"How long the oldest record of a queue has waited; 0: none waits.", []string{"queue"}, nil)
	lastDesc = prometheus.NewDesc("zarya_queue_last_durable_timestamp_seconds",
		"When a record became durable last; 0: not since the start.", []string{"queue"}, nil)
	drainDesc  = prometheus.NewDesc("zarya_draining", "1: nothing new begins.", nil, nil)
	bannerDesc = prometheus.NewDesc("zarya_notice", "1 while it is shown.", []string{"key"}, nil)
)

// Describe is of prometheus.Collector.
func (c shown) Describe(d chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{portsDesc, uplinkDesc, todayDesc, hourDesc, leftDesc, lastsDesc, waitDesc,
		queueDesc, lagDesc, lastDesc, drainDesc, bannerDesc} {
		d <- desc
	}
}

// Collect is of prometheus.Collector.
func (c shown) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	v := c.s.front.View()
	states, rates := map[station.PortState]int{}, map[string]float64{}
	for _, s := range portStates {
		states[s] = 0
	}
	for _, h := range v.Hubs {
		rates[h.Name] += h.Rate
		for _, p := range h.Ports {
			states[p.State]++
		}
	}
	for s, n := range states {
		gauge(portsDesc, float64(n), string(s))
	}
	for hub, r := range rates {
		gauge(uplinkDesc, r, hub)
	}
	keys := map[string]bool{}
	for _, b := range v.Banners {
		if !keys[b.Key] {
			keys[b.Key] = true
			gauge(bannerDesc, 1, b.Key)
		}
	}
	drain := 0.0
	if v.Draining {
		drain = 1
	}
	for name, ask := range c.s.o.Queues {
		q := ask()
		lag, last := 0.0, 0.0
		if !q.Oldest.IsZero() {
			lag = max(0, time.Since(q.Oldest).Seconds())
		}
		if !q.Written.IsZero() {
			last = float64(q.Written.UnixMilli()) / 1000
		}
		gauge(queueDesc, float64(q.Pending), name)
		gauge(lagDesc, lag, name)
		gauge(lastDesc, last, name)
	}
	waiting := 0 // at a station that is in no fleet
	if v.Fleet != nil {
		waiting = v.Fleet.Waiting
	}
	gauge(waitDesc, float64(waiting))
	gauge(drainDesc, drain)
	gauge(todayDesc, float64(v.Today.Done))
	gauge(hourDesc, v.Today.Hour)
	for _, p := range v.Pools {
		gauge(leftDesc, float64(p.Free), p.Pool)
		if p.Lasts > 0 {
			gauge(lastsDesc, p.Lasts.Seconds(), p.Pool)
		}
	}
}
