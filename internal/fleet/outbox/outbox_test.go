package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
)

func TestEntriesArriveInOrderThroughABouncer(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.url = fleettest.StartBouncer(t, s).StationURL()
	b.write(40)
	b.mustSync(40)
	b.arrived()
	b.mustSync(0)
	b.write(3)
	b.mustSync(3)
	b.arrived()
	if err := os.Remove(cursorPath(b.path)); err != nil { // it is asked for anew
		t.Fatal(err)
	}
	b.write(1)
	b.mustSync(44)
	b.arrived()
	// Sent twice, it is there once: an answer that was lost.
	f := b.forwarder()
	if f.db, _ = b.connect(t.Context()); f.db == nil {
		t.Fatal("no connection")
	}
	batch, err := f.ledger.After(t.Context(), "a", 10, 20)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := f.send(t.Context(), batch); err != nil || a.fault.Kind != "" || a.seq != 44 {
		t.Errorf("%+v %v", a, err)
	}
	b.arrived()
}

func TestManyBeginAMonthAtOnce(t *testing.T) {
	s := fleettest.Start(t)
	var list []*bench
	for i := range 8 {
		b := newBench(t, s, fmt.Sprintf("s%d", i))
		b.write(3)
		list = append(list, b)
	}
	for _, lost := range []bool{false, true} { // the partition too: the next month begins
		if lost {
			s.Exec(`DO $$ BEGIN EXECUTE (SELECT 'DROP TABLE ' || min(tableoid::regclass::text) FROM zarya.entry); END $$;
				DELETE FROM zarya.boot; UPDATE zarya.head SET seq = 0, hash = decode(repeat('00', 32), 'hex'), boot = ''`)
		}
		var all sync.WaitGroup
		for _, b := range list {
			f := b.forwarder()
			all.Go(func() {
				if _, err := f.Sync(t.Context()); err != nil {
					t.Errorf("%s: %v", b.name, err)
				}
			})
		}
		all.Wait()
		for _, b := range list {
			b.arrived()
		}
	}
}

func TestFaultsStopOneStationOnly(t *testing.T) {
	s := fleettest.Start(t)
	other := newBench(t, s, "other")
	other.write(5)
	other.mustSync(5)
	for name, test := range map[string]func(*testing.T, *bench){
		"fork": func(t *testing.T, b *bench) {
			twin := b.clone()
			b.write(2)
			b.mustSync(2)
			twin.write(3) // as many, and more
			twin.caught(fleet.Fork, 12)
			b.caught(fleet.Fork, 12) // who is the right one is for a person to say
			b.resume()
			b.write(1)
			b.mustSync(1)
			twin.caught(fleet.Fork, 13)
		},
		"a clone that did nothing yet": func(t *testing.T, b *bench) {
			twin := b.clone()
			b.boot, twin.boot = "b1", "b2"
			b.mustSync(0)
			twin.mustSync(0) // it might be the machine, started again
			b.caught(fleet.Fork, 11)
			b.resume()
			b.mustSync(0)
			b.boot = "b3"
			b.mustSync(0)
			twin.mustSync(0)
			b.caught(fleet.Fork, 11)
		},
		"a copy on the same machine that did nothing yet": func(t *testing.T, b *bench) {
			b.mustSync(0)
			twin := b.clone()
			twin.mustSync(0)
			b.caught(fleet.Fork, 11)
		},
		"a clone is not believed while it is young": func(t *testing.T, b *bench) {
			b.mustSync(0)
			twin := b.clone().forwarder()
			twin.t.quiet = time.Hour
			copied := *b
			copied.path = twin.o.Ledger
			copied.write(3)
			if err := twin.contact(t.Context()); err != nil || twin.State().Waiting != 3 {
				t.Fatalf("%+v %v", twin.State(), err)
			}
			if err := twin.Confirmed(); err == nil || !strings.Contains(err.Error(), "another machine works with a copy") {
				t.Errorf("%v", err)
			}
			b.caught(fleet.Fork, 11) // the original has spoken
			if _, err := twin.Sync(t.Context()); err == nil || twin.Confirmed() == nil {
				t.Errorf("the clone was believed: %v", err)
			}
		},
		"a new machine is believed after a while": func(t *testing.T, b *bench) {
			twin := b.clone().forwarder()
			twin.t.quiet = 50 * time.Millisecond
			stop := running(t, twin)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // else a failure hangs
			defer cancel()
			if err := twin.Confirm(ctx); err != nil || until(t, twin, "confirmed", func(s State) bool { return s.Confirmed }).Young > 0 {
				t.Errorf("%v", err)
			}
			stop() // or it speaks once more when the fault was taken away, and brings it back
			b.caught(fleet.Fork, 11)
		},
		"set back": func(t *testing.T, b *bench) {
			old := b.clone()
			b.write(4)
			b.mustSync(4)
			old.caught(fleet.SetBack, 11)
		},
		"set back, and went on": func(t *testing.T, b *bench) {
			old := b.clone()
			b.write(4)
			b.mustSync(4)
			old.write(9)
			old.caught(fleet.Fork, 14)
		},
		"gap": func(t *testing.T, b *bench) {
			b.write(5)
			b.alter("DELETE FROM entry WHERE seq = 13")
			b.caught(fleet.Gap, 13)
		},
		"gap where the next one is": func(t *testing.T, b *bench) {
			b.write(5)
			b.alter("DELETE FROM entry WHERE seq = 11")
			b.caught(fleet.Gap, 11)
		},
		"the last that was sent is gone": func(t *testing.T, b *bench) {
			b.write(5)
			b.alter("DELETE FROM entry WHERE seq = 10")
			b.caught(fleet.Gap, 10)
		},
		"changed": func(t *testing.T, b *bench) {
			b.write(5)
			b.alter("UPDATE entry SET body = '{}' WHERE seq = 12")
			b.caught(fleet.Changed, 12)
		},
		"changed, with a hash that fits": func(t *testing.T, b *bench) {
			b.write(5)
			b.alter("UPDATE entry SET hash = zeroblob(32) WHERE seq = 12")
			b.caught(fleet.Changed, 12)
		},
		"changed where it was sent already": func(t *testing.T, b *bench) {
			b.alter("UPDATE entry SET hash = zeroblob(32) WHERE seq = 10")
			b.caught(fleet.Fork, 10)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, s, strings.ReplaceAll(name, " ", "-"))
			b.write(10)
			b.mustSync(10)
			defer func() {
				defer s.Exec("UPDATE zarya.station SET fault = ''") // for the next one
				if t.Failed() {
					return
				}
				other.t = t
				other.write(1)
				other.mustSync(1)
			}()
			test(t, b)
		})
	}
	other.t = t
	other.arrived()
}

