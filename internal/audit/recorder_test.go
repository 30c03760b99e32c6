package audit_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// limits are small, so that a test comes to their end.
var limits = audit.Limits{Window: time.Minute, Entries: 20, PerCaller: 5, Burst: 30, Rate: 1}

type desk struct {
	*catalogtest.World
	*audit.Recorder
	store *audit.Store
}

func eachDesk(t *testing.T, test func(t *testing.T, d *desk)) {
	catalogtest.Each(t, func(t *testing.T, w *catalogtest.World) {
		test(t, &desk{w, audit.NewRecorder(w.DB, limits, w.Clock.Now, nil), audit.NewStore(w.DB, w.Clock.Now)})
	})
}

// refuse notes that somebody was refused something.
func (d *desk) refuse(actor, address, repo string) {
	d.Record(lading.AuditRecord{Time: d.Clock.Now(), Count: 1, Action: "manifest_get", Outcome: lading.AuditDenied, Actor: actor, Address: address, Repository: repo})
}

// after lets time pass, as the second of Run does.
func (d *desk) after(passed time.Duration) {
	d.T.Helper()
	d.Clock.Add(passed)
	d.Must(d.FlushDue(d.T.Context()))
}

func (d *desk) all() []lading.AuditRecord {
	d.T.Helper()
	page, err := d.store.Audit(everything(d.T.Context()), lading.AuditQuery{N: lading.MaxPage})
	d.Must(err)
	return page.Records
}

func everything(ctx context.Context) context.Context {
	return lading.WithGrants(ctx, func(context.Context) (lading.Grants, error) { return lading.AllGrants(), nil })
}

// TestCoalesced: the first of equal events is written at once, the others once
// a window, with their number and the times of the first and the last.
func TestCoalesced(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		began := d.Clock.Now()
		d.refuse("user:bob", "::1", "a")
		d.after(time.Second)
		if got := d.all(); len(got) != 1 || got[0].Count != 1 || !got[0].Until.IsZero() || !got[0].Time.Equal(began) {
			t.Fatalf("the first: %+v", got)
		}
		for range 1000 {
			d.refuse("user:bob", "::1", "a")
			d.Clock.Add(10 * time.Millisecond)
		}
		d.refuse("user:eve", "::1", "a")
		d.after(time.Second)
		if got := d.all(); len(got) != 2 || got[0].Actor != "user:eve" {
			t.Fatalf("within a minute: %+v", got)
		}
		d.after(time.Minute)
		got := d.all()
		if len(got) != 3 || got[0].Count != 1000 || got[0].Until.Sub(got[0].Time) != 9990*time.Millisecond {
			t.Fatalf("after a minute: %+v", got)
		}
		d.after(2 * time.Minute)
		if s := d.Stats(); s.Told != 1002 || s.Written != 3 || s.Folded != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
		d.refuse("user:bob", "::1", "a")
		d.after(time.Second)
		if n := len(d.all()); n != 4 {
			t.Errorf("it is not told anew: %d", n)
		}
	})
}

// TestFlood: a caller with very many different refusals does not crowd out
// others, very many callers take no more room than there is, and each event is
// counted.
func TestFlood(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		for i := range 1000 {
			d.refuse("user:eve", "::1", fmt.Sprint("r", i))
		}
		d.refuse("user:bob", "::2", "a")
		d.after(time.Second)
		var eve, bob int64
		for _, r := range d.all() {
			switch {
			case r.Actor == "user:bob" && r.Repository == "a":
				bob += r.Count
			case r.Actor == "user:eve" && (r.Repository != "" || r.Action == "*"):
				eve += r.Count
			}
		}
		if n := len(d.all()); n != 7 || eve != 1000 || bob != 1 {
			t.Errorf("%d records, of eve %d, of bob %d", n, eve, bob)
		}
		for i := range 1000 {
			d.refuse("", fmt.Sprint("10.0.0.", i), "a")
		}
		if s := d.Stats(); s.Waiting > int64(limits.Entries)+2 {
			t.Errorf("%d wait", s.Waiting)
		}
		for range 5 {
			d.after(time.Minute)
		}
		told := int64(0)
		for _, r := range d.all() {
			told += r.Count
		}
		if s := d.Stats(); told != 2001 || s.Told != 2001 || s.Folded < 1900 || s.Written > 40 {
			t.Errorf("%d are told, %+v", told, s)
		}
	})
}

// TestRate: in the long run no more is written than the rate, whoever asks.
func TestRate(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		wide := limits
		wide.Entries = 1000
		d.Recorder = audit.NewRecorder(d.DB, wide, d.Clock.Now, nil)
		for minute := range 10 {
			for i := range 18 {
				d.refuse(fmt.Sprint("user:", minute, "-", i), "::1", "a")
			}
			for range 6 {
				d.after(10 * time.Second / 6) // ten seconds for each minute's worth
			}
		}
		if s := d.Stats(); s.Written > int64(limits.Burst+100*limits.Rate) || s.Written < 100 {
			t.Errorf("%d were written in 100 seconds", s.Written)
		}
		d.Must(d.Flush(t.Context()))
		var told int64
		for _, r := range d.all() {
			told += r.Count
		}
		if told != 180 {
			t.Errorf("%d of 180 are told at the end", told)
		}
	})
}

// TestDatabaseGone: what cannot be written is written later, once.
func TestDatabaseGone(t *testing.T) {
	broken := false
	w := catalogtest.Open(t, sqldb.Options{URL: "sqlite:" + t.TempDir() + "/c.db", Relaxed: true, Fault: func(step string) error {
		if broken && step == "commit" {
			return fmt.Errorf("no")
		}
		return nil
	}}, catalog.Options{})
	d := &desk{w, audit.NewRecorder(w.DB, limits, w.Clock.Now, nil), audit.NewStore(w.DB, w.Clock.Now)}
	broken = true
	d.refuse("user:bob", "::1", "a")
	d.Clock.Add(time.Second)
	if err := d.FlushDue(t.Context()); err == nil {
		t.Fatal("it was written")
	}
	d.refuse("user:bob", "::1", "a")
	broken = false
	d.after(time.Second)
	d.after(2 * time.Minute)
	if got := d.all(); len(got) != 1 || got[0].Count != 2 || d.Stats().Failed != 1 {
		t.Errorf("%+v %+v", got, d.Stats())
	}
}

// TestRunEnds: what waits is written when the recorder is ended.
func TestRunEnds(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		ctx, end := context.WithCancel(t.Context())
		d.refuse("user:bob", "::1", "a")
		end()
		d.Run(ctx)
		if got := d.all(); len(got) != 1 {
			t.Errorf("%+v", got)
		}
	})
}
