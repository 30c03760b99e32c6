package httpapi

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/lading-dev/lading"
)

// RateClass is what a request counts as.
type RateClass uint8

// The classes.
const (
	RatePull RateClass = iota // reads of content, and whatever is no other
	RatePush                  // requests that write
	RateList                  // questions about what there is
	RateSync                  // rows read to answer those
	rateClasses
)

// RateLimits bound what one caller may ask for. Callers are named by their
// subject, empty where nobody is signed in, and the address of the request.
// Its methods are called with every request, so they are quick and do not
// block.
type RateLimits interface {
	// Take counts a request of the class, or has it wait.
	Take(class RateClass, subject, address string) RateQuota
	// Owes tells how long the caller waits until rows are read for it again;
	// cursor tells that it presents one, or goes on with what has begun.
	Owes(subject, address string, cursor bool) RateQuota
	// Charge counts rows that were read for the caller.
	Charge(subject, address string, rows int64)
	// Hold counts a stream or a delta that waits until release is called.
	Hold(subject, address string) (release func(), ok bool)
	// Policy is what one caller has of a class; a zero one is no bound.
	Policy(class RateClass) RatePolicy
}

// RatePolicy is how many requests, or rows, a caller may have at once, and in
// how many seconds as many again.
type RatePolicy struct {
	Name   string // "pull"
	Quota  int
	Window int
}

// RateQuota is what a caller has left.
type RateQuota struct {
	// Wait is how long until the request may come again; 0 is now.
	Wait time.Duration
	// Own tells that the bound is the caller's own, and so that Left counts:
	// what others have left is not told.
	Own bool
	// Left is how many requests, or rows, the caller may still have at once.
	Left int
}

// rateDetail is the detail of TOOMANYREQUESTS.
type rateDetail struct {
	// Limit is what there was too much of: the class, or "held".
	Limit      string `json:"limit"`
	RetryAfter int    `json:"retry_after_s"`
}

// rated counts the request, or refuses it. What rows it reads are counted as
// well, where they count.
func (h *handler) rated(w *response, r *http.Request, q *Request) (*http.Request, error) {
	if h.opt.Rates == nil {
		return r, nil
	}
	class := rateClassOf(q)
	if err := h.refused(w, class, h.opt.Rates.Take(class, w.subject, r.RemoteAddr)); err != nil {
		return nil, err
	}
	if class != RateList {
		return r, nil
	}
	if reads, cursor := readsRows(r, q); reads {
		if err := h.refused(w, RateSync, h.opt.Rates.Owes(w.subject, r.RemoteAddr, cursor)); err != nil {
			return nil, err
		}
	}
	w.meter = &lading.Meter{}
	return r.WithContext(lading.WithMeter(r.Context(), w.meter)), nil
}

// charge counts the rows that were read since it was last called.
func (h *handler) charge(w *response, r *http.Request) {
	if rows := w.meter.Take(); rows > 0 {
		h.opt.Rates.Charge(w.subject, r.RemoteAddr, rows)
	}
}

// refused is the answer to a request that has to wait, nil to one that has
// not. Who has less than half left is told.
func (h *handler) refused(w *response, class RateClass, q RateQuota) error {
	p := h.rates[class]
	if q.Own && (q.Left < p.Quota/2 || q.Wait > 0) {
		tellQuota(w.Header(), class, p, q)
	}
	if q.Wait <= 0 {
		return nil
	}
	after := seconds(q.Wait)
	after += h.opt.Jitter(after/2 + 2)
	what := "requests of this kind"
	if class == RateSync {
		what = "rows were read"
	}
	return lading.ErrTooManyRequests.With("too many %s: try again in %d s", what, after).WithDetail(rateDetail{p.Name, after})
}

// tellQuota tells a caller what it has left, in the words of
// draft-ietf-httpapi-ratelimit-headers-10 ("RateLimit-Policy", "RateLimit"),
// and of pulls in those that Docker Hub has for them.
func tellQuota(head http.Header, class RateClass, p RatePolicy, q RateQuota) {
	reset := seconds(q.Wait)
	if q.Wait == 0 {
		reset = (p.Quota - q.Left) * p.Window / max(1, p.Quota)
	}
	head.Add("Ratelimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", p.Name, p.Quota, p.Window))
	head.Add("Ratelimit", fmt.Sprintf("%q;r=%d;t=%d", p.Name, q.Left, max(1, reset)))
	if class == RatePull {
		window := ";w=" + strconv.Itoa(p.Window)
		head.Set("Ratelimit-Limit", strconv.Itoa(p.Quota)+window)
		head.Set("Ratelimit-Remaining", strconv.Itoa(q.Left)+window)
	}
}

// seconds rounds up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// rateClassOf is what the request counts as.
func rateClassOf(q *Request) RateClass {
	switch q.Action {
	case ActionTagsList, ActionCatalog, ActionList, ActionWatch, ActionSearch, ActionDraftNames, ActionTagHistory, ActionTypesUnknown,
		ActionAudit, ActionRules, ActionAccounts, ActionAPITokens, ActionSessions:
		return RateList
	case ActionUploadStatus:
		return RatePush
	case ActionToken, ActionTokenGrant:
		return RatePull // what clients do before they pull
	}
	if m := q.Method(); m == http.MethodGet || m == http.MethodHead {
		return RatePull
	}
	return RatePush
}

// readsRows tells whether many rows may be read for the question at once, as
// of a stream that begins now there are not, and whether it comes with a cursor
// or goes on with what has begun.
func readsRows(r *http.Request, q *Request) (reads, cursor bool) {
	switch q.Action {
	case ActionList:
		since := q.Query.Since != "" && q.Query.Since != "none"
		return true, since || q.Query.Page != "" || len(held(r, q.Query)) > 0
	case ActionWatch:
		since := q.Watch.Since != "" && q.Watch.Since != "now" || len(r.Header["Last-Event-Id"]) > 0
		return since || q.Watch.Initial, since
	case ActionAudit:
		return true, q.Audit.After != ""
	case ActionRules, ActionAccounts, ActionAPITokens: // they are in memory
		return false, false
	}
	return true, false
}
