package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/crypto/bcrypt"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/config"
)

// What a caller costs who may see little among very much: names and passwords
// as users have them, rules as operators write them.

const (
	accessPassword = "a password of the benchmark"
	fewUser        = "few"   // three repositories
	manyUser       = "many"  // a thousand, each by its name
	mixedUser      = "mixed" // 500 by name, 250 namespaces, 250 prefixes
	accessOrgs     = 500
)

// accessCommand measures listings and deltas of callers with rules.
func accessCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("access", flag.ExitOnError)
	var t target
	t.flags(fs)
	repos := fs.Int("repositories", 20_000, "repositories that are made one by one")
	times := fs.Int("multiply", 50, "the same `times` over (SQLite; made in place)")
	reqs := fs.Int("n", 500, "requests a line")
	others := fs.Int("rules", 10_000, "rules of others in the second round")
	fs.StringVar(&onlyLine, "only", "", "measure only the lines that contain `TEXT`")
	fs.Parse(args)
	if t.dir == "" {
		dir, err := os.MkdirTemp(".", "bench-data-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		t.dir = dir
	}
	for _, n := range []int{0, *others} {
		if err := t.accessRound(ctx, *repos, *times, n, *reqs); err != nil {
			return err
		}
	}
	return nil
}

// accessRound measures with that many rules of others. The first round makes
// the catalog.
func (t *target) accessRound(ctx context.Context, repos, times, others, n int) error {
	if err := writeUsers(t.dir); err != nil {
		return err
	}
	t.change = func(cfg *config.Config) {
		cfg.Auth.Htpasswd, cfg.Access.Rules = filepath.Join(t.dir, "users"), accessRules(repos, times, others)
	}
	r, err := t.start(ctx, nil)
	if err != nil {
		return err
	}
	defer r.stop(ctx)
	if r.seeded(ctx) == 0 {
		if err := r.seedRepositories(ctx, repos); err != nil {
			return err
		}
		if times > 1 {
			if err := r.multiply(ctx, times); err != nil {
				return err
			}
		}
	}
	fmt.Printf("\n%d repositories, %d rules of others\n", r.seeded(ctx), others)
	for _, user := range []string{fewUser, manyUser, mixedUser} {
		if err := r.accessOf(ctx, user, repos, times, n); err != nil {
			return err
		}
	}
	return nil
}

func writeUsers(dir string) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(accessPassword), bcrypt.MinCost)
	if err != nil {
		return err
	}
	text := ""
	for _, user := range []string{fewUser, manyUser, mixedUser} {
		text += user + ":" + string(hash) + "\n"
	}
	return os.WriteFile(filepath.Join(dir, "users"), []byte(text), 0o600)
}

// accessRepo is the name of the i-th repository that is made by itself.
func accessRepo(i int) string { return fmt.Sprintf("org%03d/app%06d", i%accessOrgs, i) }

// accessName is the name of the i-th repository after multiplication.
func accessName(i, repos, times int) string {
	name := accessRepo(i % repos)
	if k := (i / repos) % times; k > 0 {
		name += fmt.Sprintf(".x%d", k)
	}
	return name
}

// visibleOf are repositories of a user, spread over all that there are.
func visibleOf(user string, repos, times int) (names []string) {
	count := map[string]int{fewUser: 3, manyUser: 1000, mixedUser: 500}[user]
	for i := range count {
		names = append(names, accessName((i*repos*times/count+i*7919)%(repos*times), repos, times))
	}
	return names
}

func accessRules(repos, times, others int) string {
	var b strings.Builder
	for _, user := range []string{fewUser, manyUser, mixedUser} {
		for _, name := range visibleOf(user, repos, times) {
			fmt.Fprintf(&b, "user:%s reader repository:%s\n", user, name)
		}
	}
	for i := range 250 {
		fmt.Fprintf(&b, "user:%s reader namespace:org%03d\n", mixedUser, 2*i)
		fmt.Fprintf(&b, "user:%s reader prefix:org%03d/app0012\n", mixedUser, 2*i+1)
	}
	for i := range others {
		fmt.Fprintf(&b, "user:other%d owner namespace:org%03d\n", i, i%accessOrgs)
	}
	return b.String()
}

// seedRepositories makes repositories of a manifest and a tag each.
func (r *running) seedRepositories(ctx context.Context, repos int) error {
	began := time.Now()
	return r.inParallel(repos, func(i int) error {
		if i == repos-1 {
			fmt.Printf("made %d repositories in %v\n", repos, time.Since(began).Round(time.Second))
		}
		return r.putRepository(ctx, accessRepo(i), i)
	})
}

