package token

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/lading-dev/lading"
)

// Request asks for a token, for the caller that the context names.
type Request struct {
	// Service is whom the token is for; empty is this one.
	Service string
	// Scopes are what it is asked for, several in each text with spaces
	// between.
	Scopes []string
	// Client is what the client calls itself.
	Client string
	// Offline asks for a refresh token as well.
	Offline bool
	// Refresh is a refresh token: the caller is whom it names.
	Refresh string
}

// Answer is a token.
type Answer struct {
	Access string
	// Subject is whom it names; empty is nobody.
	Subject string
	Expires time.Time
	Issued  time.Time
	// Scopes are what it was made for: what was asked, cut by what the caller
	// may do.
	Scopes []Scope
	// Refresh is a refresh token, or empty.
	Refresh string
}

// Scope is what the answer was made for, as one text.
func (a Answer) Scope() string {
	words := make([]string, len(a.Scopes))
	for i, s := range a.Scopes {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// Issue makes a token. What the caller may not do is left out of it without a
// word, by the rules and the names alone: whether there is such a repository
// does not matter.
//
// Errors: UNAUTHORIZED for a refresh token that is not good; PARAMETER_INVALID.
func (s *Service) Issue(ctx context.Context, q Request) (Answer, error) {
	if q.Service != "" && q.Service != s.name {
		return Answer{}, lading.InvalidParameter("service", "this registry is %q", s.name)
	}
	asked, ok := ParseScopes(q.Scopes)
	if !ok {
		return Answer{}, lading.InvalidParameter("scope", "more than %d", MaxScopes)
	}
	out := Answer{Refresh: q.Refresh}
	if q.Refresh != "" {
		id, err := s.refreshed(ctx, q.Refresh)
		if err != nil {
			return Answer{}, err
		}
		ctx = lading.WithIdentity(ctx, id)
	}
	id := lading.IdentityFrom(ctx)
	granted, err := s.granted(ctx, asked)
	if err != nil {
		return Answer{}, err
	}
	c := s.claims(id, granted)
	var made session
	if q.Offline && q.Refresh == "" {
		made, out.Refresh = s.newSession(ctx, id, q.Client)
		c.Session = made.id()
	}
	if out.Access, err = s.sign(c); err != nil {
		return Answer{}, err
	}
	if len(out.Access) > MaxSize {
		return Answer{}, lading.InvalidParameter("scope", "the token would be too large: ask for less")
	}
	out.Subject, out.Scopes, out.Issued, out.Expires = id.Subject, granted, c.Issued.Time(), c.Expires.Time()
	if q.Refresh == "" && out.Refresh != "" {
		err = s.remember(ctx, made)
	}
	return out, err
}

// granted cuts what is asked for by what the caller may do.
func (s *Service) granted(ctx context.Context, asked []Scope) ([]Scope, error) {
	out := []Scope{}
	for _, sc := range asked {
		var actions []string
		for _, a := range sc.Actions {
			ok, err := s.may(ctx, sc, a)
			if err != nil {
				return nil, err
			}
			if ok {
				actions = append(actions, a)
			}
		}
		if len(actions) > 0 {
			out = append(out, Scope{sc.Type, sc.Name, actions})
		}
	}
	return out, nil
}

// may reports whether the caller may do some of what an action asks for,
// somewhere in what it is about.
func (s *Service) may(ctx context.Context, sc Scope, action string) (bool, error) {
	if sc.unbound() {
		return !lading.IdentityFrom(ctx).Anonymous(), nil
	}
	for _, v := range lading.AllVerbs() {
		if !sc.verbs(action).Has(v) {
			continue
		}
		g, err := s.opt.Granted(ctx, v)
		if err != nil {
			return false, err
		}
		if !g.Intersect(lading.NewGrants(sc.names(action)...)).Empty() {
			return true, nil
		}
	}
	return false, nil
}

func (s *Service) claims(id lading.Identity, access []Scope) Claims {
	now := s.opt.Now().Truncate(time.Second)
	expires := now.Add(s.opt.Lifetime)
	c := Claims{Issuer: s.name, Audience: s.name, Subject: id.Subject, ID: newID(), Access: access, Groups: slices.Clone(id.Groups)}
	if cred := id.Credential; cred == nil {
		c.Credential = s.stamp(id)
	} else {
		c.Credential, c.Bound, c.Session = cred.ID, cred.Bound, cred.Session
		if !cred.Expires.IsZero() {
			c.Until = jwt.NewNumericDate(cred.Expires)
		}
		if !cred.Expires.IsZero() && cred.Expires.Before(expires) {
			expires = cred.Expires
		}
	}
	c.Issued, c.Begins, c.Expires = jwt.NewNumericDate(now), jwt.NewNumericDate(now), jwt.NewNumericDate(expires)
	return c
}

// stamp is the id of the credential of a caller who has none.
func (s *Service) stamp(id lading.Identity) string {
	if id.Anonymous() {
		return ""
	}
	return s.opt.Stamp(id)
}
