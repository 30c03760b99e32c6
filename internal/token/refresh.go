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

// newSession makes a session, and its refresh token, for who is signed in. Where
// none are given, or the caller is anonymous or came with a token already, the
// token is empty.
func (s *Service) newSession(ctx context.Context, id lading.Identity, client string) (r session, text string) {
	cred := id.Credential
	if s.opt.Refresh <= 0 || id.Anonymous() || cred != nil && cred.Wider != nil {
		return session{}, ""
	}
	now := s.opt.Now()
	r = session{subject: id.Subject, groups: id.Groups, client: bounded(client), address: bounded(lading.OriginFrom(ctx).Address),
		made: now, expires: now.Add(s.opt.Refresh)}
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
	text = Prefix + base64.RawURLEncoding.EncodeToString(b[:])
	r.hash = hashOf(text)
	return r, text
}

// remember keeps a session that is new.
func (s *Service) remember(ctx context.Context, r session) error {
	groups, bound, err := r.texts()
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, 0, func(tx *sqldb.Tx) error {
		tx.Exec(`INSERT INTO refresh_token(hash,subject,groups_json,credential,bound,client,address,made,used,expires) VALUES(?,?,?,?,?,?,?,?,0,?)`,
			r.hash, r.subject, groups, r.credential, bound, r.client, r.address, r.made.UnixMicro(), r.expires.UnixMicro())
		tx.Exec(`DELETE FROM refresh_token WHERE subject=? AND hash NOT IN (SELECT hash FROM refresh_token WHERE subject=? ORDER BY made DESC, hash LIMIT ?)`,
			r.subject, r.subject, maxRefresh)
		return nil
	})
	if err != nil {
		return fmt.Errorf("token: keep a refresh token: %w", err)
	}
	return nil
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
	s.uses.note(r, s.opt.Now())
	id.Credential = r.identity().Credential
	id.Credential.ID += auth.Refreshed
	return id, nil
}

// session is what is known of a refresh token.
type session struct {
	hash       []byte // of its text
	subject    string
	groups     []string
	credential string
	bound      *lading.Bound
	client     string
	address    string
	made       time.Time
	used       time.Time // as far as it is written; zero is never
	expires    time.Time
}

func (r session) identity() lading.Identity {
	return lading.Identity{Subject: r.subject, Groups: r.groups, Credential: &lading.Credential{ID: r.credential, Bound: r.bound, Expires: r.expires, Session: r.id()}}
}

// texts are the groups and the bound as they are kept.
func (r session) texts() (groups, bound string, err error) {
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

// columns are those that scanSession reads.
const columns = `hash,subject,groups_json,credential,bound,client,address,made,used,expires`

func scanSession(row sqldb.Row) (r session, err error) {
	var groups, bound string
	var made, used, expires int64
	if err := row.Scan(&r.hash, &r.subject, &groups, &r.credential, &bound, &r.client, &r.address, &made, &used, &expires); err != nil {
		return r, fmt.Errorf("token: refresh token: %w", err)
	}
	r.made, r.used, r.expires = time.UnixMicro(made).UTC(), timeOf(used), time.UnixMicro(expires).UTC()
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

func (s *Service) stored(ctx context.Context, text string) (session, error) {
	return scanSession(s.db.Read().QueryRow(ctx, `SELECT `+columns+` FROM refresh_token WHERE hash=?`, hashOf(text)))
}

func hashOf(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// bounded cuts what a client says of itself.
func bounded(s string) string { return lading.Printable(s, 100) }

// timeOf is a time in Unix microseconds; 0 is none.
func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
