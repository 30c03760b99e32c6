package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// TestSearch: the pages of a search have each name once, those that begin with
// the text before those that contain it, whatever the page's length; names
// that may not be seen make no difference.
func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		put := func(repo string) {
			t.Helper()
			if _, err := r.PutManifest(ctx, repo, index(t, nil), lading.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 7 {
			put(fmt.Sprintf("app-%d", i))
			put(fmt.Sprintf("team/app-%d", i))
			put(fmt.Sprintf("team/other-%d", i))
			put(fmt.Sprintf("aaa/app-%d", i))
		}
		grants := lading.NewGrants(lading.PrefixRange("app"), lading.PrefixRange("team/"))
		want := map[string][]string{"app": {}, "team/": {}, "none": nil}
		for _, prefix := range []string{"app-", "team/app-"} {
			for i := range 7 {
				want["app"] = append(want["app"], fmt.Sprint(prefix, i))
			}
		}
		for _, kind := range []string{"team/app-", "team/other-"} {
			for i := range 7 {
				want["team/"] = append(want["team/"], fmt.Sprint(kind, i))
			}
		}
		check := func(when string) {
			t.Helper()
			for text, want := range want {
				for _, n := range []int{1, 3, 7, 14, 15, 100} {
					var got []string
					for page := 1; ; page++ {
						names, err := r.Search(see(ctx, grants), lading.SearchQuery{Text: text, N: n, Page: page})
						if err != nil || len(names.Names) > n || names.More && len(names.Names) < n {
							t.Fatalf("%s, %q, n=%d, page %d: %v, %v", when, text, n, page, names, err)
						}
						if got = append(got, names.Names...); !names.More {
							break
						}
					}
					if !slices.Equal(got, want) {
						t.Errorf("%s, %q, n=%d: %s, want %s", when, text, n, strings.Join(got, " "), strings.Join(want, " "))
					}
				}
			}
		}
		check("alone")
		for i := range 20 {
			put(fmt.Sprintf("hidden/app-%d", i))
		}
		check("with hidden ones")
		var byName []lading.Range
		for i := range 7 {
			for _, prefix := range []string{"app-", "team/app-", "team/other-", "team/none-"} {
				byName = append(byName, lading.RepositoryRange(fmt.Sprint(prefix, i)))
			}
		}
		wide := grants
		grants = lading.NewGrants(byName...)
		check("each by its name")
		for _, n := range []int{1, 2, 6, 7, 8, 21, 22} {
			var got, want []string
			for _, g := range []lading.Grants{grants, wide} {
				got, want = want, nil
				for more := true; more; {
					last := ""
					if len(want) > 0 {
						last = want[len(want)-1]
					}
					names, err := r.Repositories(see(ctx, g), last, n)
					if err != nil {
						t.Fatal(err)
					}
					want, more = append(want, names.Names...), names.More
				}
			}
			if !slices.Equal(got, want) || len(got) != 21 {
				t.Errorf("%d names a page: each by its name %v, otherwise %v", n, got, want)
			}
		}
		for _, q := range []lading.SearchQuery{{N: 0, Page: 1}, {N: 1, Page: 0}, {N: lading.MaxSearch + 1, Page: 1}} {
			if _, err := r.Search(ctx, q); !errors.Is(err, lading.ErrParameterInvalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
		if names, err := r.Search(ctx, lading.SearchQuery{N: 1, Page: 1 << 60}); err != nil || len(names.Names) != 0 {
			t.Errorf("a page without end: %v, %v", names, err)
		}
	})
}
