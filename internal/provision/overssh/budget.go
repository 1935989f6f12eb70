// This file bounds what a booted tablet may send: an endless answer ends its own session, and
// never the memory of the station.

package overssh

import (
	"net"
	"sync/atomic"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
)

// callBudget is how many bytes one call may bring, the protocols' own included: twice the
// largest file that is read, in the smallest pieces that SFTP makes.
const callBudget = 2 * provision.MaxFile

// budgetConn is a connection that ends when the tablet sends more than a call may bring.
type budgetConn struct {
	net.Conn
	got   atomic.Int64 // bytes since the call began
	spent atomic.Bool  // the budget
}

// begin gives the next call its budget.
func (c *budgetConn) begin() { c.got.Store(0) }

// Read reads, as long as the budget lasts.
func (c *budgetConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.got.Add(int64(n)) > callBudget {
		c.spent.Store(true)
		_ = c.Close() // whatever waits for the tablet returns
		return 0, errTooMuch
	}
	return n, err
}

// errTooMuch is a tablet that sends without end.
var errTooMuch = failf(flash.ClassDevice, "set the tablet aside: its system does not behave as a tablet's",
	"the booted tablet sent more than %d MiB in one answer", callBudget>>20)
