// Package station is a bench that works all day by itself: tablets are plugged in and
// taken out, and each arrival becomes one job.
//
// A Station has the ports of one bench. It hears of arrivals and departures, gives jobs to
// a flash.Engine, and keeps for each port what a person must see. What it shows is a [View];
// a front end (board, page, plain lines, metrics) asks for it with [Station.View] and waits
// with [Station.Changed]. What a person decides comes in as an [Order].
package station