func TestAServerThatIsKilledAndComesBack(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(20)
	f := b.forwarder()
	running(t, f)
	until(t, f, "sent", func(s State) bool { return s.Sent == 20 && s.Waiting == 0 })
	for range 2 {
		s.Kill()
		b.write(30) // jobs go on
		state := until(t, f, "away", func(s State) bool { return s.Err != nil && s.Waiting == 30 })
		if state.Oldest.IsZero() || state.Contact.IsZero() || state.Fault != nil {
			t.Errorf("%+v", state)
		}
		s.Restart()
		until(t, f, "back", func(s State) bool { return s.Err == nil && s.Waiting == 0 })
		b.arrived()
	}
}

// Whoever sees that all is sent must not see that something waits, nor the other way round.
func TestSentAndWaitingAreSaidAtOnce(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(50)
	f := b.forwarder()
	running(t, f)
	until(t, f, "sent", func(s State) bool {
		if s.Sent+s.Waiting != 50 || s.Oldest.IsZero() != (s.Waiting == 0) {
			t.Errorf("of 50: %+v", s)
		}
		return s.Sent == 50
	})
}

func TestALineThatIsCutAndSwallows(t *testing.T) {
	s := fleettest.Start(t)
	wire := fleettest.NewWire(t, s)
	b := newBench(t, s, "a")
	b.url = wire.StationURL()
	b.write(5)
	f := b.forwarder()
	f.t.answer = time.Second
	running(t, f)
	until(t, f, "sent", func(s State) bool { return s.Sent == 5 })
	sent := int64(5)
	for limit := 100; limit < 20_000; limit += 3700 { // somewhere in what is sent
		wire.CutAfter(limit)
		b.write(25)
		sent += 25
		until(t, f, "sent", func(s State) bool { return s.Sent == sent && s.Waiting == 0 && s.Err == nil })
	}
	b.arrived()
	wire.Block()
	b.write(9)
	until(t, f, "swallowed", func(s State) bool { return s.Err != nil && s.Waiting == 9 })
	wire.Unblock()
	until(t, f, "let through", func(s State) bool { return s.Err == nil && s.Waiting == 0 })
	b.arrived()
	if f.State().Fault != nil {
		t.Errorf("%+v", f.State().Fault)
	}
}

