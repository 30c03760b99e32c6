package catalogcheck

import (
	"slices"
	"strings"
)

// auditRow is a record of who did what.
type auditRow struct {
	pos, source  int64
	actor, place string
}

// auditPlace is a row of a list of records.
type auditPlace struct {
	place       string
	pos, source int64
}

// audits checks that every change since the oldest record has one, that none
// is of a change that was not made, and that the lists hold what they should.
func (c *checker) audits() {
	type at struct{ pos, source int64 }
	records, oldest := map[at]bool{}, map[int64]int64{}
	for _, r := range c.t.audits {
		records[at{r.pos, r.source}] = true
		if first, ok := oldest[r.source]; !ok || r.pos < first {
			oldest[r.source] = r.pos
		}
	}
	there, told, made := map[at]bool{}, false, false
	for _, r := range c.t.journal {
		there[at{r.pos, r.shard}] = true
		told = told || records[at{r.pos, r.shard}]
		made = made || r.action != updated || r.typ == r.previousType
		if r.flags&last == 0 {
			continue
		}
		if first, ok := oldest[r.shard]; ok && r.pos >= first && made && !told {
			c.report("shard %d: the change that ends with row %d is not on record", r.shard, r.seq)
		}
		told, made = false, false
	}
	for _, h := range c.t.heads {
		for _, r := range c.t.audits {
			if r.source == h.shard && r.pos > h.journalFloor && !there[at{r.pos, r.source}] {
				c.report("shard %d: at %d a change is on record that is not in the journal", r.source, r.pos)
			}
		}
	}
	c.auditPlaces()
}

// auditPlaces checks the lists of records.
func (c *checker) auditPlaces() {
	var want, got []auditPlace
	fresh := map[[2]int64]bool{}
	for _, r := range c.t.auditFresh {
		fresh[[2]int64{r.pos, r.source}] = true
	}
	for _, r := range c.t.audits {
		if fresh[[2]int64{r.pos, r.source}] {
			continue
		}
		if r.actor != "" {
			want = append(want, auditPlace{"@" + r.actor, r.pos, r.source})
		}
		for i := range len(r.place) {
			if r.place[i] == '/' && i < len(r.place)-1 {
				want = append(want, auditPlace{r.place[:i+1], r.pos, r.source})
			}
		}
		if r.place != "" {
			want = append(want, auditPlace{r.place, r.pos, r.source})
		}
	}
	for _, p := range c.t.auditPlaces {
		got = append(got, *p)
	}
	order := func(a, b auditPlace) int {
		if n := strings.Compare(a.place, b.place); n != 0 {
			return n
		}
		return int(min(max(a.pos-b.pos, -1), 1)*2 + min(max(a.source-b.source, -1), 1))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if !slices.Equal(got, want) {
		c.report("the lists of records hold %d rows that are not those, %d, of the records", len(got), len(want))
	}
}
