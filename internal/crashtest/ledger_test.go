package crashtest

import (
	"math"
	"slices"
	"strings"
	"sync"
)

// ledger remembers what clients asked for and what was acknowledged, key by
// key, and tells which values a key can have. A key is a tag, a manifest or a
// blob of a repository; its value a digest, or empty where it is not there.
type ledger struct {
	mu    sync.Mutex
	clock int64
	keys  map[string][]*write
	acked int // operations
}

// write is one request's effect on a key. Its time runs from before the
// request to after the answer; without an answer it may still happen.
type write struct {
	value      string
	begin, end int64
	acked      bool
}

const never = math.MaxInt64

func newLedger() *ledger { return &ledger{keys: map[string][]*write{}} }

func manifestKey(repo, digest string) string { return repo + "/manifests/" + digest }
func tagKey(repo, tag string) string         { return repo + "/manifests/" + tag }
func blobKey(repo, digest string) string     { return repo + "/blobs/" + digest }

// intent is a request that is under way.
type intent struct {
	l      *ledger
	writes map[string]*write
}

// begin notes that a request will give these keys these values.
func (l *ledger) begin(effects map[string]string) *intent {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	in := &intent{l, map[string]*write{}}
	for k, v := range effects {
		w := &write{value: v, begin: l.clock, end: never}
		l.keys[k] = append(l.keys[k], w)
		in.writes[k] = w
	}
	return in
}

// done notes the answer.
func (in *intent) done(o outcome) {
	l := in.l
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	if o == acknowledged {
		l.acked++
	}
	for k, w := range in.writes {
		switch o {
		case acknowledged:
			w.end, w.acked = l.clock, true
		case refused:
			l.keys[k] = slices.DeleteFunc(l.keys[k], func(x *write) bool { return x == w })
		}
	}
}

// possible returns the values that a key can have: those of writes after
// whose end no acknowledged write began.
func (l *ledger) possible(key string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ws := l.keys[key]
	newest := int64(0) // the latest beginning of an acknowledged write
	for _, w := range ws {
		if w.acked {
			newest = max(newest, w.begin)
		}
	}
	var out []string
	if newest == 0 {
		out = append(out, "") // it never was there for certain
	}
	for _, w := range ws {
		if w.end >= newest && !slices.Contains(out, w.value) {
			out = append(out, w.value)
		}
	}
	return out
}

// settle replaces a key's past by what is there now.
func (l *ledger) settle(key, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	l.keys[key] = []*write{{value: value, begin: l.clock, end: l.clock, acked: true}}
}

// unsettled returns the keys that were written since they were settled.
func (l *ledger) unsettled() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for k, ws := range l.keys {
		if len(ws) != 1 || ws[0].begin != ws[0].end {
			out = append(out, k)
		}
	}
	return out
}

// under returns the keys of a repository.
func (l *ledger) under(repo string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for k := range l.keys {
		if strings.HasPrefix(k, repo+"/manifests/") || strings.HasPrefix(k, repo+"/blobs/") {
			out = append(out, k)
		}
	}
	return out
}

func (l *ledger) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.keys))
	for k := range l.keys {
		out = append(out, k)
	}
	return out
}
