package types

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

func (w *world) policy(id, text string, created bool) {
	w.T.Helper()
	got, err := w.store.PutPolicy(context.Background(), id, []byte(text))
	if err != nil || got != created {
		w.T.Fatal(id, got, err)
	}
}

// validated is what tells in these tests which policy holds.
func validated(s *Store, repo string) string {
	_, p, _ := s.For(repo)
	return p.Validate + " " + strings.Join(p.Deny, ",")
}

func TestNarrowestPolicy(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.policy("outer", `{"scope":{"namespace":"acme"},"validate":"enforce","deny":["helm"]}`, true)
		w.policy("inner", `{"scope":{"namespace":"acme/web"},"deny":["opa"]}`, true)
		w.policy("one", `{"scope":{"repository":"acme/web/one"},"validate":"off"}`, true)
		want := map[string]string{"acme": "enforce helm", "acme/other": "enforce helm", "acmes": "warn ", "acme/web": "warn opa", "acme/web/two": "warn opa",
			"acme/web/one": "off ", "acme/web/one/more": "warn opa", "acme/website": "enforce helm", "other": "warn "}
		for repo, policy := range want {
			if got := validated(w.store, repo); got != policy {
				t.Errorf("%s is under %q, want %q", repo, got, policy)
			}
		}
		w.policy("all", `{"scope":{},"validate":"off","deny":["sif"]}`, true)
		if got := validated(w.store, "other"); got != "off sif" {
			t.Errorf("the registry is under %q", got)
		}
		if got := validated(w.open(), "acme/web/two"); got != "warn opa" { // after a restart
			t.Errorf("another replica has %q", got)
		}
	})
}

func TestPolicyChanges(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		behind := w.open()
		w.policy("b", `{"scope":{},"validate":"off"}`, true)
		w.policy("b", `{"scope":{},"validate":"enforce"}`, false)
		w.policy("a", `{"scope":{"repository":"a"},"allow":["helm"]}`, true)
		all, err := w.store.Policies(ctx)
		if err != nil || len(all) != 2 || all[0].ID != "a" || string(all[0].JSON) != `{"scope":{"repository":"a"},"allow":["helm"],"unknown":"deny","validate":"warn"}` {
			t.Errorf("%s %v", all, err)
		}
		if _, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget"))); err != nil { // and they stay
			t.Fatal(err)
		}
		if one, err := w.store.Policy(ctx, "b"); err != nil || !strings.Contains(string(one.JSON), "enforce") || validated(w.store, "x") != "enforce " {
			t.Errorf("%s %v", one.JSON, err)
		}
		// A replica that is behind is told by the catalog.
		_, _, old := behind.For("x")
		spec := catalog.Manifest{MediaType: "x/y", Bytes: []byte("{}"), Digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
		if _, err := w.Cat.PutManifestWith(ctx, "x", &spec, catalog.PutOptions{Generation: old}); !errors.Is(err, catalog.ErrStaleType) {
			t.Errorf("a push by an old policy: %v", err)
		}
		w.Must(behind.poll(ctx))
		if got := validated(behind, "x"); got != "enforce " {
			t.Errorf("the replica has %q", got)
		}
		w.Must(w.store.DeletePolicy(ctx, "b"))
		if err := w.store.DeletePolicy(ctx, "b"); !errors.Is(err, lading.ErrTypeUnknown) || validated(w.store, "x") != "warn " {
			t.Errorf("deleted: %v, %s", err, validated(w.store, "x"))
		}
		if _, err := w.store.Policy(ctx, "b"); !errors.Is(err, lading.ErrTypeUnknown) {
			t.Error(err)
		}
	})
}

func TestPolicyRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := context.Background()
		w.policy("a", `{"scope":{"namespace":"acme"}}`, true)
		for text, want := range map[string]string{
			`{"scope":{"namespace":"acme"}}`:   "/scope: is that of the policy a: a scope has one",
			`{"scope":{},"allow":["nobodys"]}`: `/allow/0: there is no definition of a type "nobodys"`,
			``:                                 "is not valid JSON",
		} {
			_, err := w.store.PutPolicy(ctx, "b", []byte(text))
			ms, _ := lading.AsError(err).Detail.(arttype.Mistakes)
			if !errors.Is(err, lading.ErrTypeInvalid) || len(ms) != 1 || !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%q: %v", text, err)
			}
		}
		if all, _ := w.store.Policies(ctx); len(all) != 1 {
			t.Errorf("stored all the same: %s", all)
		}
		// What cannot be read is no reason to take everything.
		_, _, g := w.store.For("")
		if _, err := w.Cat.ChangePolicy(ctx, g, catalog.Policy{ID: "later", Body: []byte(`{"scope":{},"newer":true}`)}); err != nil {
			t.Fatal(err)
		}
		if err := w.store.Refresh(ctx); err == nil || !strings.Contains(err.Error(), "later") {
			t.Error(err)
		}
		w.Must(w.store.DeletePolicy(ctx, "later"))
	})
}
