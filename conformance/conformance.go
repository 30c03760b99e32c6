// Package conformance holds a registry against the discovery protocol
// (docs/spec/discovery.md): list, delta and watch. It is a client like any
// other, over HTTP, and knows of the registry nothing but its address, so it
// runs against any registry that says it speaks the protocol.
//
// Each case stands for one or more requirements of the specification and has
// their id. It pushes content of its own below a namespace, asks, and removes
// what it has pushed.
package conformance

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Options say which registry is held against the protocol, and as whom.
type Options struct {
	// URL is the registry's address: "https://reg.example", without a path.
	URL string
	// Namespace is below which the suite pushes, in repositories of random
	// names; empty means "conformance".
	Namespace string
	// Header is sent with every request, for instance Authorization. Its owner
	// must be allowed to read, push and delete below Namespace.
	Header http.Header
	// Other is sent instead by somebody else, who may read Namespace and not
	// Hidden. Nil leaves the cases about hidden content out.
	Other http.Header
	// Hidden is a namespace in which Header's owner may push and that Other's
	// owner may not read.
	Hidden string
	// Expired is a cursor of "/v2/_lading/list/tags" that the registry has
	// given long ago, too old by now. Empty leaves out the cases about it.
	Expired string
	// Soon is how long a stream may take to tell of a change; 0 means 10 s.
	Soon time.Duration
	// Only keeps cases of these ids, "LIST-1", or groups of ids, "LIST"; none
	// keeps all.
	Only []string
	// Keep leaves what was pushed.
	Keep bool
	// Client sends the requests; nil is one without a timeout of its own.
	Client *http.Client
	// Told is called after each case; nil is nobody.
	Told func(Result)
}

// Level is how much a requirement demands (RFC 2119).
type Level string

// The levels. A registry conforms when no MUST has failed.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY" // what is not there is skipped; what is there is held to its rules
)

// Case is one case of the suite.
type Case struct {
	// ID is that of the requirement in the specification: "LIST-1".
	ID    string
	Level Level
	// Title says what is required.
	Title string

	run func(*T)
}

// Cases are all cases, in the order in which they run.
func Cases() []Case {
	return slices.Concat(discoverCases, listCases, pageCases, filterCases, parameterCases, formCases, cursorCases, deltaCases,
		scopeCases, waitCases, cacheCases, costCases, hiddenCases, watchCases, legacyCases, draftCases)
}

// Run runs the suite. The error is about the suite itself, such as an address
// that is none; what the registry does wrong is in the report.
func Run(ctx context.Context, opt Options) (*Report, error) {
	s, err := newSuite(ctx, opt)
	if err != nil {
		return nil, err
	}
	report := &Report{URL: opt.URL, Began: time.Now().UTC()}
	for _, c := range Cases() {
		if !s.wants(c) {
			continue
		}
		r := s.one(c)
		report.Results = append(report.Results, r)
		if opt.Told != nil {
			opt.Told(r)
		}
		if err := ctx.Err(); err != nil {
			return report, err
		}
	}
	report.Took = time.Since(report.Began)
	return report, nil
}

// suite is one run.
type suite struct {
	ctx    context.Context
	opt    Options
	base   string // where requests go, without a slash at its end
	run    string // a random name
	client *http.Client
	offers map[string]bool // endpoints, as the registry lists them
	limits map[string]int  // and what it says of limits

	cursorRequired bool
}

func newSuite(ctx context.Context, opt Options) (*suite, error) {
	u, err := url.Parse(opt.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("conformance: %q is not the address of a registry: want http://HOST or https://HOST", opt.URL)
	}
	var name [4]byte
	_, _ = rand.Read(name[:])
	opt.Namespace = cmp.Or(strings.Trim(opt.Namespace, "/"), "conformance")
	opt.Hidden = strings.Trim(opt.Hidden, "/")
	opt.Soon = cmp.Or(opt.Soon, 10*time.Second)
	s := &suite{ctx: ctx, opt: opt, base: u.Scheme + "://" + u.Host, run: hex.EncodeToString(name[:]), client: opt.Client, offers: map[string]bool{}}
	if s.client == nil {
		s.client = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	return s, s.reach()
}

// reach asks what the registry offers; whether it offers anything is for the
// cases to say.
func (s *suite) reach() error {
	for _, path := range []string{"/v2/", "/v2/_oci/ext/discover"} {
		t := &T{s: s, ctx: s.ctx}
		a, err := t.send(request{path: path})
		if err != nil {
			return fmt.Errorf("conformance: the registry cannot be reached: %w", err)
		}
		var found extensions
		if a.status == http.StatusOK && a.decode(&found) == nil {
			for _, e := range found.Extensions {
				if e.Name == "_lading" {
					s.limits, s.cursorRequired = e.Limits, e.CursorRequired
				}
				for _, name := range e.Endpoints {
					s.offers[name] = true
				}
			}
		}
	}
	return nil
}

func (s *suite) wants(c Case) bool {
	return len(s.opt.Only) == 0 || slices.ContainsFunc(s.opt.Only, func(p string) bool { return c.ID == p || strings.HasPrefix(c.ID, p+"-") })
}

// one runs a case.
func (s *suite) one(c Case) Result {
	name := strings.ToLower(c.ID)
	t := &T{s: s, ctx: s.ctx, ns: s.opt.Namespace + "/" + s.run + "/" + name, repos: map[string]bool{}, blobs: map[string]bool{}}
	if s.opt.Hidden != "" {
		t.hidden = s.opt.Hidden + "/" + s.run + "/" + name
	}
	began := time.Now()
	t.guarded(c.run)
	r := Result{ID: c.ID, Level: c.Level, Title: c.Title, Status: Passed, Took: time.Since(began)}
	switch {
	case len(t.failures) > 0:
		r.Status, r.Failures, r.Exchanges = Failed, t.failures, t.exchanges
	case t.skipped != "":
		r.Status, r.Reason = Skipped, t.skipped
	}
	t.end()
	if !s.opt.Keep {
		t.clean()
	}
	return r
}
