package auth

import (
	"net/netip"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// Who was wrong some times in a row waits before the next try, twice as long
// each time: of one user name from one address soon, of all names from one
// address later, as many people may share that.
const (
	freeOfPair  = 5
	freeOfPlace = 50
	longest     = 30 * time.Second
	forgotten   = 10 * time.Minute // after the last try
	maxAttempts = 1 << 15          // pairs and places that are remembered
)

// attempts counts tries that were not right.
type attempts struct {
	mu sync.Mutex
	by map[digest]*attempt
}

type attempt struct {
	wrong int
	last  time.Time
	until time.Time // no further try before that
}

// begin counts a try as wrong until it turns out right, so that many at once
// are counted too. Where it is too early it counts nothing, and returns how
// long to wait.
func (a *attempts) begin(now time.Time, pair, place digest) (wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, at := a.of(now, pair), a.of(now, place)
	if wait := max(p.until.Sub(now), at.until.Sub(now)); wait > 0 {
		return wait
	}
	p.count(now, freeOfPair)
	at.count(now, freeOfPlace)
	return 0
}

// undo takes back what begin has counted.
func (a *attempts) undo(keys ...digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, key := range keys {
		if t := a.by[key]; t != nil && t.wrong > 0 {
			t.wrong--
		}
	}
}

// right is undo of a try that was right: what was wrong before is forgotten for
// the pair.
func (a *attempts) right(pair, place digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.by, pair)
	if at := a.by[place]; at != nil && at.wrong > 0 {
		at.wrong--
	}
}

func (a *attempts) of(now time.Time, key digest) *attempt {
	t := a.by[key]
	if t != nil && now.Sub(t.last) > forgotten {
		*t = attempt{}
	}
	if t == nil {
		if a.by == nil || len(a.by) >= maxAttempts {
			a.by = map[digest]*attempt{}
		}
		t = &attempt{}
		a.by[key] = t
	}
	return t
}

func (t *attempt) count(now time.Time, free int) {
	t.wrong++
	t.last = now
	if over := t.wrong - free; over >= 0 {
		t.until = now.Add(min(longest, time.Second<<min(over, 10)))
	}
}

// host is the address of a client: of IPv6 the part that names a network, as
// one host has all of the rest.
func host(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	ip := at.Addr().Unmap()
	if ip.Is6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// retryDetail is the detail of TOOMANYREQUESTS; httpapi makes Retry-After of
// it.
type retryDetail struct {
	RetryAfter int `json:"retry_after_s"`
}

func tooMany(wait time.Duration) error {
	s := int((wait + time.Second - 1) / time.Second)
	return lading.ErrTooManyRequests.With("too many wrong passwords: try again in %d s", s).WithDetail(retryDetail{s})
}
