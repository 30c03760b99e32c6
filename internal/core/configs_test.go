package core

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// putNamed puts a gadget into a repository, and returns what is shown of it.
func putNamed(ctx context.Context, r *Registry, repo, name string, config lading.Digest) (map[string]string, []string, error) {
	raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.gadget","config":{"mediaType":"application/json","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.gadget.part","digest":%q,"size":2}],"annotations":{"name":%q}}`,
		config, config, name)
	receipt, err := r.PutManifest(ctx, repo, lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{Tags: []string{name}})
	if err != nil {
		return nil, nil, err
	}
	l, err := r.List(ctx, lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: repo, Prefix: []string{name}}})
	if err != nil || len(l.Items) != 1 {
		return nil, nil, fmt.Errorf("%d items: %w", len(l.Items), err)
	}
	return l.Items[0].Shown, receipt.Warnings, nil
}

// What is remembered of a config is what reading it again would tell, and
// tells nothing where the config is not.
func TestRememberedConfig(t *testing.T) {
	const config = `{"name":"secret"}`
	put := func(t *testing.T, ctx context.Context, r *Registry, repo, name, shown string) {
		t.Helper()
		got, warnings, err := putNamed(ctx, r, repo, name, digestOf(config))
		if err != nil || got["title"] != shown || len(warnings) > 0 && shown != "" {
			t.Errorf("%s %s: %v %v %v, want %q", repo, name, got, warnings, err, shown)
		}
	}
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		push(t, ctx, r, "acme/web", config)
		withPolicy(t, r, `{"scope":{}}`)
		for _, name := range []string{"first", "second"} {
			put(t, ctx, r, "acme/web", name, "secret")
		}
		if e := r.configs.get("acme/web", digestOf(config)); e.facts == nil || !e.facts.checked || e.facts.shown == "" {
			t.Errorf("remembered: %+v", e)
		}

		// Not of another repository.
		if _, _, err := putNamed(ctx, r, "other", "x", digestOf(config)); !errors.Is(err, lading.ErrManifestBlobUnknown) {
			t.Errorf("a config of another repository: %v", err)
		}
		withPolicy(t, r, `{"scope":{},"sparse":"allow","validate":"off"}`)
		put(t, ctx, r, "other", "y", "")

		// By other definitions it says something else.
		set := setOf(t, strings.Replace(gadget, `"/name"`, `"/none"`, 1))
		r.opt.Types = &someTypes{set: set, policy: arttype.DefaultPolicy()}
		put(t, ctx, r, "acme/web", "third", "")

		// Not when it is gone: where it may be missing, and where it is told
		// first what is wrong with it.
		gone := `{"id":"secret"}`
		push(t, ctx, r, "acme/web", gone)
		withPolicy(t, r, `{"scope":{}}`)
		p, err := parseManifest(lading.Manifest{Bytes: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.gadget","config":{"mediaType":"application/json","digest":%q,"size":2},"layers":[]}`, digestOf(gone))})
		if err != nil {
			t.Fatal(err)
		}
		set, policy, _ := r.opt.Types.For("acme/web")
		if err := r.judge(ctx, "acme/web", p, set, policy); err != nil || len(p.violations) == 0 {
			t.Errorf("%v %v", p.violations, err)
		}
		if err := r.DeleteBlob(ctx, "acme/web", digestOf(gone)); err != nil {
			t.Fatal(err)
		}
		if e := r.configs.get("acme/web", digestOf(gone)); e.facts == nil {
			t.Error("there is nothing to be tempted by")
		}
		withPolicy(t, r, `{"scope":{},"validate":"enforce"}`)
		if _, _, err := putNamed(ctx, r, "acme/web", "gone", digestOf(gone)); !errors.Is(err, lading.ErrManifestBlobUnknown) {
			t.Errorf("checked although it is gone: %v", err)
		}
		withPolicy(t, r, `{"scope":{},"sparse":"allow"}`)
		if _, warnings, err := putNamed(ctx, r, "acme/web", "gone", digestOf(gone)); err != nil || !strings.Contains(fmt.Sprint(warnings), "not there to be checked") {
			t.Errorf("%v %v", warnings, err)
		}
	})
}

