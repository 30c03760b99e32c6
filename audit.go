package lading

import (
	"context"
	"errors"
	"strings"
	"time"
)

// AuditRecord tells of something that was done, or refused: who, what, where
// and from where. It holds no secret.
type AuditRecord struct {
	// ID names the record. Records of the same time have different ones.
	ID string `json:"id"`
	// Time is when it happened; of several, the first time.
	Time time.Time `json:"time"`
	// Until is when it happened last, where Count is more than one.
	Until time.Time `json:"until,omitzero"`
	// Count is how often it happened: equal refusals and pulls are told
	// together.
	Count int64 `json:"count"`
	// Action is what was asked for: the name of an endpoint's action, such as
	// manifest_put, or tag_delete, orphan_delete, sign_in, or "*" for many.
	Action string `json:"action"`
	// Outcome is what became of it.
	Outcome string `json:"outcome"`
	// Status is the HTTP status of a refusal, and Code its error; Code tells
	// what was refused, also where the client was told that there is nothing.
	Status int  `json:"status,omitempty"`
	Code   Code `json:"code,omitempty"`
	// Actor is who did it, such as "user:ada"; empty is nobody who had signed
	// in, and AuditSystem the registry itself.
	Actor string `json:"actor,omitempty"`
	// Groups are those that the actor was in, without "group:", and so those
	// through which rules held for it; of very many the first, and then "…".
	Groups []string `json:"groups,omitempty"`
	// Claimed is the name that was tried with a wrong password.
	Claimed string `json:"claimed,omitempty"`
	// Credential is the id of the token, key or certificate that was shown.
	Credential string `json:"credential,omitempty"`
	// Address is the client's, without a port. Agent is what it said of
	// itself.
	Address string `json:"address,omitempty"`
	Agent   string `json:"agent,omitempty"`
	// RequestID is the X-Request-Id of the request; of several, of the first.
	RequestID string `json:"request_id,omitempty"`
	// Repository is what it was about, and Scope the part of the registry
	// where it is about more than one: "namespace:acme", "registry".
	Repository string `json:"repository,omitempty"`
	Scope      string `json:"scope,omitempty"`
	// Tags are those that were put, moved, deleted or asked for.
	Tags []string `json:"tags,omitempty"`
	// Digest is the manifest's, or the blob's; Previous is where the one tag
	// pointed before. Size is that of the manifest, in bytes.
	Digest   Digest `json:"digest,omitempty"`
	Previous Digest `json:"previous,omitempty"`
	Size     int64  `json:"size,omitempty"`
	// Detail is for people: the rule before and after, the name of a type.
	Detail string `json:"detail,omitempty"`
}

// The outcomes of records.
const (
	AuditAllowed      = "allowed"      // it was done
	AuditDenied       = "denied"       // the caller may not do it
	AuditUnauthorized = "unauthorized" // the caller is not, or wrongly, signed in
	AuditLimited      = "limited"      // the caller asks too often
)

// AuditSystem is the actor of what the registry does of itself.
const AuditSystem = "system:lading"

// AuditQuery asks for records. The zero value asks for all, the newest first.
type AuditQuery struct {
	// Since (inclusive) and Until (exclusive) compare with the time at which
	// the record was written, some seconds at most after it happened.
	Since, Until time.Time
	// Actor, Action and Outcome keep those that have these; the outcome
	// "refused" stands for all but allowed.
	Actor, Action, Outcome string
	// Repository keeps what was done to this one, Namespace what was done to
	// the repository of that very name and in all below it.
	Repository, Namespace string
	// Oldest begins with the oldest: for a reader that goes on where it left
	// off.
	Oldest bool
	// N is the number of records, 1 to MaxPage; 0 means DefaultPage.
	N int
	// After goes on after a page: its Next. The other fields are to be the
	// same.
	After string
}

// AuditRefused is the outcome of a query that keeps all refusals.
const AuditRefused = "refused"

// AuditPage is a page of records.
type AuditPage struct {
	Records []AuditRecord `json:"records"`
	// Next goes on after this page; empty when nothing follows. With Oldest it
	// is there on the last page too, for what will follow, unless nothing
	// was ever found.
	Next string `json:"next,omitempty"`
	// More tells that something may follow right now. A page may be short, and
	// empty, and there be more.
	More bool `json:"more"`
}

// Auditor tells what was done. Who may read records of a part of the registry,
// in the context, reads those alone.
type Auditor interface {
	// Audit returns a page of records.
	//
	// Errors: UNAUTHORIZED, DENIED, PARAMETER_INVALID.
	Audit(ctx context.Context, q AuditQuery) (AuditPage, error)
}

// ErrRefused is the cause of an error that says something else to those who
// may not know that there was anything to refuse.
var ErrRefused = errors.New("the rules do not allow it")

// Origin is where a request comes from: what a record of it needs beside who
// is calling.
type Origin struct {
	RequestID string
	Address   string // without a port
	Agent     string // at most MaxAgent bytes, printable
}

// MaxAgent is how much of what a client says of itself is kept, in bytes.
const MaxAgent = 128

type originKey struct{}

// WithOrigin returns a context that carries where the request comes from.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginFrom returns where the request comes from; the zero value where none
// began it.
func OriginFrom(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// Printable makes text of what a client has sent: at most so many bytes, and
// in the place of all that is not printable ASCII a question mark.
func Printable(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
