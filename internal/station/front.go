// This file is what front ends use of a station: the board, the page and the plain lines.

package station

import "context"

// Front is what a front end needs of a station. *Station is one; tests show views of their
// own.
type Front interface {
	// View is what there is to show now.
	View() View
	// Changed is closed at the next change of the view. Who takes it before View misses
	// nothing.
	Changed() <-chan struct{}
	// Do carries out what a person decides. What cannot be done is an error for a person.
	Do(ctx context.Context, o Order) error
	// Lines are the last lines that a port's tablet and its job said, the oldest first.
	Lines(port string) []string
}

// Order is a decision of a person. Which of its fields count depends on Do.
type Order struct {
	Do          OrderKind
	Port        string // clear, set-aside, use, stop-port
	Value       string // operator, lot
	Record      string // disposition
	Disposition string // rework, scrap, quarantine
	By          string // the badge of who decided it; "" is not known
	// Scan is an order that waits for the scan of a badge, which becomes its By. With Early, one
	// that was scanned just before is good too: the order was scanned itself.
	Scan, Early bool
	// Machine is an order of whoever rules this machine, such as a signal: it needs no badge.
	Machine bool
}

// Supervised reports whether only a supervisor gives such orders.
func (k OrderKind) Supervised() bool {
	return k != OrderOperator && k != OrderLot && k != OrderBadge
}

// OrderKind is what is decided.
type OrderKind string

// The orders.
const (
	OrderClear       OrderKind = "clear"       // forget the last result of a port
	OrderSetAside    OrderKind = "set-aside"   // begin nothing in a port
	OrderUse         OrderKind = "use"         // begin jobs in a port again
	OrderStopPort    OrderKind = "stop-port"   // stop the job in a port after its command
	OrderStop        OrderKind = "stop"        // no new jobs; the station ends when the running ones have
	OrderReload      OrderKind = "reload"      // read profiles and bundles again
	OrderOperator    OrderKind = "operator"    // who works here from now on
	OrderLot         OrderKind = "lot"         // the lot of the tablets from now on
	OrderGolden      OrderKind = "golden"      // the next unit that is plugged in is a golden or test unit
	OrderNotGolden   OrderKind = "not-golden"  // it is not
	OrderBadge       OrderKind = "badge"       // the supervisor's badge in Value was scanned
	OrderDisposition OrderKind = "disposition" // the decision about a failed tablet
)
