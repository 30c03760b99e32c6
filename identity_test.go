package lading

import (
	"testing"
	"time"
)

func TestCredentialLimit(t *testing.T) {
	now, all := time.Unix(1000, 0), AllGrants()
	acme := NewGrants(RepositoryRange("acme"))
	for _, tt := range []struct {
		name string
		c    *Credential
		verb Verb
		want Grants
	}{
		{"none", nil, VerbPull, all},
		{"unbound", &Credential{}, VerbPull, all},
		{"bound", &Credential{Bound: &Bound{1: acme}}, VerbPull, acme},
		{"another verb", &Credential{Bound: &Bound{1: acme}}, VerbPush, Grants{}},
		{"two verbs", &Credential{}, VerbPull | VerbPush, Grants{}},
		{"holds", &Credential{Expires: now.Add(1)}, VerbPull, all},
		{"expired", &Credential{Expires: now}, VerbPull, Grants{}},
	} {
		if got := tt.c.Limit(tt.verb, all, now); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
