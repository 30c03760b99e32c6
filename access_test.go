package lading

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestVerbs(t *testing.T) {
	for i, v := range AllVerbs() {
		got, err := ParseVerb(v.String())
		if err != nil || got != v || v.Index() != i {
			t.Errorf("%s: %v %v, index %d", v, got, err, v.Index())
		}
	}
	for text, want := range map[string]string{
		"reader": "list,pull", "writer": "list,pull,push,retag", "owner": "list,pull,push,retag,delete",
		"reader,admin": "list,pull,admin", "push": "push", "push,push": "push",
	} {
		vs, err := ParseVerbs(strings.Split(text, ",")...)
		if err != nil || vs.String() != want {
			t.Errorf("%s: %s %v", text, vs, err)
		}
	}
	for _, text := range []string{"", "Reader", "reader,", "root", "list pull"} {
		if vs, err := ParseVerbs(strings.Split(text, ",")...); err == nil {
			t.Errorf("%q is %s", text, vs)
		}
	}
	raw, err := json.Marshal(Verbs(VerbPush | VerbList))
	if err != nil || string(raw) != `["list","push"]` {
		t.Error(string(raw), err)
	}
	var vs Verbs
	if err := json.Unmarshal([]byte(`["writer","delete"]`), &vs); err != nil || vs.String() != "list,pull,push,retag,delete" {
		t.Error(vs, err)
	}
	if err := json.Unmarshal([]byte(`[]`), &vs); err != nil || vs != 0 {
		t.Error(vs, err)
	}
	if err := json.Unmarshal([]byte(`["all"]`), &vs); err == nil {
		t.Error("all is no verb")
	}
	if (VerbPush|VerbPull).Index() != -1 || Verb(1<<VerbCount).Index() != -1 {
		t.Error("what is not one verb has no place")
	}
}

func TestAccessRules(t *testing.T) {
	for line, want := range map[string]struct{ in, out string }{
		"user:ada owner registry":                                        {"a any/thing", ""},
		"group:dev  writer\tnamespace:acme/team":                         {"acme/team acme/team/x", "acme acme/team-b acme/teams/x"},
		"service:ci push repository:acme/web":                            {"acme/web", "acme/web/x acme/webs"},
		"anonymous pull prefix:acme/we":                                  {"acme/we acme/web acme/we/x", "acme acme/w"},
		"authenticated list,pull prefix:public/":                         {"public/a", "public"},
		"user:repo:org/x:ref:refs/heads/main push,retag repository:a__b": {"a__b", "a"},
	} {
		r, err := ParseAccessRule(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		again, err := ParseAccessRule(r.String())
		if err != nil || again != r {
			t.Errorf("%s becomes %s, and that %v %v", line, r, again, err)
		}
		g, err := ScopeGrants(r.Scope)
		if err != nil {
			t.Error(err)
		}
		for _, name := range strings.Fields(want.in) {
			if !g.Contains(name) {
				t.Errorf("%s does not have %s", r.Scope, name)
			}
		}
		for _, name := range strings.Fields(want.out) {
			if g.Contains(name) {
				t.Errorf("%s has %s", r.Scope, name)
			}
		}
	}
	for _, line := range []string{
		"", "user:ada owner", "user:ada owner registry now", "user: owner registry", "ada owner registry", "root:ada owner registry",
		"user:ada all registry", "user:ada owner Registry", "user:ada owner namespace:", "user:ada owner namespace:acme/", "user:ada owner repository:A",
		"user:ada owner prefix:", "user:ada owner prefix:/a", "user:ada owner name:a", "user:a\x7fb owner registry",
		"user:" + strings.Repeat("x", 300) + " owner registry", "user:ada owner prefix:" + strings.Repeat("x", 300),
	} {
		if r, err := ParseAccessRule(line); err == nil {
			t.Errorf("%.80q is %v", line, r)
		}
	}
	if err := (AccessRule{Subject: "anonymous", Scope: "registry", Verbs: 1 << VerbCount}).Check(); err == nil {
		t.Error("a verb that is not known is taken")
	}
	for id, want := range map[string]bool{"a": true, "ci-push-1": true, "": false, "A": false, "a--b": false, "a/b": false, strings.Repeat("a", 65): false} {
		if ValidRuleID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}

func TestSubjects(t *testing.T) {
	if got := (Identity{}).Subjects(); !slices.Equal(got, []string{"anonymous"}) {
		t.Error(got)
	}
	got := Identity{Subject: "user:ada", Groups: []string{"dev"}}.Subjects()
	if !slices.Equal(got, []string{"anonymous", "authenticated", "user:ada", "group:dev"}) {
		t.Error(got)
	}
}
