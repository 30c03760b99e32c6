package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// discard is a client that takes everything.
type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkAccess is a GET of a manifest that is in memory, without access
// rules, and with 10,000 rules and a password or a token, in turns: over HTTP,
// and of the handler alone. It tells the tenth percentile of turns of 20, which a busy
// machine disturbs least.
func BenchmarkAccess(b *testing.B) {
	users := usersFile(b)
	rules := []string{"user:root owner,admin registry", "user:ada reader namespace:acme"}
	for i := range 10_000 {
		rules = append(rules, fmt.Sprintf("user:u%d owner namespace:n%d", i, i))
	}
	open, shut := guardedBy(b, "", ""), guardedBy(b, "", users, rules...)
	get := map[string][]func(){}
	for i, g := range []*guarded{shut, shut, open} {
		g.fill("acme/web")
		r := httptest.NewRequest("GET", "/v2/acme/web/manifests/v1", nil)
		over, err := http.NewRequest("GET", g.web.URL+"/v2/acme/web/manifests/v1", nil)
		if err != nil {
			b.Fatal(err)
		}
		r.SetBasicAuth("ada", passwordOfAll) // which nobody looks at without rules
		over.SetBasicAuth("ada", passwordOfAll)
		if i == 1 {
			bearer := "Bearer " + g.tokenFor("ada", "repository:acme/web:pull").Token
			r.Header.Set("Authorization", bearer)
			over.Header.Set("Authorization", bearer)
		}
		h := g.srv.Handler()
		get["handler"] = append(get["handler"], func() { h.ServeHTTP(discard{http.Header{}}, r) })
		get["http"] = append(get["http"], func() {
			res, err := http.DefaultClient.Do(over)
			if err != nil || res.StatusCode != 200 {
				b.Fatal(res, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		})
	}
	for _, name := range []string{"handler", "http"} {
		b.Run(name, func(b *testing.B) {
			const batch = 20
			var took [3][]time.Duration
			for b.Loop() {
				for i, fn := range get[name] {
					began := time.Now()
					for range batch {
						fn()
					}
					took[i] = append(took[i], time.Since(began)/batch)
				}
			}
			for i, unit := range []string{"password-ns/get", "token-ns/get", "open-ns/get"} {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/10]), unit)
			}
		})
	}
}
