package catalog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// told is a page of history as text: seconds since the beginning, what and
// where to.
func told(w *world, start time.Time, q lading.HistoryQuery) string {
	page, err := w.Cat.TagHistory(context.Background(), repo, "v1", q)
	w.Must(err)
	var b strings.Builder
	for _, e := range page.Events {
		name := map[lading.Digest]string{m1.Digest(): "m1", m2.Digest(): "m2", m3.Digest(): "m3"}[e.Descriptor.Digest]
		if e.Descriptor.Size == 0 || e.Descriptor.MediaType == "" {
			name += "?"
		}
		fmt.Fprintf(&b, "%.0f %s %s; ", e.Time.Sub(start).Seconds(), e.Action, name)
	}
	if !page.Next.IsZero() {
		fmt.Fprintf(&b, "next %.0f", page.Next.Sub(start).Seconds())
	}
	return b.String()
}

// TestTagHistory: what happened to a tag is told newest first, by page and
// within bounds, and of manifests that are gone too.
func TestTagHistory(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		start := w.Clock.Now()
		for _, do := range []func(){
			func() { w.Put(repo, m1, "v1", "other") },
			func() { w.Put(repo, m2, "v1") },
			func() { w.Put(repo, m2, "v1") }, // no change
			func() { w.Untag(repo, "v1") },
			func() { w.Put(repo, m1, "v1") },
			func() { w.Delete(repo, m1.Digest()) }, // takes the tag along
			func() { w.Put(repo, m3, "v1") },
		} {
			w.Clock.Add(10 * time.Second)
			do()
		}
		at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
		for _, c := range []struct {
			q    lading.HistoryQuery
			want string
		}{
			{lading.HistoryQuery{N: 100}, "70 created m3; 60 deleted m1; 50 created m1; 40 deleted m2; 20 created m2; 10 created m1; "},
			{lading.HistoryQuery{N: 6}, "70 created m3; 60 deleted m1; 50 created m1; 40 deleted m2; 20 created m2; 10 created m1; "},
			{lading.HistoryQuery{N: 5}, "70 created m3; 60 deleted m1; 50 created m1; 40 deleted m2; 20 created m2; next 20"},
			{lading.HistoryQuery{N: 2}, "70 created m3; 60 deleted m1; next 60"},
			{lading.HistoryQuery{N: 2, Before: at(55)}, "50 created m1; 40 deleted m2; next 40"},
			{lading.HistoryQuery{N: 2, Since: at(45), Before: at(65)}, "60 deleted m1; 50 created m1; "},
			{lading.HistoryQuery{N: 9, Digest: m1.Digest()}, "60 deleted m1; 50 created m1; 10 created m1; "},
			{lading.HistoryQuery{N: 1, Digest: m2.Digest()}, "40 deleted m2; next 40"},
			{lading.HistoryQuery{N: 9, Since: at(69)}, "70 created m3; "},
			{lading.HistoryQuery{N: 9, Since: at(80)}, ""},
			{lading.HistoryQuery{N: 9, Before: at(1)}, ""},
		} {
			if got := told(w, start, c.q); got != c.want {
				t.Errorf("%+v\ngot  %s\nwant %s", c.q, got, c.want)
			}
		}
		// Page by page it is the same, to the microsecond.
		all, one := told(w, start, lading.HistoryQuery{N: 100}), ""
		for q := (lading.HistoryQuery{N: 1}); ; {
			page, err := w.Cat.TagHistory(context.Background(), repo, "v1", q)
			w.Must(err)
			before, _, _ := strings.Cut(told(w, start, q), "next")
			one += before
			if q.Before = page.Next; page.Next.IsZero() {
				break
			}
		}
		if one != all {
			t.Errorf("by page\n%s\nwant\n%s", one, all)
		}
		w.End(repo)
		if got := told(w, start, lading.HistoryQuery{N: 9}); got != "" {
			t.Errorf("of a repository that is gone: %s", got)
		}
	})
}

// TestLongHistory: a digest is looked for in a long history step by step.
func TestLongHistory(t *testing.T) {
	catalogtest.Each(t, func(t *testing.T, w *world) {
		w.Put(repo, m3, "v1")
		for range 2100 {
			w.Clock.Add(time.Second)
			w.Put(repo, m1, "v1")
			w.Put(repo, m2, "v1")
		}
		pages, q := 0, lading.HistoryQuery{N: 10, Digest: m3.Digest()}
		for {
			page, err := w.Cat.TagHistory(context.Background(), repo, "v1", q)
			w.Must(err)
			if pages++; len(page.Events) == 1 && page.Next.IsZero() && pages == 2 {
				return
			}
			if q.Before = page.Next; len(page.Events) > 0 || page.Next.IsZero() || pages > 2 {
				t.Fatalf("page %d: %+v", pages, page)
			}
		}
	})
}
