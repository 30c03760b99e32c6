package discover_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/discover"
)

const chartMedia = "application/vnd.example.chart+json"

// putTyped puts what the filters of these tests tell apart.
func putTyped(f *fixture) {
	f.Put("acme/web", spec{Name: "chart", Type: chartMedia, Short: "chart", Shown: `{"version":"1"}`}, "chart")
	f.Put("acme/web", spec{Name: "plain", Type: chartMedia}, "plain") // before there was a definition
	f.Put("acme/db", spec{Name: "bare"}, "bare")
	f.Put("other", spec{Name: "index", Short: "image-index"}, "index")
	f.Put("other", spec{Name: "twin", Type: "x/y", Short: "chart"}, "twin")
}

// tagsOf are the tags of a listing, as text.
func tagsOf(items []lading.Item) string {
	var out []string
	for _, it := range items {
		out = append(out, string(it.Op)+" "+it.Tag+" "+it.Type)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func TestTypeFilter(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		putTyped(f)
		for _, test := range []struct{ types, want string }{
			{"chart", "put chart chart, put twin chart"},
			{chartMedia, "put chart chart, put plain unknown"},
			{"unknown", "put bare unknown, put plain unknown"},
			{"image-index unknown", "put bare unknown, put index image-index, put plain unknown"},
			{"x/y", "put twin chart"},
			{"none/none", ""},
			{"", "put bare unknown, put chart chart, put index image-index, put plain unknown, put twin chart"},
		} {
			for _, order := range []lading.Order{lading.OrderName, lading.OrderModified, lading.OrderCreated} {
				for _, n := range []int{1, 100} {
					q := lading.Query{Kind: lading.KindTags, Order: order, Scope: lading.Scope{Types: strings.Fields(test.types)}}
					items, _ := f.all(q, n)
					if got := tagsOf(items); got != test.want {
						t.Errorf("%s by %s: %s, want %s", test.types, order, got, test.want)
					}
				}
			}
		}
		for _, problem := range catalogcheck.Check(f.ctx(), f.DB) {
			t.Error(problem)
		}
	})
}

func TestTypeInItems(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		for _, kind := range []lading.Kind{lading.KindTags, lading.KindManifests} {
			repo := "acme/" + string(kind)
			f.Put(repo, spec{Name: "chart", Type: chartMedia, Short: "chart", Shown: `{"version":"1"}`}, "chart")
			items, cursor := f.all(lading.Query{Kind: kind, Scope: lading.Scope{Types: []string{"chart"}, Repository: repo}}, 10)
			if len(items) != 1 || items[0].Type != "chart" || items[0].Descriptor.ArtifactType != chartMedia || items[0].Shown["version"] != "1" {
				t.Errorf("%s: %+v", kind, items)
			}
			f.Put(repo, spec{Name: "late " + string(kind), Type: "late/late", Short: "chart"}, "late-"+string(kind))
			f.Put(repo, spec{Name: "no chart " + string(kind), Type: chartMedia}, "no-chart-"+string(kind))
			delta, _ := f.all(lading.Query{Kind: kind, Since: cursor, Scope: lading.Scope{Types: []string{"chart"}, Repository: repo}}, 10)
			if len(delta) != 1 || delta[0].Op != lading.OpPut || delta[0].Type != "chart" || delta[0].Descriptor.ArtifactType != "late/late" {
				t.Errorf("%s: the delta is %+v", kind, delta)
			}
			rows := f.Rows(f.Journal(repo))
			if !strings.Contains(rows, "tag created chart @chart chart\n"+chartMedia) {
				t.Errorf("the journal is\n%s", rows)
			}
		}
	})
}

// Clients may invent as many media types as they like, so what nobody knows is
// not looked for word by word.
func TestManyUnknownTypes(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		f.Put("acme/web", spec{Name: "chart", Type: chartMedia, Short: "chart"}, "chart")
		const n = 300
		for i := range n {
			f.Put("acme/web", spec{Name: fmt.Sprint("made up ", i), Type: fmt.Sprintf("x/%d", i)}, fmt.Sprint("t", i))
		}
		for _, order := range []lading.Order{lading.OrderName, lading.OrderModified} {
			items, _ := f.all(lading.Query{Kind: lading.KindTags, Order: order, Scope: lading.Scope{Types: []string{"unknown"}}}, 100)
			if len(items) != n || slices.ContainsFunc(items, func(it lading.Item) bool { return it.Type != lading.TypeUnknown }) {
				t.Errorf("%s: %d items", order, len(items))
			}
		}
	})
}

func TestUnknownShortName(t *testing.T) {
	eachEngine(t, func(t *testing.T, f *fixture) {
		defined := true
		f.engine = f.with(discover.Options{Defined: func(name string) bool { return defined && name == "defined" }})
		query := func(name, since string) lading.Query {
			return lading.Query{Kind: lading.KindTags, Since: since, Scope: lading.Scope{Types: []string{name}}}
		}
		putTyped(f)
		for _, name := range []string{"nobody", "Chart", "a b", "char"} {
			var detail lading.ParameterDetail
			_, err := f.engine.List(f.ctx(), query(name, ""))
			var e *lading.Error
			if errors.As(err, &e) {
				detail, _ = e.Detail.(lading.ParameterDetail)
			}
			if !errors.Is(err, lading.ErrParameterInvalid) || detail.Parameter != "type" {
				t.Errorf("%s: %v", name, err)
			}
		}
		items, cursor := f.all(query("defined", ""), 10)
		if len(items) != 0 {
			t.Errorf("%v", items)
		}
		defined = false // and served all the same to who has a cursor
		if err := f.err(query("defined", "")); !errors.Is(err, lading.ErrParameterInvalid) {
			t.Errorf("a new listing: %v", err)
		}
		if err := f.err(query("defined", cursor)); err != nil {
			t.Errorf("a cursor: %v", err)
		}
	})
}
