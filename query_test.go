package lading

import (
	"context"
	"testing"
	"time"
)

func TestView(t *testing.T) {
	now := time.Now()
	for name, test := range map[string]struct {
		q    Query
		view bool
	}{
		"default":        {Query{Kind: KindTags}, false},
		"by name":        {Query{Kind: KindTags, Order: OrderName}, false},
		"backwards":      {Query{Kind: KindTags, Desc: true}, true},
		"created":        {Query{Kind: KindTags, Order: OrderCreated}, true},
		"stats":          {Query{Kind: KindRepositories, Stats: true}, true},
		"namespaces":     {Query{Kind: KindNamespaces}, true},
		"created after":  {Query{Kind: KindTags, Scope: Scope{CreatedAfter: now, CreatedBefore: now}}, false},
		"modified after": {Query{Kind: KindTags, Scope: Scope{ModifiedAfter: now}}, true},
		"modified until": {Query{Kind: KindTags, Scope: Scope{ModifiedBefore: now}}, true},
	} {
		if got := test.q.View(); got != test.view {
			t.Errorf("%s: a view: %v", name, got)
		}
	}
}

func TestContext(t *testing.T) {
	ctx := context.Background()
	if g, err := GrantsFrom(ctx); err != nil || !g.Empty() {
		t.Errorf("a context without grants shows %v: %v", g, err)
	}
	if id := IdentityFrom(ctx); !id.Anonymous() || id.Groups != nil {
		t.Errorf("nobody is %+v", id)
	}
	ctx = WithGrants(WithIdentity(ctx, Identity{Subject: "ada"}), func(context.Context) (Grants, error) { return AllGrants(), nil })
	if g, err := GrantsFrom(ctx); err != nil || !g.All() {
		t.Errorf("grants %v: %v", g, err)
	}
	if id := IdentityFrom(ctx); id.Subject != "ada" {
		t.Errorf("identity %+v", id)
	}
}

func TestKeys(t *testing.T) {
	for got, want := range map[string]string{
		RepositoryKey("a/b"):                 "repository:a/b",
		ManifestKey("a/b", "sha256:ab"):      "manifest:a/b@sha256:ab",
		TagKey("a/b", "v1"):                  "tag:a/b:v1",
		RangeKey("a/", "a0"):                 "range:a/..a0",
		RangeKey("b", ""):                    "range:b..",
		Reference{Tag: "v1"}.String():        "v1",
		Reference{"v1", "sha256:a"}.String(): "sha256:a",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
