package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lading-dev/lading"
)

// keys know callers by a bearer token that is their name.
type keys map[string]lading.Identity

func (k keys) Authenticate(r *http.Request) (lading.Identity, bool, error) {
	token, ok := BearerToken(r)
	id, known := k[token]
	if !ok || !known {
		return lading.Identity{}, false, nil
	}
	return id, true, nil
}

func (k keys) Current(id lading.Identity) (lading.Identity, bool) {
	for _, have := range k {
		if have.Subject == id.Subject && id.Credential != nil {
			return have, true
		}
	}
	return lading.Identity{}, false
}

func TestChain(t *testing.T) {
	w := open(t, "ada secret")
	robot := lading.Identity{Subject: "service:robot", Groups: []string{"ci"}, Credential: &lading.Credential{ID: "key"}}
	c := Chain{keys{"k1": robot}, w.Basic}
	for _, tt := range []struct {
		header []string
		want   string
		err    error
	}{
		{nil, "", nil},
		{[]string{"Bearer k1"}, "service:robot", nil},
		{[]string{"bearer  k1 "}, "service:robot", nil},
		{[]string{"Bearer k2"}, "", lading.ErrUnauthorized},
		{[]string{"Bearer"}, "", lading.ErrUnauthorized},
		{[]string{"Digest x"}, "", lading.ErrUnauthorized},
		{[]string{"Bearer k1", "Bearer k1"}, "", lading.ErrUnauthorized},
		{[]string{"Basic !"}, "", lading.ErrUnauthorized},
		{[]string{"Basic YWRhOnNlY3JldA=="}, "user:ada", nil},
		{[]string{"basic YWRhOnNlY3JldA=="}, "user:ada", nil},
		{[]string{"Basic YWRhOm5vdA=="}, "", lading.ErrUnauthorized},
	} {
		r := httptest.NewRequest("GET", "/v2/", nil)
		r.Header["Authorization"] = tt.header
		id, err := c.Identify(r)
		if id.Subject != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%q: %v %v, want %q %v", tt.header, id, err, tt.want, tt.err)
		}
	}
	session, old := &lading.Credential{ID: Session + w.Stamp("user:ada")}, &lading.Credential{ID: Session + "x"}
	for _, tt := range []struct {
		id   lading.Identity
		want bool
	}{
		{lading.Identity{}, true},
		{lading.Identity{Subject: "user:ada"}, true},
		{lading.Identity{Subject: "user:ada", Credential: session}, true},
		{lading.Identity{Subject: "user:ada", Credential: old}, false},
		{lading.Identity{Subject: "user:ada", Credential: &lading.Credential{ID: session.ID + Refreshed}}, true},
		{lading.Identity{Subject: "user:ada", Credential: &lading.Credential{ID: old.ID + Refreshed}}, false},
		{lading.Identity{Subject: "user:eve"}, false},
		{robot, true},
	} {
		now, ok := c.Current(tt.id)
		if ok != tt.want || c.Known(tt.id) != tt.want || ok && (now.Subject != tt.id.Subject || now.Credential != tt.id.Credential) {
			t.Errorf("%+v: %+v %v, want %v", tt.id, now, ok, tt.want)
		}
	}
}
