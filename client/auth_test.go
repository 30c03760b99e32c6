package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// tokenServer hands out tokens that name who wanted them and what for, by both
// ways that there are.
func tokenServer(t *testing.T, asked *[]string) *httptest.Server {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method == http.MethodPost { // OAuth 2.0
			user, password = "refreshed", r.PostFormValue("refresh_token")
		}
		if password == "wrong" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		*asked = append(*asked, user+" "+r.FormValue("scope"))
		fmt.Fprintf(w, `{"token":"of-%s","access_token":"of-%s"}`, user, user)
	}))
	t.Cleanup(web.Close)
	return web
}

// tokenRegistry is a registry that wants tokens.
func tokenRegistry(realm string, seen *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*seen = append(*seen, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") == "" {
			w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="reg",scope="repository:acme/web:pull"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"errors":[{"code":"UNAUTHORIZED","message":"show a token"}]}`)
			return
		}
		fmt.Fprint(w, `{"name":"acme/web","tags":["1"]}`)
	}
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cred  client.Credential
		want  string // what the registry sees at last
		asked string // what the token server saw
		err   error
	}{
		{"nobody", client.Credential{}, "Bearer of-", " repository:acme/web:pull", nil},
		{"password", client.Credential{Username: "ada", Password: "x"}, "Bearer of-ada", "ada repository:acme/web:pull", nil},
		{"identity token", client.Credential{IdentityToken: "y"}, "Bearer of-refreshed", "refreshed repository:acme/web:pull", nil},
		{"registry token", client.Credential{RegistryToken: "z"}, "Bearer z", "", nil},
		{"wrong password", client.Credential{Username: "ada", Password: "wrong"}, "", "", lading.ErrUnauthorized},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var asked, seen []string
			reg := scripted(t, tokenRegistry(tokenServer(t, &asked).URL, &seen), client.Options{Retries: -1,
				Credentials: func(context.Context, string) (client.Credential, error) { return tt.cred, nil }})
			for range 3 {
				_, err := reg.Tags(t.Context(), "acme/web", "", 1)
				if !errors.Is(err, tt.err) {
					t.Fatal(err)
				}
				if err != nil && lading.AsError(err).Message != "show a token" {
					t.Errorf("the registry's words are %q", err)
				}
			}
			if tt.err != nil {
				return
			}
			if got := strings.Join(asked, "\n"); got != tt.asked || seen[len(seen)-1] != tt.want || len(seen) != 4 {
				t.Errorf("asked for %q, the registry saw %q", got, seen)
			}
		})
	}
}

// What docker keeps, in its file and behind a helper, is found.
func TestDockerCredentials(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	helper := "#!/bin/sh\nread host\n[ \"$1 $host\" = 'get helped.example' ] && echo '{\"ServerURL\":\"helped.example\",\"Username\":\"<token>\",\"Secret\":\"identity\"}'\n"
	config := fmt.Sprintf(`{"auths":{"plain.example:5000":{"auth":%q}},"credHelpers":{"helped.example":"ladingtest"}}`, base64.StdEncoding.EncodeToString([]byte("ada:secret")))
	for name, text := range map[string]string{"docker-credential-ladingtest": helper, "config.json": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	from := client.DockerCredentials()
	for host, want := range map[string]client.Credential{
		"plain.example:5000": {Username: "ada", Password: "secret"},
		"helped.example":     {IdentityToken: "identity"},
		"unknown.example":    {},
	} {
		if got, err := from(t.Context(), host); err != nil || got != want {
			t.Errorf("%s: %+v, %v", host, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("not json"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DockerCredentials()(t.Context(), "plain.example:5000"); err == nil {
		t.Error("a file that cannot be read is an error")
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		registry string
		plain    bool
		want     string
	}{
		{"reg.example", false, "https://reg.example"},
		{"reg.example", true, "http://reg.example"},
		{"https://reg.example", true, "https://reg.example"},
		{"http://reg.example:80/", false, "http://reg.example:80"},
		{"Reg.Example:5000", false, "https://reg.example:5000"},
		{"localhost:5000", false, "http://localhost:5000"},
		{"127.0.0.1:5000", false, "http://127.0.0.1:5000"},
		{"[::1]:5000", false, "http://[::1]:5000"},
		{"https://localhost", false, "https://localhost"},
		{"", false, ""},
		{"reg.example/acme", false, ""},
		{"ftp://reg.example", false, ""},
		{"user@reg.example", false, ""},
		{"reg.example?x", false, ""},
		{"http://", false, ""},
	} {
		got := ""
		if c, err := client.New(tt.registry, client.Options{PlainHTTP: tt.plain}); err == nil {
			got = c.Address()
		}
		if got != tt.want {
			t.Errorf("%q: %q, want %q", tt.registry, got, tt.want)
		}
	}
}
