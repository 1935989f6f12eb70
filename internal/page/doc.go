// Package page is the station's page: what the board shows, in a browser, and the numbers
// for Prometheus.
//
// It is a front end like the others: it shows a station.View and gives station.Orders, and
// knows nothing else of the station. What it sends is made here, on the station, as HTML:
//
//   - /, the board; /events sends its changed parts as server-sent events. The one script
//     only puts them in place; without it the page loads itself anew.
//   - /jobs, /job/ID, /tablet, /port/NAME: the jobs of some days, one of any day, all of one
//     tablet, one port and its history.
//   - /report, yields, what tablets did not pass for, how long things take.
//   - /supervisor, /confirm, /order: a supervisor's decisions. Only a POST to /order acts.
//   - /metrics, /healthz, /readyz.
//
// Who may do what. On loopback, whoever uses this machine. On any other address the page
// needs TLS and a token; everything but the two health checks and the files of the form for
// the token then needs the token too, because serial numbers are nobody else's business. A
// request for a host that is not this one is refused (DNS rebinding), and so is a POST that
// another site caused (net/http.CrossOriginProtection). Nothing is loaded from elsewhere:
// the content security policy allows own files only, and no style or script within a page.
//
// Text from tablets was cleaned where it came in; html/template escapes it here.
package page
