package token

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Prefix begins every refresh token, so that it is recognised where it was
// left lying about.
const Prefix = "lading_rt_"

// maxRefresh is how many refresh tokens a caller has; more take the place of
// the oldest.
const maxRefresh = 100

// remember makes a refresh token for who is signed in. Where none are given, or
// the caller is anonymous or came with a token already, it is empty.
func (s *Service) remember(ctx context.Context, id lading.Identity, client string) (string, error) {
	cred := id.Credential
	if s.opt.Refresh <= 0 || id.Anonymous() || cred != nil && cred.Wider != nil {
		return "", nil
	}
	now := s.opt.Now()
	r := stored{subject: id.Subject, groups: id.Groups, expires: now.Add(s.opt.Refresh)}
	if cred == nil {
		r.credential = s.stamp(id)
	} else {
		r.credential, r.bound = cred.ID, cred.Bound
		if !cred.Expires.IsZero() && cred.Expires.Before(r.expires) {
			r.expires = cred.Expires
		}
	}
	var b [32]byte
	rand.Read(b[:])
	text := Prefix + base64.RawURLEncoding.EncodeToString(b[:])
	groups, bound, err := r.texts()
	if err != nil {
		return "", err
	}
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		tx.Exec(`INSERT INTO refresh_token(hash,subject,groups_json,credential,bound,client,made,expires) VALUES(?,?,?,?,?,?,?,?)`,
			hashOf(text), r.subject, groups, r.credential, bound, bounded(client), now.UnixMicro(), r.expires.UnixMicro())
		tx.Exec(`DELETE FROM refresh_token WHERE subject=? AND hash NOT IN (SELECT hash FROM refresh_token WHERE subject=? ORDER BY made DESC, hash LIMIT ?)`,
			r.subject, r.subject, maxRefresh)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("token: keep a refresh token: %w", err)
	}
	return text, nil
}

// refreshed is whom a refresh token names, as of now.
//
// Errors: UNAUTHORIZED.
func (s *Service) refreshed(ctx context.Context, text string) (lading.Identity, error) {
	wrong := lading.ErrUnauthorized.With("the refresh token is not valid, or has expired: sign in again")
	if !strings.HasPrefix(text, Prefix) || len(text) > 100 {
		return lading.Identity{}, wrong
	}
	r, err := s.stored(ctx, text)
	if errors.Is(err, sqldb.ErrNoRows) || err == nil && !s.opt.Now().Before(r.expires) {
		return lading.Identity{}, wrong
	}
	if err != nil {
		return lading.Identity{}, err
	}
	id, ok := s.opt.Current(r.identity())
	if !ok {
		return lading.Identity{}, wrong
	}
	id.Credential = r.identity().Credential
	id.Credential.ID += auth.Refreshed
	return id, nil
}

// stored is what is known of a refresh token.
type stored struct {
	subject    string
	groups     []string
	credential string
	bound      *lading.Bound
	expires    time.Time
}

func (r stored) identity() lading.Identity {
	return lading.Identity{Subject: r.subject, Groups: r.groups, Credential: &lading.Credential{ID: r.credential, Bound: r.bound, Expires: r.expires}}
}

// texts are the groups and the bound as they are kept.
func (r stored) texts() (groups, bound string, err error) {
	if len(r.groups) > 0 {
		b, err := json.Marshal(r.groups)
		if err != nil {
			return "", "", fmt.Errorf("token: groups: %w", err)
		}
		groups = string(b)
	}
	if r.bound != nil {
		b, err := json.Marshal(r.bound)
		if err != nil {
			return "", "", fmt.Errorf("token: bound: %w", err)
		}
		bound = string(b)
	}
	return groups, bound, nil
}

func (s *Service) stored(ctx context.Context, text string) (r stored, err error) {
	var groups, bound string
	var expires int64
	err = s.db.Read().QueryRow(ctx, `SELECT subject,groups_json,credential,bound,expires FROM refresh_token WHERE hash=?`, hashOf(text)).
		Scan(&r.subject, &groups, &r.credential, &bound, &expires)
	if err != nil {
		return r, fmt.Errorf("token: refresh token: %w", err)
	}
	r.expires = time.UnixMicro(expires)
	if groups != "" {
		err = json.Unmarshal([]byte(groups), &r.groups)
	}
	if err == nil && bound != "" {
		r.bound = &lading.Bound{}
		err = json.Unmarshal([]byte(bound), r.bound)
	}
	if err != nil {
		return r, fmt.Errorf("token: refresh token: %w", err)
	}
	return r, nil
}

// Revoke removes a refresh token. It is no error that there is none.
func (s *Service) Revoke(ctx context.Context, text string) error {
	return s.remove(ctx, `DELETE FROM refresh_token WHERE hash=?`, hashOf(text))
}

// RevokeAll removes those of a caller.
func (s *Service) RevokeAll(ctx context.Context, subject string) error {
	return s.remove(ctx, `DELETE FROM refresh_token WHERE subject=?`, subject)
}

// sweep removes those that have expired.
func (s *Service) sweep(ctx context.Context) error {
	return s.remove(ctx, `DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE expires<=? ORDER BY expires LIMIT 1000)`, s.opt.Now().UnixMicro())
}

func (s *Service) remove(ctx context.Context, sql string, args ...any) error {
	err := s.db.Update(ctx, 0, func(tx *sqldb.Tx) error { tx.Exec(sql, args...); return nil })
	if err != nil {
		return fmt.Errorf("token: remove refresh tokens: %w", err)
	}
	return nil
}

func hashOf(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// bounded cuts what a client says of itself.
func bounded(s string) string { return strings.ToValidUTF8(s[:min(len(s), 100)], "") }
