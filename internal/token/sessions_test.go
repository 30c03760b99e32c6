package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// replica is a service behind a chain, as in a server; ended counts how often it
// told that sessions were.
func (w *world) replica() (s *Service, ended *int) {
	ended = new(int)
	var chain auth.Chain
	s = w.open(Options{Refresh: time.Hour, Ended: func() { *ended++ }})
	s.opt.Current = func(id lading.Identity) (lading.Identity, bool) { return chain.Current(id) }
	chain = auth.Chain{s, everyone{w}}
	return s, ended
}

// everyone knows all who have not gone, by what they showed.
type everyone struct{ w *world }

func (e everyone) Current(id lading.Identity) (lading.Identity, bool) {
	return id, !e.w.gone[id.Subject]
}

func (everyone) Authenticate(*http.Request) (lading.Identity, bool, error) {
	return lading.Identity{}, false, nil
}

func (w *world) sessions(s *Service, owner, last string, n int) []lading.Session {
	w.T.Helper()
	out, err := s.Sessions(context.Background(), owner, last, n)
	w.Must(err)
	return out
}

func (w *world) session(s *Service, ctx context.Context, client string) (Answer, lading.Session) {
	w.T.Helper()
	a := w.issue(s, ctx, Request{Offline: true, Client: client})
	r, err := s.stored(context.Background(), a.Refresh)
	w.Must(err)
	return a, s.shown(r)
}

func TestSessionsAreShown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, _ := w.replica()
		bob := lading.Identity{Subject: "user:bob"}
		from := func(id lading.Identity, address string) context.Context {
			return lading.WithOrigin(as(id), lading.Origin{Address: address})
		}
		a, shown := w.session(s, from(ada, "10.0.0.7"), "docker")
		_, other := w.session(s, from(bob, ""), "po\ndman"+strings.Repeat("x", 200))
		if shown.Owner != "user:ada" || shown.Client != "docker" || shown.Address != "10.0.0.7" || !shown.Made.Equal(w.now) || !shown.Used.IsZero() ||
			!shown.Expires.Equal(w.now.Add(time.Hour)) || shown.Over || len(shown.ID) != 20 || strings.Contains(a.Refresh, shown.ID) {
			t.Errorf("%+v", shown)
		}
		if len(other.Client) != 100 || !strings.HasPrefix(other.Client, "po?dman") {
			t.Errorf("%q", other.Client)
		}
		if all := w.sessions(s, "", "", 10); len(all) != 2 || !slices.IsSortedFunc(all, func(a, b lading.Session) int { return strings.Compare(a.ID, b.ID) }) {
			t.Errorf("%+v", all)
		}
		if mine := w.sessions(s, "user:ada", "", 10); len(mine) != 1 || mine[0] != shown {
			t.Errorf("%+v, want %+v", mine, shown)
		}
		for range 5 {
			w.session(s, as(ada), "x")
		}
		for _, owner := range []string{"", "user:ada"} {
			var walked []lading.Session
			for last := ""; ; {
				page := w.sessions(s, owner, last, 2)
				if len(page) == 0 {
					break
				}
				walked = append(walked, page...)
				last = page[len(page)-1].ID
			}
			if !slices.Equal(walked, w.sessions(s, owner, "", 100)) {
				t.Errorf("%q: the pages are not the whole: %+v", owner, walked)
			}
		}
		one, err := s.Session(context.Background(), shown.ID)
		if err != nil || one != shown {
			t.Errorf("%+v %v", one, err)
		}
		w.gone["user:ada"] = true
		if one, err := s.Session(context.Background(), shown.ID); err != nil || !one.Over {
			t.Errorf("of one who has gone: %+v %v", one, err)
		}
		w.now = w.now.Add(time.Hour)
		if all := w.sessions(s, "", "", 10); len(all) != 0 {
			t.Errorf("they have expired: %+v", all)
		}
		for _, id := range []string{shown.ID, "", "x", strings.Repeat("0", 20), shown.ID + "00", strings.ToUpper(shown.ID)} {
			if _, err := s.Session(context.Background(), id); !errors.Is(err, lading.ErrSessionUnknown) {
				t.Errorf("%q: %v", id, err)
			}
		}
	})
}

