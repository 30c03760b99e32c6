package modeltest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/discover"
)

// copyFile copies a file that nobody writes to.
func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// stop closes the only server of a world until start is called.
func (w *world) stop(t *testing.T) {
	t.Helper()
	if err := w.servers[0].Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) begin(t *testing.T) {
	t.Helper()
	if err := w.start(0); err != nil {
		t.Fatal(err)
	}
}

// TestFileCopiedBack copies the database aside, goes on, and puts it back:
// whoever has seen what is lost must be told, also after new writes have gone
// beyond the positions that they hold.
func TestFileCopiedBack(t *testing.T) {
	for name, c := range map[string]struct {
		open     bool // copied while the registry is open, and at rest
		restarts int  // before it is put back
	}{
		"closed": {}, "closed, restarted": {restarts: 2},
		"open": {open: true}, "open, restarted": {open: true, restarts: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, setup{direct: true, options: discover.Options{Ahead: 50 * time.Millisecond}})
			r := newRun(w, 7)
			r.rules = rules{{kind: "all"}}
			w.access.set(caller, r.rules)
			early, late, fresh := r.follower(), r.follower(), r.follower()

			r.pushTags(t, "kept", 20)
			r.catchUp(t, early)
			if !c.open {
				w.stop(t)
			}
			w.copyDatabase(t, "", ".copy")
			if !c.open {
				w.begin(t)
			}
			r.catchUp(t, early) // a clean restart: its cursor of before counts

			r.pushTags(t, "lost", 20)
			r.catchUp(t, late)
			for range c.restarts {
				w.stop(t)
				w.begin(t)
				r.pushTags(t, "lost-too", 5)
				r.catchUp(t, late)
			}
			w.stop(t)
			w.copyDatabase(t, ".copy", "")
			w.begin(t)

			r.mustExpire(t, late, "at once")
			r.mustExpireOrServe(t, early)
			r.pushTags(t, "new", 100)
			r.mustExpire(t, late, "after new writes beyond it")
			w.stop(t)
			w.begin(t)
			r.mustExpire(t, late, "after another restart")
			r.catchUp(t, fresh)
		})
	}
}

// copyDatabase copies the files of the database from those with one suffix to
// those with another.
func (w *world) copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	for _, name := range []string{"catalog.db", "catalog.db-wal"} {
		file := filepath.Join(w.cfg.Data, name)
		if err := os.Remove(file + to); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if _, err := os.Stat(file + from); err == nil {
			copyFile(t, file+from, file+to)
		}
	}
}

func (r *run) follower() *client {
	return &client{query: lading.Query{Kind: lading.KindTags}, copy: copyOf{}}
}

// catchUp lets a client follow until nothing is new.
func (r *run) catchUp(t *testing.T, c *client) {
	t.Helper()
	if err := r.comeToRest(c); err != nil {
		t.Fatal(err)
	}
}

// mustExpire asks with the client's cursor, which must be refused.
func (r *run) mustExpire(t *testing.T, c *client, when string) {
	t.Helper()
	q := c.query
	q.Since = c.cursor
	p := r.reg.list(caller, q, form{since: true})
	if p.code != lading.CodeCursorExpired || p.reason != "epoch" {
		t.Errorf("%s: a cursor of the lost history answers %q %q with %d items, want 410 epoch", when, p.code, p.reason, len(p.items))
	}
}

// mustExpireOrServe asks with a cursor of a process that is lost: it is
// refused, or its delta leads to what is there.
func (r *run) mustExpireOrServe(t *testing.T, c *client) {
	t.Helper()
	q := c.query
	q.Since = c.cursor
	p := r.reg.list(caller, q, form{since: true})
	if p.code == lading.CodeCursorExpired && p.reason == "epoch" {
		return
	}
	fresh := r.follower()
	r.catchUp(t, fresh)
	r.catchUp(t, c)
	if diff := c.copy.same(fresh.copy); diff != "" {
		t.Errorf("the delta of an old cursor leads elsewhere:\n%s", diff)
	}
}