// The same config can be an image's and not be one's, checked and not.
func TestRememberedForWhom(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		const config = `{"os":"linux","architecture":"arm"}`
		push(t, ctx, r, "acme/web", config)
		var set *arttype.Set // one, as between two changes of definitions
		for i, test := range []struct{ artifactType, config, policy, platform, violations string }{
			{"application/vnd.gadget", "application/json", "off", "", "[]"},
			{"application/vnd.gadget", "application/json", "warn", "", "[config: missing property 'name']"},
			{"application/vnd.gadget", "application/vnd.oci.image.config.v1+json", "off", "linux/arm", "[]"},
			{"application/vnd.gadget", "application/vnd.oci.image.config.v1+json", "warn", "linux/arm", "[config: missing property 'name']"},
			{"", "application/vnd.oci.image.config.v1+json", "warn", "linux/arm", "[]"},
			{"application/vnd.gadget", "application/json", "off", "", "[]"},
		} {
			withPolicy(t, r, fmt.Sprintf(`{"scope":{},"validate":%q}`, test.policy))
			types := r.opt.Types.(*someTypes)
			if i > 0 {
				types.set = set
			}
			set = types.set
			p, err := parseManifest(lading.Manifest{Bytes: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":%q,"config":{"mediaType":%q,"digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.gadget.part","digest":%[3]q,"size":2}]}`,
				test.artifactType, test.config, digestOf(config))})
			if err != nil {
				t.Fatal(err)
			}
			if err := r.judge(ctx, "acme/web", p, types.set, types.policy); err != nil || p.Platform != test.platform || fmt.Sprint(p.violations) != test.violations {
				t.Errorf("%d: %q %v %v, want %q %s", i, p.Platform, p.violations, err, test.platform, test.violations)
			}
		}
	})
}

// What is remembered is bounded.
func TestConfigCacheBounded(t *testing.T) {
	c := newConfigCache(100_000)
	for i := range 1000 {
		d := digestOf(fmt.Sprint(i))
		c.pushed("acme/web", d, make([]byte, 1000))
		c.said("acme/web", d, &configFacts{shown: strings.Repeat("x", 500)})
		if e := c.get("acme/web", d); len(e.bytes) != 1000 || e.facts == nil {
			t.Fatalf("%d is forgotten at once", i)
		}
		weight := 0
		for key, e := range c.young {
			weight += e.weight(key)
		}
		if weight != c.weight || weight > 50_000 {
			t.Fatalf("%d bytes are remembered, %d counted", weight, c.weight)
		}
	}
	c.pushed("acme/web", digestOf("large"), make([]byte, catalog.MaxSmallBlob+1))
	if e := c.get("acme/web", digestOf("large")); e.bytes != nil {
		t.Error("a large blob is remembered")
	}
}

// Large configs wait for each other, and nobody else for them.
func TestLargeConfigsTakeTurns(t *testing.T) {
	each(t, func(t *testing.T, ctx context.Context, r *Registry) {
		withPolicy(t, r, `{"scope":{}}`)
		small, large := `{"name":"small"}`, `{"name":"large","more":"`+strings.Repeat("x", largeConfig)+`"}`
		push(t, ctx, r, "acme/web", small)
		push(t, ctx, r, "acme/web", large)
		for range cap(r.large) {
			r.large <- struct{}{}
		}
		if shown, _, err := putNamed(ctx, r, "acme/web", "small", digestOf(small)); err != nil || shown["title"] != "small" {
			t.Errorf("%v %v", shown, err)
		}
		hurried, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		defer stop()
		if _, _, err := putNamed(hurried, r, "acme/web", "large", digestOf(large)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it did not wait: %v", err)
		}
		<-r.large
		if shown, _, err := putNamed(ctx, r, "acme/web", "large", digestOf(large)); err != nil || shown["title"] != "large" {
			t.Errorf("%v %v", shown, err)
		}
		if len(r.large) != cap(r.large)-1 {
			t.Error("a turn was not given back")
		}
	})
}
