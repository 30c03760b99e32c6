package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lading-dev/lading"
)

// Options adapts the handler to the server around it. The zero value works.
type Options struct {
	// Logger gets what clients are not told; nil discards it.
	Logger *slog.Logger
	// AbsoluteLocations makes Location headers absolute: Outside before the
	// path. Relative ones, the default, are right behind every proxy.
	AbsoluteLocations bool
	// Outside tells the scheme and host by which the client of a request reaches
	// the registry; nil is what the request itself says. For AbsoluteLocations,
	// the sources of events, and where to sign in.
	Outside func(*http.Request) (scheme, host string)
	// BodyIdle is how long a client may neither send a byte of a body that it
	// announced nor take one of a long answer; 0 means 60 s.
	//
	// The server should set ReadHeaderTimeout and IdleTimeout, and leave
	// ReadTimeout and WriteTimeout at zero: those would end long uploads and
	// held requests.
	BodyIdle time.Duration
	// JournalDays and TombstoneDays are what discovery announces; 0 means 30
	// and 90.
	JournalDays, TombstoneDays int
	// Identify tells who sends a request, or what to answer instead; nil leaves
	// it to a handler around this one. It is asked for requests that were
	// understood, once each.
	//
	// Errors: UNAUTHORIZED, TOOMANYREQUESTS.
	Identify func(*http.Request) (lading.Identity, error)
	// BaseCheck decides what GET /v2/ answers, which clients use to find out
	// whether they must sign in; nil means that it is always well.
	BaseCheck func(context.Context) error
	// Tokens makes the tokens that clients are sent for by a 401. Nil means HTTP
	// basic.
	Tokens Tokens
	// Types are the definitions of artifact types and the policies; nil is a registry without.
	Types Types
	// Access are the rules of access, behind themselves; nil is a registry
	// without.
	Access Access
	// Accounts are who can sign in, behind a guard; nil is a registry that keeps
	// none.
	Accounts Accounts
	// Sessions are the refresh tokens, behind a guard; nil is a registry that
	// makes no tokens.
	Sessions Sessions
	// WhoAmI tells a caller about itself; nil is a registry without rules.
	//
	// Errors: UNAUTHORIZED.
	WhoAmI func(context.Context) (any, error)
	// Audit are the records of what was done, behind access; nil is a registry
	// without.
	Audit lading.Auditor
	// MaxRequests is how many requests may be served at the same time, deltas
	// that wait for a change and streams not counted; 0 means any number.
	// Further ones are answered 429.
	MaxRequests int
	// MaxStreams is how many streams may be open at the same time; 0 means any
	// number. Further ones are answered 429.
	MaxStreams int
	// Rates bound what one caller may ask for; nil bounds nobody.
	Rates RateLimits
	// MaxHeld is how many streams, and deltas that wait, Rates lets a caller
	// have open, to be told; 0 is not told.
	MaxHeld int
	// RequireCursor refuses listings without since= and If-None-Match, where
	// there can be a cursor.
	RequireCursor bool
	// StreamIdle is how long a client may take nothing of a stream that has
	// something for it; 0 means 30 s.
	StreamIdle time.Duration
	// Streams is told of streams; nil means that nobody is.
	Streams StreamObserver
	// MaxBlob is the size of the largest blob accepted, in bytes; 0 means any.
	MaxBlob int64
	// Observer is told of every request; every answer then has the
	// X-Request-Id by which it is told. Nil means that nobody is, and that
	// only failures have one.
	Observer Observer
	// OCIDrafts answers what is proposed for the distribution-spec and not
	// part of it yet.
	OCIDrafts bool
	// Jitter returns a number from 0 to n-1, for hints when to try again; nil
	// means at random.
	Jitter func(n int) int
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.BodyIdle == 0 {
		o.BodyIdle = time.Minute
	}
	if o.StreamIdle == 0 {
		o.StreamIdle = 30 * time.Second
	}
	if o.Streams == nil {
		o.Streams = nobody{}
	}
	if o.JournalDays == 0 {
		o.JournalDays = 30
	}
	if o.TombstoneDays == 0 {
		o.TombstoneDays = 90
	}
	if o.Outside == nil {
		o.Outside = asAsked
	}
	if o.BaseCheck == nil {
		o.BaseCheck = func(context.Context) error { return nil }
	}
	if o.Jitter == nil {
		o.Jitter = rand.IntN
	}
	return o
}

