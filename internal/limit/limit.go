// Package limit bounds what one caller may ask for, so that none takes the
// registry from the others. Each caller has a bucket of tokens for each class
// of requests; a request takes one, rows that were read take one each, and the
// bucket fills up again with time.
//
// A caller is who is signed in, or else an address. All who sign in from one
// address have, beside their own, buckets together. A loopback address is
// never bounded: what comes from there is this machine itself, or a proxy that
// says nothing of whom it speaks for, and then it would be everyone.
//
// What is remembered is bounded: of each kind some ten thousands of callers,
// of whom those are forgotten first who have been quiet longest. Callers are
// in shards by their name, each with a lock of its own, so that no lock is
// everyone's.
package limit

import (
	"sync/atomic"
	"time"
)

// Class is what a request counts as.
type Class uint8

// The classes. Sync alone is counted in rows.
const (
	Pull   Class = iota // reads of content
	Push                // whatever writes
	List                // questions about what there is
	Sync                // rows read to answer those
	SignIn              // attempts to sign in

	Classes int = iota // how many there are
)

var names = [Classes]string{"pull", "push", "list", "sync", "sign_in"}

// String is the class's name in configurations, headers and metrics.
func (c Class) String() string { return names[c] }

// Rate is how fast a bucket fills, and how much it holds. The zero value is no
// bound.
type Rate struct {
	PerSecond float64 // tokens, more than 0 and up to 1e6
	Burst     int     // tokens at most, at least 1
}

// Shared is how many times a caller's own rate those who sign in from one
// address have together.
const Shared = 10

// MaxDebt is how long a bucket needs at most until it has something again:
// rows are charged after they were read, so there can be a debt.
const MaxDebt = 10 * time.Minute

// Options of a limiter.
type Options struct {
	Rates [Classes]Rate
	// HeldByCaller and HeldByAddress are how many streams and held deltas may
	// be open at a time; 0 means any number.
	HeldByCaller, HeldByAddress int
	// Callers is how many callers of each kind are remembered; 0 means 65536.
	Callers int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Caller is whose request it is.
type Caller struct {
	Subject string // empty where nobody is signed in
	Address string // as http.Request.RemoteAddr
}

// Limiter holds the buckets. It is safe for concurrent use.
type Limiter struct {
	opt   Options
	began time.Time

	subjects  *table[string]
	addresses *table[address] // of callers who are not signed in
	places    *table[address] // of those who are, all of an address together

	refused [Classes]atomic.Int64
	unheld  atomic.Int64
}

// New returns a limiter in which every bucket is full.
func New(opt Options) *Limiter {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Callers == 0 {
		opt.Callers = 1 << 16
	}
	own, together := compile(opt.Rates, 1), compile(opt.Rates, Shared)
	return &Limiter{opt: opt, began: opt.Now(), subjects: newTable[string](own, opt.Callers),
		addresses: newTable[address](own, opt.Callers), places: newTable[address](together, opt.Callers)}
}

// now is the time since the limiter began, in nanoseconds.
func (l *Limiter) now() int64 { return int64(l.opt.Now().Sub(l.began)) }

// Quota is what a caller's own bucket says.
type Quota struct {
	// Wait is how long until the request may come again; 0 means that it may go
	// on.
	Wait time.Duration
	// Bounded tells that there is a bucket, and so that Left counts.
	Bounded bool
	// Left is how many tokens the caller's own bucket still has.
	Left int
}

// Take counts a request of the class, unless it has to wait. One that waits
// is not counted again in the bucket that it waits for.
func (l *Limiter) Take(class Class, c Caller) Quota {
	if l.opt.Rates[class].PerSecond == 0 {
		return Quota{}
	}
	q := l.ask(c, op{what: take, class: class})
	if q.Wait > 0 {
		l.refused[class].Add(1)
	}
	return q
}

// Owes tells how long the caller has to wait until rows may be read for it
// again. Who presents a cursor has as much again: to ask what is new is what
// is wanted of callers, and costs little as a rule.
func (l *Limiter) Owes(c Caller, cursor bool) Quota {
	if l.opt.Rates[Sync].PerSecond == 0 {
		return Quota{}
	}
	q := l.ask(c, op{what: owes, class: Sync, cursor: cursor})
	if q.Wait > 0 {
		l.refused[Sync].Add(1)
	}
	return q
}

// Charge counts rows that were read for the caller. It never refuses: what is
// owed delays what is asked next.
func (l *Limiter) Charge(c Caller, rows int64) {
	if rows <= 0 || l.opt.Rates[Sync].PerSecond == 0 {
		return
	}
	l.ask(c, op{what: charge, class: Sync, rows: rows})
}

// ask does something with the buckets that the caller's request is for, the
// shared ones first, until one has it wait.
func (l *Limiter) ask(c Caller, o op) (q Quota) {
	now := l.now()
	at, far := addressOf(c.Address)
	switch {
	case c.Subject == "" && far:
		q.Bounded = true
		q.Wait, q.Left = l.addresses.ask(at, now, o)
	case c.Subject != "":
		if far {
			if wait, _ := l.places.ask(at, now, o); wait > 0 {
				return Quota{Wait: wait} // what others have left is not told
			}
		}
		q.Bounded = true
		q.Wait, q.Left = l.subjects.ask(c.Subject, now, o)
	}
	return q
}

// Rate is the rate of a class for one caller.
func (l *Limiter) Rate(class Class) Rate { return l.opt.Rates[class] }
