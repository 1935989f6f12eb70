// Package ui shows what happens: a board on a terminal, plain lines off one, JSON events for
// programs, JUnit and annotations for whoever builds, and a closing table.
//
// Each is a [Sink], which is given one [flash.Event] after the other, and several of them are
// one by [Tee]. They are made from the engine's events and from nothing else, so they cannot
// disagree; what an output lacks becomes a field of an event. A sink keeps the first error of
// its writer to itself until it is closed, because a full disk under a log must not stop a
// tablet.
//
// What a tablet says is cleaned before it is drawn, and secrets were taken out of the events
// before they came here. The JSON of events (json.go, [EventVersion]) is a contract:
// docs/events.md.
//
// [DrawTree] is of the same hand and made of no events: what is plugged in, as a tree of hubs.
package ui
