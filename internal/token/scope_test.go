package token

import (
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

func TestParseScopes(t *testing.T) {
	for _, tt := range []struct {
		in   []string
		want string
	}{
		{nil, ""},
		{[]string{"repository:acme/web:pull,push"}, "repository:acme/web:pull,push"},
		{[]string{"repository:acme/web:pull repository:b:push", "repository:c:delete"}, "repository:acme/web:pull repository:b:push repository:c:delete"},
		{[]string{"repository:a:pull", "repository:a:push,pull"}, "repository:a:pull,push"},
		{[]string{"repository(plugin):a:pull"}, "repository:a:pull"},
		{[]string{"registry:catalog:*"}, "registry:catalog:*"},
		{[]string{"namespace:acme:list,pull"}, "namespace:acme:list,pull"},
		{[]string{"repository:a:*"}, "repository:a:*"},
		{[]string{"account:self:*", "account:self:pull", "account:other:*"}, "account:self:*"},
		{[]string{"repository:a:pull,fly"}, "repository:a:pull"},
		// What is none, or not known, is left out.
		{[]string{"repository:a:fly", "repository:a:", "repository:a", "repository", ":", "::", "a:b:c", "registry:other:*", "aws:b:pull"}, ""},
		{[]string{"repository:A:pull", "repository::pull", "repository:../a:pull", "repository:a//b:pull", "repository:host:5000/a:pull"}, ""},
		{[]string{"repository:" + strings.Repeat("a", 300) + ":pull"}, ""},
	} {
		got, ok := ParseScopes(tt.in)
		if text := (Answer{Scopes: got}).Scope(); !ok || text != tt.want {
			t.Errorf("%q: %q %v, want %q", tt.in, text, ok, tt.want)
		}
	}
	var many []string
	for i := range MaxScopes + 1 {
		many = append(many, "repository:a"+strings.Repeat("a", i)+":pull")
	}
	if _, ok := ParseScopes(many[:MaxScopes]); !ok {
		t.Error("as many as there may be are too many")
	}
	if _, ok := ParseScopes(many); ok {
		t.Error("there is no bound")
	}
}

func TestBoundOf(t *testing.T) {
	for _, tt := range []struct{ scopes, verb, yes, no string }{
		{"repository:acme/web:pull", "pull", "acme/web", "acme/web/x acme/we acme"},
		{"repository:acme/web:pull", "push", "", "acme/web"},
		{"repository:acme/web:push", "retag", "acme/web", "acme"},
		{"repository:acme/web:push", "pull", "", "acme/web"},
		{"repository:acme:*", "delete", "acme", "acme/web"},
		{"repository:acme:*", "admin", "acme", "acme/web"},
		{"repository:acme:list", "list", "acme acme/web", "acmes"},
		{"registry:catalog:*", "list", "a z", ""},
		{"registry:catalog:*", "pull", "", "a z"},
		{"registry:catalog:*,pull", "pull", "a z", ""},
		{"namespace:acme:pull", "pull", "acme acme/web", "acmes"},
		{"repository:a:pull repository:b:pull", "pull", "a b", "c"},
	} {
		scopes, _ := ParseScopes([]string{tt.scopes})
		v, err := lading.ParseVerb(tt.verb)
		if err != nil {
			t.Fatal(err)
		}
		g := boundOf(scopes)[v.Index()]
		for _, name := range strings.Fields(tt.yes) {
			if !g.Contains(name) {
				t.Errorf("%s is not good to %s in %s", tt.scopes, tt.verb, name)
			}
		}
		for _, name := range strings.Fields(tt.no) {
			if g.Contains(name) {
				t.Errorf("%s is good to %s in %s", tt.scopes, tt.verb, name)
			}
		}
	}
}

func FuzzParseScopes(f *testing.F) {
	for _, s := range []string{"repository:a/b:pull,push", "registry:catalog:*", "repository(plugin):a:pull", ":::", "repository:host:5000/a:pull"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		scopes, ok := ParseScopes([]string{text})
		if !ok {
			return
		}
		again, ok := ParseScopes([]string{Answer{Scopes: scopes}.Scope()})
		if !ok || !slices.EqualFunc(scopes, again, func(a, b Scope) bool { return a.String() == b.String() }) {
			t.Errorf("%q: %v, and read again %v", text, scopes, again)
		}
		boundOf(scopes)
	})
}
