package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// export has the records of a desk come into a file of the directory.
func (d *desk) export() (path string) {
	d.store.Export()
	d.Export()
	return filepath.Join(d.T.TempDir(), "audit.ndjson")
}

func (d *desk) file(opt audit.FileOptions) *audit.File {
	d.T.Helper()
	opt.Now = d.Clock.Now
	f, err := audit.OpenFile(d.DB, opt)
	d.Must(err)
	return f
}

// write writes all that there is.
func (d *desk) write(f *audit.File) error {
	d.T.Helper()
	d.Must(d.Flush(d.T.Context()))
	for more, err := true, error(nil); more; {
		more, err = d.store.Index(d.T.Context())
		d.Must(err)
	}
	for more, err := true, error(nil); more || err != nil; {
		if more, err = f.Write(d.T.Context()); err != nil {
			return err
		}
	}
	return nil
}

// linesOf are the records in a file, by id and how often they are there; what
// is no record is a mistake, but for so many lines.
func (d *desk) linesOf(path string, torn int) map[string]int {
	d.T.Helper()
	text, err := os.ReadFile(path)
	d.Must(err)
	out := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var r lading.AuditRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil || !strings.HasSuffix(line, "\n") {
			if torn--; torn < 0 {
				d.T.Errorf("no line of a record: %q", line)
			}
			continue
		}
		out[r.ID]++
	}
	return out
}

// same checks that a file has the records that the registry has, each once.
func (d *desk) same(got map[string]int, want int) {
	d.T.Helper()
	for _, r := range d.all() {
		if got[r.ID] != 1 {
			d.T.Errorf("%s of %s is there %d times", r.Action, r.Actor, got[r.ID])
		}
	}
	if len(got) != want || len(d.all()) != want {
		d.T.Errorf("%d lines of %d records, want %d", len(got), len(d.all()), want)
	}
}

// TestFile: changes and refusals come into the file, each once, and into a new
// one where it was moved away.
func TestFile(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		path := d.export()
		f := d.file(audit.FileOptions{Path: path})
		for i := range 250 {
			d.Put("acme/web", catalogtest.Spec{Name: fmt.Sprint(i)})
		}
		d.refuse("user:bob", "::1", "a")
		d.Must(d.write(f))
		d.same(d.linesOf(path, 0), 251)
		if s := f.Stats(); s.Written != 251 || s.Failed != 0 || s.Lag != 0 {
			t.Errorf("%+v", s)
		}
		d.Must(os.Rename(path, path+".1"))
		d.refuse("user:eve", "::1", "a")
		d.Must(d.write(f))
		if n := len(d.linesOf(path, 0)); n != 1 || len(d.linesOf(path+".1", 0)) != 251 {
			t.Errorf("%d lines in the new file", n)
		}
		d.Put("acme/web", catalogtest.Spec{Name: "last"}, "v1")
		d.Must(d.write(d.file(audit.FileOptions{Path: path}))) // as the next start
		if n := len(d.linesOf(path, 0)); n != 2 {
			t.Errorf("%d lines after the next start", n)
		}
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), `"tags":["v1"]`) {
			t.Errorf("%s %v", text, err)
		}
	})
}

// TestFileLate: a record that is committed after later ones were written comes
// into the file all the same.
func TestFileLate(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		path := d.export()
		f := d.file(audit.FileOptions{Path: path})
		d.refuse("user:bob", "::1", "a")
		d.Must(d.write(f))
		d.Clock.Add(-time.Hour)
		d.refuse("user:eve", "::1", "a")
		d.Must(d.write(f))
		d.Clock.Add(time.Hour)
		d.same(d.linesOf(path, 0), 2)
	})
}

// TestFileAgain: what may not have been kept in mind is written again, and a
// line that was torn does not spoil the next.
func TestFileAgain(t *testing.T) {
	var broken atomic.Bool
	w := catalogtest.Open(t, sqldb.Options{URL: "sqlite:" + t.TempDir() + "/c.db", Relaxed: true, Fault: func(step string) error {
		if broken.Load() && step == "commit" {
			return errors.New("no")
		}
		return nil
	}}, catalog.Options{})
	d := &desk{w, audit.NewRecorder(w.DB, limits, w.Clock.Now, nil), audit.NewStore(w.DB, w.Clock.Now)}
	path := d.export()
	f := d.file(audit.FileOptions{Path: path})
	d.refuse("user:bob", "::1", "a")
	d.Must(d.Flush(t.Context()))
	broken.Store(true)
	if _, err := f.Write(t.Context()); err == nil {
		t.Fatal("it is done")
	}
	broken.Store(false)
	d.Clock.Add(time.Minute)
	d.Must(os.Truncate(path, 20))
	d.Must(d.write(d.file(audit.FileOptions{Path: path})))
	d.same(d.linesOf(path, 1), 1)
	d.Must(d.write(f))
	d.same(d.linesOf(path, 1), 1)
}

