package lading

import (
	"context"
	"strings"
	"time"
)

// Identity is who is calling. The zero value is anonymous.
type Identity struct {
	// Subject names the caller: unique and never reused within a registry,
	// such as "user:ada". Empty is anonymous.
	Subject string
	// Groups are the names of the groups that the caller is in, without
	// "group:".
	Groups []string
	// Credential is what the caller has shown, where that says less than the
	// caller may do: a token, a key, a certificate. Nil is a password, or
	// nothing.
	Credential *Credential
}

// Credential is what a caller shows instead of a password. What a caller may
// do with it is what rules give the caller and the credential does not leave
// out, as long as it holds.
type Credential struct {
	// ID names the credential in records. It is no secret, and nothing can be
	// done with it.
	ID string
	// Bound is what the credential is limited to; nil is no limit.
	Bound *Bound
	// Expires is when it ends to hold; zero is never.
	Expires time.Time
	// Session is the id of the session that the credential belongs to; empty is
	// none.
	Session string
	// Wider is what the caller gets a credential with that is good for more, if
	// this one was made for less than that; nil where there is none.
	Wider *Credential
}

// Bound says for each verb, by Verb.Index, in which repositories a credential
// is good for it.
type Bound [VerbCount]Grants

// Limit returns what is left of the grants for a verb, at that time, with the
// credential; with nil, all.
func (c *Credential) Limit(verb Verb, grants Grants, now time.Time) Grants {
	if c == nil {
		return grants
	}
	i := verb.Index()
	if i < 0 || c.Expired(now) {
		return Grants{}
	}
	if c.Bound == nil {
		return grants
	}
	return grants.Intersect(c.Bound[i])
}

// Narrowed reports whether the credential was made for less than the caller may
// do with another one.
func (c *Credential) Narrowed() bool { return c != nil && c.Wider != nil && c.Bound != c.Wider.Bound }

// Source is what the caller has shown for the credential, where that was made
// for no less; else the credential itself.
func (c *Credential) Source() *Credential {
	if c == nil || c.Wider == nil || c.Narrowed() {
		return c
	}
	return c.Wider
}

// Expired reports whether the credential does not hold any more; nil does.
func (c *Credential) Expired(now time.Time) bool {
	return c != nil && !c.Expires.IsZero() && !now.Before(c.Expires)
}

// Anonymous reports whether nobody is signed in.
func (id Identity) Anonymous() bool { return id.Subject == "" }

// Subjects are those of rules that hold for the caller: what everyone may do,
// who is signed in may do as well.
func (id Identity) Subjects() []string {
	if id.Anonymous() {
		return []string{SubjectAnonymous}
	}
	out := []string{SubjectAnonymous, SubjectAuthenticated}
	// A caller who is called as a group is, is not the group.
	if strings.HasPrefix(id.Subject, "user:") || strings.HasPrefix(id.Subject, "service:") {
		out = append(out, id.Subject)
	}
	for _, g := range id.Groups {
		out = append(out, "group:"+g)
	}
	return out
}

type identityKey struct{}

// WithIdentity returns a context that carries who is calling.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, id)
}

// IdentityFrom returns who is calling; without one, anonymous.
func IdentityFrom(ctx context.Context) Identity {
	id, _ := ctx.Value(identityKey{}).(Identity)
	return id
}

// GrantSource tells what the caller may see, now. A request that takes long (a
// held delta, a stream) asks again.
type GrantSource func(context.Context) (Grants, error)

type grantsKey struct{}

// WithGrants returns a context that carries what the caller may see.
func WithGrants(ctx context.Context, src GrantSource) context.Context {
	return context.WithValue(ctx, grantsKey{}, src)
}

// GrantsFrom returns what the caller may see, now. A context without grants
// shows nothing: what nobody opened stays closed.
func GrantsFrom(ctx context.Context) (Grants, error) {
	src, ok := ctx.Value(grantsKey{}).(GrantSource)
	if !ok {
		return Grants{}, nil
	}
	return src(ctx)
}