// TestUses: when a session was used is known at once where it was, and a minute
// later everywhere; it is not written each time.
func TestUses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, _ := w.replica()
		other, _ := w.replica()
		a, shown := w.session(s, as(ada), "")
		began := w.now
		use := func() { w.issue(s, context.Background(), Request{Refresh: a.Refresh}) }
		check := func(what string, s *Service, want time.Time) {
			t.Helper()
			if one, err := s.Session(context.Background(), shown.ID); err != nil || !one.Used.Equal(want) {
				t.Errorf("%s: %v, want %v (%v)", what, one.Used, want, err)
			}
		}
		w.now = began.Add(time.Minute)
		use()
		check("here", s, w.now)
		check("elsewhere", other, time.Time{})
		w.now = began.Add(time.Minute + 30*time.Second)
		use()
		check("once more", s, began.Add(time.Minute))
		w.Must(s.Keep(context.Background()))
		check("written", other, began.Add(time.Minute))
		use()
		if n := len(s.uses.at); n != 0 {
			t.Error("it is written each time:", n)
		}
		w.now = began.Add(5 * time.Minute)
		use()
		w.Must(s.Keep(context.Background()))
		check("later", other, w.now)
		w.Must(s.Keep(context.Background()))
		check("an empty round", other, w.now)
	})
}

// TestEnd: a session that was ended gives no tokens any more, and those it gave
// are good for nothing, here at once and elsewhere when that has looked.
func TestEnd(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, told := w.replica()
		other, toldOther := w.replica()
		first, shown := w.session(s, as(ada), "docker")
		kept, stays := w.session(s, as(ada), "podman")
		later := w.issue(other, context.Background(), Request{Refresh: first.Refresh})
		plain := w.token(s)
		for _, r := range []*Service{s, other} {
			for what, text := range map[string]string{"with the session": first.Access, "by the refresh token": later.Access} {
				if id := w.want(r, what, text, "user:ada"); id.Credential.Session != shown.ID || id.Credential.Wider.Session != shown.ID {
					t.Errorf("%s: %+v", what, id.Credential)
				}
			}
		}
		stream := w.want(other, "a stream", later.Access, "user:ada")
		w.Must(s.EndSession(context.Background(), shown.ID))
		if *told != 1 || *toldOther != 0 {
			t.Error("told:", *told, *toldOther)
		}
		if _, err := s.Issue(context.Background(), Request{Refresh: first.Refresh}); !errors.Is(err, lading.ErrUnauthorized) {
			t.Error("it goes on:", err)
		}
		w.want(s, "ended", first.Access, "")
		w.want(s, "ended", later.Access, "")
		w.Must(other.RefreshEnded(context.Background()))
		w.want(other, "ended elsewhere", first.Access, "")
		w.want(other, "ended elsewhere", later.Access, "")
		if _, ok := other.opt.Current(stream); ok || *toldOther != 1 {
			t.Error("the stream goes on, or is not asked:", ok, *toldOther)
		}
		w.Must(other.RefreshEnded(context.Background()))
		if *toldOther != 1 {
			t.Error("told again:", *toldOther)
		}
		for what, text := range map[string]string{"another session": kept.Access, "of no session": plain} {
			w.want(s, what, text, "user:ada")
			w.want(other, what, text, "user:ada")
		}
		if all := w.sessions(s, "user:ada", "", 10); len(all) != 1 || all[0] != stays {
			t.Errorf("%+v", all)
		}
		for _, id := range []string{shown.ID, "", "x", strings.Repeat("0", 20)} {
			if err := s.EndSession(context.Background(), id); !errors.Is(err, lading.ErrSessionUnknown) {
				t.Errorf("%q: %v", id, err)
			}
		}
		w.want(w.open(Options{}), "of a session, where nobody looks", kept.Access, "user:ada")
		fresh, _ := w.replica()
		w.want(fresh, "after a restart", first.Access, "")

		w.Must(s.EndSessions(context.Background(), "user:ada"))
		w.want(s, "all", kept.Access, "")
		w.Must(s.EndSessions(context.Background(), "user:ada"))

		w.now = w.now.Add(maxLifetime + 2*leeway)
		w.Must(s.Keep(context.Background()))
		if n := len(*s.ended.Load()); n != 0 {
			t.Error("those that were ended long ago are remembered:", n)
		}
		w.want(s, "expired", first.Access, "")
	})
}

