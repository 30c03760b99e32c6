package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// someTypes are definitions that a test changes.
type someTypes struct {
	set        *arttype.Set
	policy     *arttype.Policy
	generation int64
	refresh    func()
	refreshed  int
}

func (s *someTypes) For(string) (*arttype.Set, *arttype.Policy, int64) {
	return s.set, cmp.Or(s.policy, arttype.DefaultPolicy()), s.generation
}

func (s *someTypes) Refresh(context.Context) error {
	s.refreshed++
	s.refresh()
	return nil
}

func setOf(t *testing.T, definitions ...string) *arttype.Set {
	t.Helper()
	var all []arttype.Sourced
	for _, text := range definitions {
		d, err := arttype.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, arttype.Sourced{Definition: d})
	}
	set, mistakes := arttype.NewSet(all...)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return set
}

const widget = `{"name": "widget", "match": [{"config": "application/vnd.widget+json"}], "show": {"version": "/v", "huge": "/huge", "size": "/size"}}`

func putWidget(t *testing.T, ctx context.Context, r *Registry, config, name string) lading.Item {
	t.Helper()
	d := push(t, ctx, r, "acme/web", config)
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.widget+json","digest":"%s","size":%d},"layers":[],"annotations":{"name":"%s"}}`, d, len(config), name)
	if _, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{Tags: []string{name}}); err != nil {
		t.Fatal(err)
	}
	l, err := r.List(ctx, lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: "acme/web", Prefix: []string{name}}})
	if err != nil || len(l.Items) != 1 {
		t.Fatal(l, err)
	}
	return l.Items[0]
}

func TestTyped(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		if it := putWidget(t, ctx, r, `{"v":"1"}`, "before"); it.Type != lading.TypeUnknown || it.Shown != nil {
			t.Errorf("without definitions: %+v", it)
		}
		r.opt.Types = &someTypes{set: setOf(t, widget)}
		it := putWidget(t, ctx, r, `{"v":"1","size":7,"huge":"`+strings.Repeat(`\u0007`, 1000)+`"}`, "small")
		if it.Type != "widget" || it.Descriptor.ArtifactType != "application/vnd.widget+json" || fmt.Sprint(it.Shown) != "map[size:7 version:1]" {
			t.Errorf("%+v", it)
		}
		if it := putWidget(t, ctx, r, `no JSON`, "text"); it.Type != "widget" || it.Shown != nil {
			t.Errorf("%+v", it)
		}
	})
}

// An image has the same platform whether its type reads the config or not.
func TestPlatformReadOnce(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		many := "[" + strings.Repeat("0,", 100_000) + "0]"
		for i, config := range []string{`{"os":"linux","architecture":"arm","variant":"v7"}`, `{"os":"linux","architecture":7}`, `[]`, `none`,
			`{"os":"linux","architecture":"amd64","many":` + many + `}`} {
			d := push(t, ctx, r, "acme/web", config)
			var found []string
			for _, definition := range []string{widget, `{"name": "image", "match": [{"config": "application/vnd.oci.image.config.v1+json"}], "show": {"os": "/os"}}`} {
				r.opt.Types = &someTypes{set: setOf(t, definition)}
				raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[],"annotations":{"n":"%d %d"}}`, d, len(config), i, len(found))
				p, err := parseManifest(lading.Manifest{Bytes: []byte(raw)})
				if err != nil {
					t.Fatal(err)
				}
				set, policy, _ := r.opt.Types.For("acme/web")
				if err := r.judge(ctx, "acme/web", p, set, policy); err != nil {
					t.Fatal(err)
				}
				found = append(found, p.Platform)
			}
			if want := []string{"linux/arm/v7", "", "", "", "linux/amd64"}[i]; found[0] != want || found[1] != want {
				t.Errorf("config %d is for %q, want %q", i, found, want)
			}
		}
	})
}

// A push whose definitions change on its way is typed again.
func TestTypedAgain(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		types := &someTypes{set: setOf(t), generation: 1}
		types.refresh = func() { types.set, types.generation = setOf(t, widget), 2 }
		r.opt.Types = types
		if _, err := r.cat.DB().ExecDirect(ctx, `UPDATE typing SET generation=2`); err != nil {
			t.Fatal(err)
		}
		if it := putWidget(t, ctx, r, `{"v":"2"}`, "late"); it.Type != "widget" || it.Shown["version"] != "2" || types.refreshed != 1 {
			t.Errorf("%+v", it)
		}
		types.refresh = func() {} // and no definitions are ever those of the catalog
		types.generation = 1
		_, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)}, lading.PutOptions{})
		if !errors.Is(err, lading.ErrUnavailable) || !errors.Is(err, catalog.ErrStaleType) {
			t.Error(err)
		}
	})
}
