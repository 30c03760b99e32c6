package server_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// told are the lines of a running stream.
type told struct {
	t     *testing.T
	lines chan string
}

// watch opens a stream that ends with the test.
func (g *guarded) watch(t *testing.T, user, path string) *told {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", g.web.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, passwordOfAll)
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 200 {
		t.Fatalf("%s: %s", path, res.Status)
	}
	s := &told{t, make(chan string, 100)}
	go func() {
		defer close(s.lines)
		defer res.Body.Close()
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			select {
			case s.lines <- lines.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return s
}

// until waits for a line with all of the parts.
func (s *told) until(parts ...string) time.Duration {
	s.t.Helper()
	began := time.Now()
next:
	for late := time.After(10 * time.Second); ; {
		select {
		case line, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the stream has ended without %s", parts)
			}
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue next
				}
			}
			return time.Since(began)
		case <-late:
			s.t.Fatalf("no %s", parts)
		}
	}
}

// TestRegrant: what a rule takes away, through the API of another replica, a
// running stream tells to remove, and what it gives again as a reset and the
// content: of one repository, of a namespace as a range. The best of some rounds
// is within a second, whatever else the machine does.
func TestRegrant(t *testing.T) {
	users := usersFile(t)
	replicas(t, users, func(t *testing.T, one, two *guarded) {
		one.fill("acme/web")
		one.fill("other/app")
		const rules = "/v2/_lading/access/rules/"
		for _, c := range []struct{ name, scope, removed, repo string }{
			{"one", "repository:other/app", `"key":"repository:other/app"`, "other/app"},
			{"many", "namespace:acme", `"key":"range:acme`, "acme/web"},
		} {
			grant := `{"subject":"user:ada","scope":"` + c.scope + `","verbs":["reader"]}`
			one.must("root", "PUT", rules+c.name, grant, 201)
			for two.send("ada", "HEAD", "/v2/"+c.repo+"/manifests/v1", "").status != 200 {
				continue // until this replica knows
			}
			stream := two.watch(t, "ada", "/v2/_lading/watch/events?initial=true")
			stream.until("synced")
			var gone, back time.Duration = time.Hour, time.Hour
			for range 3 {
				one.must("root", "DELETE", rules+c.name, "", 202)
				gone = min(gone, stream.until(`"op":"remove"`, c.removed))
				one.must("root", "PUT", rules+c.name, grant, 201)
				back = min(back, stream.until(`"op":"reset"`, `"key":"repository:`+c.repo+`"`)+stream.until(`"op":"put"`, `"tag:`+c.repo+`:v1"`))
			}
			t.Logf("%s: told to remove after %v, told again after %v", c.scope, gone, back)
			if gone > time.Second || back > time.Second {
				t.Errorf("%s: told to remove after %v, told again after %v", c.scope, gone, back)
			}
			one.must("root", "DELETE", rules+c.name, "", 202)
		}
	})
}