// TestFileStuck: a pipe that nobody reads holds nothing up but itself.
func TestFileStuck(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.export()
		in, out := io.Pipe()
		f := d.file(audit.FileOptions{Out: out})
		d.refuse("user:bob", "::1", "a")
		d.Must(d.Flush(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := f.Write(ctx); err == nil || time.Since(began) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ended := make(chan struct{})
		go func() { f.Run(ctx); close(ended) }()
		select {
		case <-ended:
		case <-time.After(8 * time.Second):
			t.Fatal("the end waits for a reader")
		}
		d.Clock.Add(time.Minute)
		if s := f.Stats(); s.Lag < time.Minute {
			t.Errorf("%+v", s)
		}
		in.Close()
	})
}

// during is a writer that does something while it is written to.
type during struct {
	bytes.Buffer
	do func()
}

func (w *during) Write(p []byte) (int, error) { w.do(); return w.Buffer.Write(p) }

// TestFileEnded: what is written when the end comes is not written again.
func TestFileEnded(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.export()
		for i := range 10 { // it is chance whether the end or the write is noticed first
			ctx, cancel := context.WithCancel(t.Context())
			w := &during{do: cancel}
			f := d.file(audit.FileOptions{Out: w})
			d.refuse(fmt.Sprint("user:", i), "::1", "a")
			d.Must(d.Flush(t.Context()))
			_, _ = f.Write(ctx) // done, or given up while it is
			f.Run(ctx)
			d.Clock.Add(time.Minute)
			d.Must(d.write(f))
			if n := strings.Count(w.String(), "\n"); n != 1 {
				t.Errorf("written %d times", n)
			}
		}
	})
}

// TestFileToldOnce: a failure is told once, and so is its end; meanwhile another
// replica may have its turn.
func TestFileToldOnce(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		path := filepath.Join(filepath.Dir(d.export()), "dir", "audit.ndjson")
		d.Must(os.Mkdir(filepath.Dir(path), 0o755))
		var log bytes.Buffer
		ended := 0
		f := d.file(audit.FileOptions{Path: path, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Turn: func(context.Context) (bool, error) { return true, nil }, EndTurn: func(context.Context) error { ended++; return nil }})
		d.Must(os.RemoveAll(filepath.Dir(path)))
		d.refuse("user:bob", "::1", "a")
		for range 3 {
			if err := d.write(f); err == nil {
				t.Error("it was written")
			}
			d.Must(d.write(f)) // it rests
			d.Clock.Add(11 * time.Second)
		}
		d.Must(os.Mkdir(filepath.Dir(path), 0o755))
		d.Must(d.write(f))
		d.same(d.linesOf(path, 0), 1)
		if s := f.Stats(); s.Failed != 3 || s.Written != 1 || ended != 3 {
			t.Errorf("%+v, %d turns ended", s, ended)
		}
		if text := log.String(); strings.Count(text, "level=ERROR") != 1 || strings.Count(text, "written to audit.file again") != 1 {
			t.Error(text)
		}
	})
}

// TestFileTurns: who has not the turn writes nothing.
func TestFileTurns(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		path := d.export()
		mine := false
		f := d.file(audit.FileOptions{Path: path, Turn: func(context.Context) (bool, error) { return mine, nil }})
		d.refuse("user:bob", "::1", "a")
		d.Must(d.write(f))
		if n := len(d.linesOf(path, 0)); n != 0 {
			t.Errorf("%d lines", n)
		}
		mine = true
		d.Must(d.write(f))
		d.same(d.linesOf(path, 0), 1)
	})
}

// TestFileTrimmed: records past their time do not stand in the way.
func TestFileTrimmed(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		path := d.export()
		f := d.file(audit.FileOptions{Path: path})
		d.refuse("user:bob", "::1", "a")
		d.Must(d.Flush(t.Context()))
		d.Clock.Add(time.Hour)
		if _, err := d.store.Trim(t.Context(), d.Clock.Now().Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
		if n := d.Count("audit_outbox", "1=1"); n != 0 {
			t.Errorf("%d wait", n)
		}
		d.refuse("user:eve", "::1", "a")
		d.Must(d.write(f))
		d.same(d.linesOf(path, 0), 1)
	})
}

// TestOpenFile: a path that cannot be is told at once.
func TestOpenFile(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none", "audit.ndjson")} {
		if _, err := audit.OpenFile(nil, audit.FileOptions{Path: path}); err == nil || !strings.Contains(err.Error(), "audit.file: open "+path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestGroups: of very many groups the first are on record.
func TestGroups(t *testing.T) {
	few := []string{"a", "b"}
	if got := audit.Groups(few); len(got) != 2 {
		t.Error(got)
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = strings.Repeat("g", 200)
	}
	if got := audit.Groups(many); len(got) != 11 || got[10] != "…" || many[10] == "…" {
		t.Errorf("%d groups", len(got))
	}
}
