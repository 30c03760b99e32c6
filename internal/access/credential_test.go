package access

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// bound is what a credential is limited to: the verbs of a namespace.
func bound(ns string, verbs ...lading.Verb) *lading.Bound {
	b := &lading.Bound{}
	for _, v := range verbs {
		b[v.Index()] = lading.NewGrants(lading.NamespaceRanges(ns)...)
	}
	return b
}

// With a credential a caller may do what rules give and the credential does not
// leave out.
func TestCredential(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		now := time.Now()
		s := w.open(Options{Now: func() time.Time { return now }})
		with := func(subject string, c lading.Credential, groups ...string) context.Context {
			return lading.WithIdentity(context.Background(), lading.Identity{Subject: subject, Groups: groups, Credential: &c})
		}
		for _, tt := range []struct {
			ctx        context.Context
			repo, want string
		}{
			{with("user:root", lading.Credential{}), "x", "list,pull,push,retag,delete,admin"},
			{with("user:root", lading.Credential{Bound: &lading.Bound{}}), "x", ""},
			{with("user:root", lading.Credential{Bound: bound("acme", lading.VerbPull)}), "acme/web", "pull"},
			{with("user:root", lading.Credential{Bound: bound("acme", lading.VerbPull)}), "public/a", ""},
			{with("user:ada", lading.Credential{Bound: bound("acme", lading.VerbPull, lading.VerbDelete)}, "dev"), "acme/web", "pull"},
			{with("", lading.Credential{Bound: bound("public", lading.VerbPull)}), "public/a", "pull"},
			{with("", lading.Credential{Bound: bound("acme", lading.VerbPull)}), "public/a", ""},
		} {
			if got := may(t, s, tt.ctx, tt.repo); got != tt.want {
				t.Errorf("%v in %s: %q, want %q", lading.IdentityFrom(tt.ctx), tt.repo, got, tt.want)
			}
		}
		ctx := with("user:root", lading.Credential{Expires: now.Add(time.Second)})
		if got := may(t, s, ctx, "x"); got == "" {
			t.Error("what has not expired yet gives nothing")
		}
		now = now.Add(time.Second)
		g, err := s.Granted(ctx, lading.VerbPull)
		if !g.Empty() || !errors.Is(err, lading.ErrUnauthorized) {
			t.Error("what has expired gives", g, err)
		}
		if d := s.Explain(lading.IdentityFrom(ctx), lading.VerbPull, "x"); d.Allowed {
			t.Error("what has expired is explained as", d)
		}
	})
}