func (r *running) inParallel(n int, fn func(i int) error) error {
	next, errs := make(chan int), make(chan error, n)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := range next {
				if err := fn(i); err != nil {
					errs <- err
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	close(errs)
	return <-errs
}

// putRepository puts a manifest and a tag into a repository.
func (r *running) putRepository(ctx context.Context, repo string, i int) error {
	if err := r.pushBlobs(ctx, repo); err != nil {
		return err
	}
	body := imageManifest(helmConfig, "", fmt.Sprint("access ", i))
	m := &catalog.Manifest{Digest: digest.FromBytes(body), MediaType: ocispec.MediaTypeImageManifest, ArtifactType: helmConfig, Bytes: body,
		Platform: "linux/amd64", Blobs: []digest.Digest{digest.FromBytes(configBytes), digest.FromBytes(layerBytes)}}
	return r.Catalog().PutManifest(ctx, repo, m, []string{fmt.Sprint("v", i)}, "")
}

// accessOf measures what one user asks.
func (r *running) accessOf(ctx context.Context, user string, repos, times, n int) error {
	ask := func(path, cursor string, status int) (http.Header, []byte, error) {
		req, err := http.NewRequest(http.MethodGet, r.base+path, nil)
		if err != nil {
			return nil, nil, err
		}
		req.SetBasicAuth(user, accessPassword)
		if cursor != "" {
			req.Header.Set("If-None-Match", `"`+cursor+`"`)
		}
		return do(req, status)
	}
	for _, path := range []string{
		"/v2/_lading/list/repositories", "/v2/_lading/list/tags", "/v2/_lading/list/manifests",
		"/v2/_lading/list/repositories?order=-modified", "/v2/_lading/list/tags?order=-modified", "/v2/_lading/list/manifests?order=-modified",
		"/v2/_lading/list/manifests?order=modified", "/v2/_lading/list/manifests?order=-created",
		"/v2/_lading/list/manifests?order=-modified&type=" + helmConfig,
		"/v2/_lading/list/namespaces", "/v2/_catalog?n=100", "/v1/search?q=app0012&n=25",
		"/v2/" + visibleOf(user, repos, times)[1] + "/tags/list",
	} {
		if !strings.Contains(user+": "+path, onlyLine) {
			continue
		}
		next, items := path, 0
		err := measure(user+": "+path, 1, n, func(i int) error {
			if i%2 == 0 || next == "" {
				next = path
			}
			h, body, err := ask(next, "", 200)
			if i == 0 {
				items = countItems(body)
			}
			next = nextOf(h)
			return err
		})
		if err != nil {
			return err
		}
		if items == 0 && !strings.Contains(path, "/v1/") {
			return fmt.Errorf("%s: %s shows nothing", user, path)
		}
	}
	return r.accessDeltas(ctx, user, repos, times, n, ask)
}

func countItems(body []byte) int {
	var page struct{ Items, Repositories, Tags, Results []json.RawMessage }
	if json.Unmarshal(body, &page) != nil {
		return 0
	}
	return len(page.Items) + len(page.Repositories) + len(page.Tags) + len(page.Results)
}

// accessDeltas measures deltas over three changes that the user sees among a
// hundred that it does not, and answers to "nothing changed".
func (r *running) accessDeltas(ctx context.Context, user string, repos, times, n int, ask func(path, cursor string, status int) (http.Header, []byte, error)) error {
	if !strings.Contains(user+": delta", onlyLine) {
		return nil
	}
	const path = "/v2/_lading/list/manifests"
	h, _, err := ask(path+"?since=now", "", 200)
	if err != nil {
		return err
	}
	stamp := int(time.Now().UnixNano() % 1e9)
	for i := range 100 {
		if err := r.putRepository(ctx, fmt.Sprintf("hidden/app%02d", i), stamp+i); err != nil {
			return err
		}
	}
	unchanged := h.Get("Lading-Cursor")
	if err := measure(user+": nothing of 100 changes", 1, n, func(int) error { _, _, err := ask(path, unchanged, 304); return err }); err != nil {
		return err
	}
	for i, name := range visibleOf(user, repos, times)[:3] {
		if err := r.putRepository(ctx, name, stamp+1000+i); err != nil {
			return err
		}
	}
	return measure(user+": delta, three of 103 changes", 1, n, func(int) error {
		_, body, err := ask(path+"?since="+unchanged, "", 200)
		if err == nil && countItems(body) < 3 {
			err = fmt.Errorf("%s: %s", path, body)
		}
		return err
	})
}
