package audit

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Limits bound what a Recorder keeps in memory and writes.
type Limits struct {
	// Window is how long equal records are gathered, after the first of them,
	// which is written at once.
	Window time.Duration
	// Entries is how many different records are gathered at the same time, and
	// PerCaller how many of one caller.
	Entries, PerCaller int
	// Burst is how many records are written at once, and Rate how many more a
	// second, in the long run.
	Burst, Rate float64
}

// Refusals are the limits for what was refused and for signing in: whoever
// makes noise cannot fill a disk (two records a second are some 60 MB a day).
var Refusals = Limits{Window: time.Minute, Entries: 8192, PerCaller: 64, Burst: 2000, Rate: 2}

// Pulls are the limits for what was read, where that is recorded.
var Pulls = Limits{Window: time.Minute, Entries: 65_536, PerCaller: 32_768, Burst: 50_000, Rate: 2000}

// Recorder writes records of what changed nothing, some moments later. What is
// too much it tells together: of a caller with very many different records
// how many more there were, and of very many callers how many in all. Nothing
// is left out without a count, but what was gathered when the process is
// killed is lost.
type Recorder struct {
	db  *sqldb.DB
	lim Limits
	now func() time.Time
	log *slog.Logger
	// export has records come into the file of records.
	export bool

	mu      sync.Mutex
	entries map[same]*entry
	callers map[string]int // entries of each
	stats   RecorderStats

	tokens   float64 // of the goroutine that writes
	refilled time.Time
}

// RecorderStats count what a recorder was told.
type RecorderStats struct {
	// Told is how many times it was told something, and Written how many
	// records came of it.
	Told, Written int64
	// Folded is how many of Told were counted with others that were not equal.
	Folded int64
	// Failed is how often writing failed; it was tried again.
	Failed int64
	// Waiting is how many different records there are that have to be written.
	Waiting int64
}

// same is what records have alike that are counted as one.
type same struct {
	actor, groups, claimed, credential, address, action, outcome, repository, tag string
	digest                                                                        lading.Digest
	code                                                                          lading.Code
	status                                                                        int
}

// entry is a record that may be told again.
type entry struct {
	rec     lading.AuditRecord // with the first time, and the last
	waiting int64              // times that are not written
	until   time.Time          // when it may be written again; zero: never was
}

// NewRecorder returns a recorder that writes while Run runs. A nil clock is
// time.Now, a nil logger logs nothing.
func NewRecorder(db *sqldb.DB, lim Limits, now func() time.Time, log *slog.Logger) *Recorder {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Recorder{db: db, lim: lim, now: now, log: log, entries: map[same]*entry{}, callers: map[string]int{},
		tokens: lim.Burst, refilled: now()}
}

// Export has records come into the file of records; call it before anything
// else.
func (r *Recorder) Export() { r.export = true }

// Record notes a record, with its time. It does not wait for anything.
func (r *Recorder) Record(rec lading.AuditRecord) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Told++
	who := callerOf(rec)
	k := sameOf(rec)
	e := r.entries[k]
	if e == nil && (r.callers[who] >= r.lim.PerCaller || len(r.entries) >= r.lim.Entries) {
		r.stats.Folded++
		rec = folded(rec, len(r.entries) >= r.lim.Entries)
		k = sameOf(rec)
		e = r.entries[k]
	}
	if e == nil {
		r.entries[k] = &entry{rec: rec, waiting: 1}
		r.callers[callerOf(rec)]++
		return
	}
	if e.waiting == 0 {
		e.rec.Time, e.rec.RequestID, e.rec.Until = rec.Time, rec.RequestID, time.Time{}
	} else {
		e.rec.Until = rec.Time
	}
	e.waiting++
}

