package lading

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
)

// universe holds every string of up to four letters of a small alphabet whose
// order is that of names: "-" and "." before "/", then digits and letters.
var universe = func() (all []string) {
	level := []string{""}
	for range 4 {
		var next []string
		for _, s := range level {
			for _, c := range "-/0a" {
				next = append(next, s+string(c))
			}
		}
		all, level = append(all, next...), next
	}
	slices.Sort(all)
	return all
}()

// set is the model of Grants: what each name of the universe is.
type set map[string]bool

func modelOf(rs []Range) set {
	m := set{}
	for _, r := range rs {
		for _, n := range universe {
			if n >= r.From && (r.To == "" || n < r.To) {
				m[n] = true
			}
		}
	}
	return m
}

// bounds are where ranges begin and end: names, the places right after them,
// and the two ends.
func bound(rng *rand.Rand) string {
	switch rng.IntN(6) {
	case 0:
		return ""
	case 1:
		return universe[rng.IntN(len(universe))] + "\x00"
	}
	return universe[rng.IntN(len(universe))]
}

func randomRanges(rng *rand.Rand) (rs []Range) {
	for range rng.IntN([]int{5, 40}[rng.IntN(2)]) {
		name := universe[rng.IntN(len(universe))]
		switch rng.IntN(4) {
		case 0:
			rs = append(rs, RepositoryRange(name))
		case 1:
			rs = append(rs, PrefixRange(name))
		case 2:
			rs = append(rs, NamespaceRanges(name)...)
		default:
			rs = append(rs, Range{bound(rng), bound(rng)})
		}
	}
	return rs
}

// agree holds grants against a model and checks their form: sorted, disjoint,
// not adjacent, none empty.
func agree(t *testing.T, what string, g Grants, in func(string) bool) {
	t.Helper()
	for _, n := range universe {
		if g.Contains(n) != in(n) {
			t.Fatalf("%s: %v contains %q: %v, want %v", what, g, n, g.Contains(n), in(n))
		}
	}
	for i, r := range g.Ranges() {
		if r.To != "" && r.From >= r.To {
			t.Fatalf("%s: %v has an empty range", what, g)
		}
		if i > 0 && (g.Ranges()[i-1].To == "" || g.Ranges()[i-1].To >= r.From) {
			t.Fatalf("%s: %v is not sorted, disjoint and apart", what, g)
		}
	}
}

func TestGrantsAlgebra(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		ra, rb := randomRanges(rng), randomRanges(rng)
		a, b, ma, mb := NewGrants(ra...), NewGrants(rb...), modelOf(ra), modelOf(rb)
		name := universe[rng.IntN(len(universe))]
		agree(t, "new", a, func(n string) bool { return ma[n] })
		agree(t, "union", a.Union(b), func(n string) bool { return ma[n] || mb[n] })
		agree(t, "intersection", a.Intersect(b), func(n string) bool { return ma[n] && mb[n] })
		agree(t, "difference", a.Subtract(b), func(n string) bool { return ma[n] && !mb[n] })
		agree(t, "after", a.After(name), func(n string) bool { return ma[n] && n > name })
		agree(t, "unchanged", a, func(n string) bool { return ma[n] })
		if !a.Union(b).Equal(b.Union(a)) || !a.Intersect(b).Equal(b.Intersect(a)) || !a.Subtract(b).Union(a.Intersect(b)).Equal(a) {
			t.Fatalf("laws of sets do not hold for %v and %v", a, b)
		}
		if !a.Subtract(a).Empty() || !a.Union(AllGrants()).All() || !a.Intersect(AllGrants()).Equal(a) {
			t.Fatalf("nothing and everything: %v", a)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back Grants
		if err := json.Unmarshal(text, &back); err != nil || !back.Equal(a) {
			t.Fatalf("%s came back as %v: %v", text, back, err)
		}
	}
}

func TestRanges(t *testing.T) {
	ns := NewGrants(NamespaceRanges("a/b")...)
	for name, want := range map[string]bool{"a/b": true, "a/b/c": true, "a/b/c/d": true, "a/b-c": false, "a/bc": false, "a/b0": false, "a": false, "a/": false} {
		if ns.Contains(name) != want {
			t.Errorf("the namespace a/b holds %q: %v", name, !want)
		}
	}
	for prefix, want := range map[string]string{"a": "b", "a/": "a0", "az\xff": "a{", "\xff\xff": "", "": ""} {
		if got := PrefixRange(prefix).To; got != want {
			t.Errorf("what starts with %q ends before %q, want %q", prefix, got, want)
		}
	}
	if (Grants{}).Contains("a") || !(Grants{}).Empty() || (Grants{}).All() {
		t.Error("the zero value is not nothing")
	}
	if text, err := json.Marshal(Grants{}); err != nil || string(text) != "[]" {
		t.Errorf("nothing is %s: %v", text, err)
	}
}