func TestARestartIsConfirmedWithoutALine(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(3)
	b.mustSync(3)
	confirmed := func(b bench, want bool) {
		t.Helper()
		b.url = "postgres:///zarya?host=/nowhere"
		f := b.forwarder()
		if _, err := f.Sync(t.Context()); err == nil || (f.Confirmed() == nil) != want {
			t.Errorf("confirmed: %v, want %v", f.Confirmed(), want)
		}
	}
	confirmed(*b, true)
	b.write(2)
	confirmed(*b, true)
	rebooted := *b
	rebooted.boot = "another" + fileMark + "1"
	confirmed(rebooted, false)
	confirmed(*b.clone(), false)
	b.alter("DELETE FROM entry WHERE seq > 2") // an older copy, in the file's place
	confirmed(*b, false)
}

func TestAnAnswerThatNeverComesIsNoConfirmation(t *testing.T) {
	s := fleettest.Start(t)
	wire := fleettest.NewWire(t, s)
	b := newBench(t, s, "a")
	b.url = wire.StationURL()
	b.write(1)
	wire.Block()
	f := b.forwarder()
	running(t, f)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := f.Confirm(ctx); err == nil || !strings.Contains(err.Error(), "has not answered") {
		t.Error(err)
	}
	wire.Unblock()
	if err := f.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestARevokedStationAndANewerForm(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(3)
	f := b.forwarder()
	running(t, f)
	until(t, f, "sent", func(s State) bool { return s.Sent == 3 })
	s.Exec("INSERT INTO zarya.schema_version (version_id, is_applied) VALUES (9999, true)")
	b.write(1)
	var version *fleet.VersionError
	if _, err := b.sync(); !errors.As(err, &version) {
		t.Errorf("a newer form: %v", err)
	}
	s.Exec("DELETE FROM zarya.schema_version WHERE version_id = 9999")
	if err := fleettest.Open(t, s.URL(fleettest.Supervisor), fleet.Login{}).Revoke(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	b.write(1)
	until(t, f, "refused", func(s State) bool { return fleet.IsRefused(s.Err) && s.Waiting > 0 })
}

func TestADatabaseThatWasRestoredGetsTheRestAgain(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(20)
	b.mustSync(20)
	s.Exec(`DELETE FROM zarya.entry WHERE seq > 8;
		UPDATE zarya.head h SET seq = e.seq, hash = e.hash FROM zarya.entry e WHERE e.seq = 8`)
	f := b.forwarder()
	if _, err := f.Sync(t.Context()); err != nil || f.State().Rewound != 20 {
		t.Fatalf("%+v %v", f.State(), err)
	}
	b.arrived()
	list, err := fleettest.Open(t, s.URL(fleettest.Reader), fleet.Login{}).Stations(t.Context())
	if err != nil || list[0].Rewound != 20 || list[0].Last != 20 {
		t.Errorf("%+v %v", list, err)
	}
	// Another database has had nothing: that is no restored one.
	s.Exec(`UPDATE zarya.fleet SET id = gen_random_uuid(); DELETE FROM zarya.entry; DELETE FROM zarya.boot;
		DELETE FROM zarya.head; INSERT INTO zarya.head (station) VALUES ('a')`)
	f = b.forwarder()
	if _, err := f.Sync(t.Context()); err != nil || f.State().Rewound != 0 {
		t.Fatalf("%+v %v", f.State(), err)
	}
	b.arrived()
}

// What a station that does not ask first would send: the database looks for itself.
func TestTheDatabaseComparesWhatItIsSent(t *testing.T) {
	s := fleettest.Start(t)
	b := newBench(t, s, "a")
	b.write(10)
	b.mustSync(10)
	twin := b.clone()
	b.write(2)
	b.mustSync(2)
	twin.write(4)
	f := twin.forwarder()
	var err error
	if f.db, err = twin.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	for from, want := range map[int64]fleet.Fault{
		9: {Kind: fleet.Fork, Seq: 11}, 12: {Kind: fleet.Fork, Seq: 13}, 13: {Kind: fleet.Gap, Seq: 13},
	} {
		batch, err := f.ledger.After(t.Context(), "a", from, 10)
		if err != nil {
			t.Fatal(err)
		}
		a, err := f.send(t.Context(), batch)
		if err != nil || a.fault.Kind != want.Kind || a.fault.Seq != want.Seq || a.seq != 12 {
			t.Errorf("from %d: %+v %v, want %+v", from, a, err, want)
		}
		b.arrived()
		b.resume()
	}
}