func sameOf(r lading.AuditRecord) same {
	k := same{actor: r.Actor, groups: strings.Join(r.Groups, "\n"), claimed: r.Claimed, credential: r.Credential, address: r.Address, action: r.Action,
		outcome: r.Outcome, repository: r.Repository, digest: r.Digest, code: r.Code, status: r.Status}
	if len(r.Tags) > 0 {
		k.tag = r.Tags[0]
	}
	return k
}

// callerOf names the caller of a record: by address where nobody signed in.
func callerOf(r lading.AuditRecord) string {
	if r.Actor != "" {
		return r.Actor
	}
	return r.Address
}

// folded is what is left of a record that there is no room for: who was
// refused, or only that somebody was.
func folded(r lading.AuditRecord, all bool) lading.AuditRecord {
	out := lading.AuditRecord{Time: r.Time, Count: 1, Action: "*", Outcome: r.Outcome}
	if !all {
		out.Actor, out.Groups, out.Address = r.Actor, r.Groups, r.Address
	}
	return out
}

// Stats returns what was counted so far.
func (r *Recorder) Stats() RecorderStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	for _, e := range r.entries {
		if e.waiting > 0 {
			s.Waiting++
		}
	}
	return s
}

// Run writes once a second until the context ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			r.tell(r.flush(ctx, true))
			return
		case <-t.C:
			r.tell(r.flush(ctx, false))
		}
	}
}

func (r *Recorder) tell(err error) {
	if err != nil {
		r.log.Warn("records of what was refused or read cannot be written; it will be tried again", "err", err)
	}
}

// FlushDue writes what Run would write now.
func (r *Recorder) FlushDue(ctx context.Context) error { return r.flush(ctx, false) }

// Flush writes all that is to be told, whether or not its time has come.
func (r *Recorder) Flush(ctx context.Context) error { return r.flush(ctx, true) }

// writeStep bounds the records that one transaction writes: pushes wait for it.
const writeStep = 100

// written is a record that is about to be, and what it counts of.
type written struct {
	of  same
	rec lading.AuditRecord
}

// flush writes what is due, in steps.
func (r *Recorder) flush(ctx context.Context, all bool) error {
	for {
		due, now := r.due(all)
		if len(due) == 0 {
			return nil
		}
		err := r.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
			for _, w := range due {
				k := unique(r.now()) // it may have waited for its turn
				insert(tx, k, w.rec)
				enlist(tx, k, listsOf(w.rec.Actor, placeOf(w.rec)))
				if r.export {
					post(tx, k)
				}
			}
			return nil
		})
		r.done(due, now, err)
		if err != nil {
			return fmt.Errorf("audit: write: %w", err)
		}
	}
}

// due chooses what is written in one step, and forgets what was not told again.
func (r *Recorder) due(all bool) (out []written, now time.Time) {
	now = r.now()
	r.tokens = min(r.lim.Burst, r.tokens+r.lim.Rate*now.Sub(r.refilled).Seconds())
	r.refilled = now
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, e := range r.entries {
		if len(out) == writeStep || !all && r.tokens < float64(len(out)+1) {
			break
		}
		over := !now.Before(e.until)
		switch {
		case e.waiting > 0 && (over || all):
			rec := e.rec
			rec.Count = e.waiting
			out = append(out, written{k, rec})
		case e.waiting == 0 && over:
			r.forget(k, e)
		}
	}
	return out, now
}

// forget removes an entry.
func (r *Recorder) forget(k same, e *entry) {
	delete(r.entries, k)
	who := callerOf(e.rec)
	if r.callers[who]--; r.callers[who] <= 0 {
		delete(r.callers, who)
	}
}

// done counts what was written.
func (r *Recorder) done(due []written, now time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.stats.Failed++
		return
	}
	r.tokens -= float64(len(due))
	r.stats.Written += int64(len(due))
	for _, w := range due {
		e := r.entries[w.of]
		if e.waiting -= w.rec.Count; e.waiting > 0 {
			e.rec.Time = e.rec.Until // some came while it was written
		}
		e.until = now.Add(r.lim.Window)
	}
}
