package modeltest

import (
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/lading-dev/lading"
)

// between does things between the pages of a stream: it is called when the
// server, about to read a page, asks what the caller may see.
type between struct {
	mu  sync.Mutex // the server calls from goroutines of its own
	r   *run
	rng *rand.Rand
	// rules are those of each page.
	rules []rules
	err   error
}

func (b *between) page(user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if user != caller {
		return
	}
	if len(b.rules) > 0 && b.err == nil && b.rng.IntN(2) == 0 {
		b.r.w.clock.advance(1)
		do := []action{push, moveTag, deleteTag, deleteManifest, deleteRepository, recreate, changeRules, changeRules}[b.rng.IntN(8)]
		b.r.w.met["HTTP change in a stream"]++
		b.err = b.r.step(step{do, b.rng.Uint64()})
	}
	b.rules = append(b.rules, b.r.rules)
}

// readStream reads a listing or delta as a stream, during which the schedule
// goes on, and breaks it off after some pages, to be resumed by the token of
// the last one read.
func (r *run) readStream(c *client, n int, rng *rand.Rand) error {
	uses := 1 + rng.IntN(5)
	q := c.query
	q.N = n
	first := c.next == ""
	if first {
		c.began = r.w.clock.Now()
		q.Since = c.cursor
	} else {
		q.Page = c.next
	}
	b := &between{r: r, rng: rng}
	r.w.access.setHook(b.page)
	r.logf("client %d reads a stream n=%d first=%v since=%v", c.id, n, first, q.Since != "")
	p := r.reg.list(caller, q, form{since: true, stream: true})
	r.w.access.setHook(nil)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return b.err
	}
	return r.takeStream(c, q, p, b.rules, first, uses)
}

// takeStream uses the first pages of a stream. All of them were sent, so none
// may leak.
func (r *run) takeStream(c *client, q lading.Query, p page, rs []rules, first bool, uses int) error {
	r.logf("client %d has %d pages, uses %d: %s", c.id, len(p.parts), uses, describePage(p))
	delta := p.delta || !first && c.delta
	failed := p.code != ""
	if !first {
		r.w.met["HTTP stream resumed"]++
	}
	if pages := len(p.parts); len(rs) != pages && !(failed && len(rs) >= pages) {
		return fmt.Errorf("a stream of %d pages asked %d times what may be read", pages, len(rs))
	}
	for i, part := range p.parts {
		if err := r.leaks(c, q, part, rs[i]); err != nil {
			return err
		}
	}
	if err := r.leaks(c, q, page{answer: p.answer}, rs[len(rs)-1]); err != nil {
		return err
	}
	for i, part := range p.parts[:min(uses, len(p.parts))] {
		if part.next == "" && part.cursor == "" {
			break // cut off by an error
		}
		part.delta = delta
		r.logf("uses %s", describePage(part))
		if err := r.take(c, part, first && i == 0, rs[i]); err != nil {
			return err
		}
	}
	if failed && uses >= len(p.parts) {
		return r.take(c, page{answer: p.answer, reason: p.reason, delta: delta}, first && len(p.parts) == 0, rs[len(rs)-1])
	}
	return nil
}