type handler struct {
	reg lading.Registry
	opt Options
	log *slog.Logger

	working atomic.Int64 // requests that count for MaxRequests
	streams atomic.Int64 // that are open

	rates [rateClasses]RatePolicy // of Options.Rates
}

// New returns a handler of /v2/, and of the search in /v1/, over the registry. Who is calling is expected
// in the request's context, where a handler around this one puts it.
//
// It must not be mounted behind anything that cleans paths with redirects.
func New(reg lading.Registry, opt Options) http.Handler {
	opt = opt.withDefaults()
	h := &handler{reg: reg, opt: opt, log: opt.Logger}
	for class := range h.rates {
		if opt.Rates != nil {
			h.rates[class] = opt.Rates.Policy(RateClass(class))
		}
	}
	return h
}

// Values of headers that are the same on every response. A client decides the
// media type of a manifest, so a browser must never take one for a page.
var (
	apiVersion = []string{"registry/2.0"}
	noSniff    = []string{"nosniff"}
	noPage     = []string{"default-src 'none'; sandbox"}
)

func (h *handler) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if h.opt.Observer != nil {
		h.observed(rw, r, h.opt.Observer)
		return
	}
	h.unobserved(rw, r)
}

// unobserved answers a request that nobody is told of.
func (h *handler) unobserved(rw http.ResponseWriter, r *http.Request) {
	w, q := &response{ResponseWriter: rw, idle: h.opt.BodyIdle}, Request{}
	h.answer(w, r, &q)
	h.tell(w, r, &q)
}

// answer carries out one request and leaves in q what it understood of it.
func (h *handler) answer(w *response, r *http.Request, q *Request) {
	head := w.Header()
	head["Docker-Distribution-Api-Version"] = apiVersion
	head["X-Content-Type-Options"] = noSniff
	head["Content-Security-Policy"] = noPage
	w.bound(r)
	defer w.finish(r)
	defer h.recover(w, r, q)
	var err error
	if *q, err = Parse(r.Method, r.URL.Path, r.URL.RawQuery); err == nil {
		err = h.admitted(w, r, q)
	}
	if err != nil {
		h.fail(w, r, q, err)
	}
}

// fail answers with the error unless an answer has begun: then the connection
// is cut, so that the client does not take what it has for the whole.
func (h *handler) fail(w *response, r *http.Request, q *Request, err error) {
	if !w.begun {
		h.writeError(w, r, q, err)
		return
	}
	status := http.StatusInternalServerError
	if gone(err) {
		status = 0
	}
	e := asError(err)
	w.code = e.Code
	h.logError(r, requestID(w.Header(), r), status, e, err)
	panic(http.ErrAbortHandler)
}

// gone tells whether the error is of a client that does not listen any more.
func gone(err error) bool {
	for _, cause := range []error{syscall.EPIPE, syscall.ECONNRESET, os.ErrDeadlineExceeded, net.ErrClosed} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// recover turns a panic into an internal failure.
func (h *handler) recover(w *response, r *http.Request, q *Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	h.fail(w, r, q, lading.ErrInternal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack())))
}

// identified finds out who is calling, and serves the request.
func (h *handler) identified(w *response, r *http.Request, q *Request) error {
	if h.opt.Identify != nil {
		id, err := h.opt.Identify(r)
		if err != nil {
			return err
		}
		if !id.Anonymous() || id.Credential != nil {
			r = r.WithContext(lading.WithIdentity(r.Context(), id))
		}
	}
	id := lading.IdentityFrom(r.Context())
	if w.subject, w.groups = id.Subject, id.Groups; id.Credential != nil {
		w.credential = id.Credential.ID
	}
	if changes(r.Method) {
		r = r.WithContext(lading.WithOrigin(r.Context(), origin(w.Header(), r)))
	}
	counted, err := h.rated(w, r, q)
	if err != nil {
		return err
	}
	defer h.charge(w, counted)
	return h.serve(w, counted, q)
}

