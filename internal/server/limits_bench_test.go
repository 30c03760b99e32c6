package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

// BenchmarkRates is a GET of a manifest that is in memory, by the handler alone,
// with the default rates and without any, in turns: of one user, of a thousand
// in turn, and of an address. It tells the tenth percentile of turns of 20,
// which a busy machine disturbs least.
func BenchmarkRates(b *testing.B) {
	most := rate("1000000/s") // so that the benchmark itself is never refused
	on := limitedBy(b, func(c *config.Config) {
		c.Limits.Rates = config.Rates{Pull: most, Push: most, List: most, Sync: most, SignIn: most}
	})
	off := limitedBy(b, func(c *config.Config) { c.Limits.Rates = config.Rates{} })
	callers := map[string][]*http.Request{"user": nil, "users": nil, "address": nil}
	for i := range 1000 {
		r := httptest.NewRequest("GET", "/v2/acme/web/manifests/t000", nil)
		r.RemoteAddr = near + ":1234"
		if i == 0 {
			callers["address"] = append(callers["address"], r.Clone(b.Context()))
		}
		r.Header.Set("X-User", fmt.Sprint("user:u", i))
		if i == 0 {
			callers["user"] = append(callers["user"], r)
		}
		callers["users"] = append(callers["users"], r)
	}
	for _, l := range []*limited{on, off} {
		l.put("acme/web", 1)
	}
	for _, name := range []string{"user", "users", "address"} {
		b.Run(name, func(b *testing.B) {
			const batch = 20
			var took [2][]time.Duration
			n := 0
			for b.Loop() {
				for i, l := range []*limited{on, off} {
					h := l.srv.Handler()
					began := time.Now()
					for k := range batch {
						h.ServeHTTP(discard{http.Header{}}, callers[name][(n+k)%len(callers[name])])
					}
					took[i] = append(took[i], time.Since(began)/batch)
				}
				n += batch
			}
			for i, unit := range []string{"rates-ns/get", "open-ns/get"} {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/10]), unit)
			}
		})
	}
}