// TestEndedAreBounded: who makes and ends sessions without end has as many
// remembered and no more; they end all the same.
func TestEndedAreBounded(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/c.db")
	s, _ := w.replica()
	for i := range maxEnded/maxRefresh + 1 {
		for range maxRefresh {
			w.issue(s, as(ada), Request{Offline: true})
		}
		w.Must(s.EndSessions(context.Background(), "user:ada"))
		if n := len(*s.ended.Load()); n != min(maxEnded, (i+1)*maxRefresh) {
			t.Fatal("remembered:", n)
		}
	}
	if all := w.sessions(s, "", "", 10); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	bob, _ := w.session(s, as(lading.Identity{Subject: "user:bob"}), "")
	w.Must(s.EndSessions(context.Background(), "user:bob"))
	w.want(s, "of another", bob.Access, "")
}

// TestEndIsOnRecord: with whose it was, and nothing of the token.
func TestEndIsOnRecord(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		s, _ := w.replica()
		a, shown := w.session(s, as(ada), "docker")
		w.Must(s.EndSession(as(lading.Identity{Subject: "user:root"}), shown.ID))
		var n int
		var actor, body string
		w.Must(s.db.Read().QueryRow(context.Background(), `SELECT count(*), max(actor), max(body) FROM audit`).Scan(&n, &actor, &body))
		want := fmt.Sprintf("session:%s: user:ada made=%s client=docker -\\u003e nothing", shown.ID, shown.Made.Format(time.RFC3339))
		if n != 1 || actor != "user:root" || !strings.Contains(strings.ReplaceAll(body, "->", "-\\u003e"), want) || strings.Contains(body, a.Refresh) {
			t.Errorf("%d %s %s\nwant %s", n, actor, body, want)
		}
	})
}

// TestOldSessions: refresh tokens of before there was a session in them are
// sessions as others are.
func TestOldSessions(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/c.db")
	s, _ := w.replica()
	text := Prefix + "of-another-version"
	w.Must(s.db.Update(context.Background(), 0, func(tx *sqldb.Tx) error {
		tx.Exec(`INSERT INTO refresh_token(hash,subject,groups_json,credential,bound,client,made,expires) VALUES(?,'user:ada','',?,'','docker',1,?)`,
			hashOf(text), auth.Session, w.now.Add(time.Hour).UnixMicro())
		return nil
	}))
	all := w.sessions(s, "", "", 10)
	if len(all) != 1 || all[0].Owner != "user:ada" || all[0].Address != "" {
		t.Fatalf("%+v", all)
	}
	a := w.issue(s, context.Background(), Request{Refresh: text})
	w.Must(s.EndSession(context.Background(), all[0].ID))
	w.want(s, "ended", a.Access, "")
}

// TestKeepReadsEnded: what could not be read when a session was ended is read a
// minute later, also where nobody looks for what other replicas do.
func TestKeepReadsEnded(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/c.db")
	s, told := w.replica()
	a, shown := w.session(s, as(ada), "")
	w.Must(s.EndSession(context.Background(), shown.ID))
	s.ended.Store(&map[string]bool{})
	w.want(s, "as long as it is not read", a.Access, "user:ada")
	w.Must(s.Keep(context.Background()))
	w.want(s, "read again", a.Access, "")
	if *told != 2 {
		t.Error("told:", *told)
	}
}