func (h *handler) serve(w *response, r *http.Request, q *Request) error {
	switch q.Action {
	case ActionBase:
		return h.base(w, r)
	case ActionBlobGet:
		return h.getBlob(w, r, q)
	case ActionBlobHead:
		return h.headBlob(w, r, q)
	case ActionBlobDelete:
		return accepted(w, h.reg.DeleteBlob(r.Context(), q.Repository, q.Digest))
	case ActionUploadStart:
		return h.startUpload(w, r, q)
	case ActionUploadWhole:
		return h.uploadWhole(w, r, q)
	case ActionUploadMount:
		return h.mountBlob(w, r, q)
	case ActionUploadStatus:
		return h.uploadStatus(w, r, q)
	case ActionUploadPatch:
		return h.patchUpload(w, r, q)
	case ActionUploadPut:
		return h.putUpload(w, r, q)
	case ActionUploadCancel:
		return h.cancelUpload(w, r, q)
	case ActionManifestGet:
		return h.getManifest(w, r, q)
	case ActionManifestHead:
		return h.headManifest(w, r, q)
	case ActionManifestPut:
		return h.putManifest(w, r, q)
	case ActionManifestDelete:
		return accepted(w, h.deleteManifest(r, q))
	case ActionTagsList:
		return h.listTags(w, r, q)
	case ActionCatalog:
		return h.listCatalog(w, r, q)
	case ActionDraftNames, ActionTagHistory:
		return h.draft(w, r, q)
	case ActionReferrers:
		return h.listReferrers(w, r, q)
	case ActionDiscover:
		return h.discover(w, r, q)
	case ActionList:
		return h.list(w, r, q)
	case ActionWatch:
		return h.watch(w, r, q)
	case ActionRepositoryDelete:
		return accepted(w, h.reg.DeleteRepository(r.Context(), q.Repository))
	case ActionSearchPing:
		return h.searchPing(w)
	case ActionSearch:
		return h.search(w, r, q)
	case ActionDefinitions, ActionDefinitionGet, ActionDefinitionPut, ActionDefinitionDelete, ActionDefinitionLogo, ActionTypesUnknown,
		ActionPolicies, ActionPolicyGet, ActionPolicyPut, ActionPolicyDelete:
		return h.types(w, r, q)
	case ActionAudit:
		return h.audit(w, r, q)
	case ActionRules, ActionRuleGet, ActionRulePut, ActionRuleDelete, ActionExplain:
		return h.access(w, r, q)
	case ActionAccounts, ActionAccountGet, ActionAccountPut, ActionAccountDelete,
		ActionAPITokens, ActionAPITokenCreate, ActionAPITokenGet, ActionAPITokenDelete, ActionWhoAmI:
		return h.accounts(w, r, q)
	case ActionSessions, ActionSessionsEnd, ActionSessionGet, ActionSessionEnd:
		return h.sessions(w, r, q)
	case ActionToken, ActionTokenGrant, ActionTokenKeys:
		return h.tokens(w, r, q)
	}
	return lading.ErrInternal.Wrap(fmt.Errorf("no handler for action %d", q.Action))
}

func (h *handler) base(w *response, r *http.Request) error {
	if err := h.opt.BaseCheck(r.Context()); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, "application/json", struct{}{})
	return nil
}

// accepted answers 202 when there was no error.
func accepted(w *response, err error) error {
	if err != nil {
		return err
	}
	return empty(w, http.StatusAccepted)
}

// empty answers without a body.
func empty(w *response, status int) error {
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", "0")
	}
	w.WriteHeader(status)
	return nil
}

// setLocation points to a path of this API.
func (h *handler) setLocation(w *response, r *http.Request, q Request) {
	w.Header().Set("Location", h.origin(r)+q.URL())
}

func (h *handler) origin(r *http.Request) string {
	if !h.opt.AbsoluteLocations {
		return ""
	}
	scheme, host := h.opt.Outside(r)
	return scheme + "://" + host
}

// asAsked is the way that a request took where there is no proxy.
func asAsked(r *http.Request) (scheme, host string) {
	if r.TLS != nil {
		return "https", r.Host
	}
	return "http", r.Host
}
