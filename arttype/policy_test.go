package arttype

import (
	"fmt"
	"strings"
	"testing"
)

func builtInSet(t *testing.T) *Set {
	t.Helper()
	defs, _ := BuiltIns()
	set, mistakes := NewSet(defs...)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	return set
}

func TestParsePolicy(t *testing.T) {
	set := builtInSet(t)
	for text, want := range map[string]Policy{
		`{"scope":{}}`: {Unknown: Allow, Validate: Warn},
		`{"scope":{"namespace":"acme/charts"},"allow":["helm"],"deny":[]}`: {Scope: PolicyScope{Namespace: "acme/charts"}, Allow: []string{"helm"}, Unknown: Deny, Validate: Warn},
		`{"scope":{"repository":"a"},"allow":["helm"],"unknown":"allow","validate":"enforce","sparse":"deny"}`: {
			Scope: PolicyScope{Repository: "a"}, Allow: []string{"helm"}, Unknown: Allow, Validate: Enforce, Sparse: Deny},
		`{"scope":{},"deny":["helm"],"validate":"off","sparse":"allow"}`: {Deny: []string{"helm"}, Unknown: Allow, Validate: Off, Sparse: Allow},
	} {
		p, err := ParsePolicy([]byte(text), set)
		if err != nil || fmt.Sprint(*p) != fmt.Sprint(want) {
			t.Errorf("%s: %+v %v", text, p, err)
		}
	}
}

func TestPolicyMistakes(t *testing.T) {
	set := builtInSet(t)
	for text, want := range map[string]string{
		`{}`:                                             ": the field scope is missing",
		`{"scope":{},"alow":["helm"]}`:                   "/alow: is not a field",
		`{"scope":{"namespace":"a/"}}`:                   "/scope/namespace: must be the name",
		`{"scope":{"repository":"A"}}`:                   "/scope/repository: must be the name",
		`{"scope":{"namespace":""}}`:                     "/scope/namespace: must not be empty",
		`{"scope":{"everything":true}}`:                  "/scope/everything: is not a field",
		`{"scope":[]}`:                                   "/scope: must be an object",
		`{"scope":{},"allow":["hlem"]}`:                  `/allow/0: there is no definition of a type "hlem"`,
		`{"scope":{},"deny":["unknown"]}`:                `/deny/0: is no type's name`,
		`{"scope":{},"deny":["helm",1]}`:                 "/deny/1: must be a string",
		`{"scope":{},"deny":["helm","helm"]}`:            "/deny/1: is given twice",
		`{"scope":{},"unknown":"warn"}`:                  "/unknown: must be one of: allow, deny",
		`{"scope":{},"validate":true}`:                   "/validate: must be a string",
		`{"scope":{},"sparse":"yes"}`:                    "/sparse: must be one of",
		`{"scope":{"namespace":"a","repository":"a/b"}}`: "/scope: is a namespace or a repository, not both",
		`[`:                              ": is not valid JSON",
		strings.Repeat(" ", MaxPolicy+1): "is larger than 64 KiB",
		`{"scope":{},"allow":[` + strings.Repeat(`"a",`, 500) + `"a"]}`: "/allow: has more than 500 entries",
	} {
		p, err := ParsePolicy([]byte(text), set)
		if p != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
	if _, err := ParsePolicy([]byte(`{"scope":{},"allow":["gone"]}`), nil); err != nil {
		t.Errorf("without a set every name will do: %v", err)
	}
}

func TestPolicyAllows(t *testing.T) {
	for _, test := range []struct {
		policy               Policy
		helm, image, nobodys bool
	}{
		{*DefaultPolicy(), true, true, true},
		{Policy{Allow: []string{"helm"}, Unknown: Deny}, true, false, false},
		{Policy{Allow: []string{"helm", "image"}, Deny: []string{"helm"}, Unknown: Allow}, false, true, true},
		{Policy{Deny: []string{"image"}}, true, false, true},
	} {
		got := []bool{test.policy.Allows("helm"), test.policy.Allows("image"), test.policy.Allows(Unknown)}
		if want := []bool{test.helm, test.image, test.nobodys}; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v: %v", test.policy, got)
		}
	}
	if names := (&Policy{Allow: []string{"image", "helm"}, Unknown: Allow}).Allowed(builtInSet(t)); fmt.Sprint(names) != "[helm image unknown]" {
		t.Error(names)
	}
}
