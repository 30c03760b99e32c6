package blobtest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/blob"
)

func ids(t *testing.T, s blob.Store) {
	seen := map[string]bool{}
	for range 100 {
		u := begin(t, s, nil)
		if !idPattern.MatchString(u.ID()) || seen[u.ID()] {
			t.Fatalf("id %q is malformed or was given before", u.ID())
		}
		seen[u.ID()] = true
		if err := u.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// resume takes an upload up many times, one byte a time.
func resume(t *testing.T, s blob.Store) {
	b := []byte("in small pieces")
	u := begin(t, s, nil)
	for i := range b {
		closeUpload(t, u)
		u = reopen(t, s, u.ID(), i)
		write(t, u, b[i:i+1])
	}
	closeUpload(t, u)
	closeUpload(t, u) // twice does nothing
	_, err := u.Write([]byte("x"))
	wantErr(t, "Write after Close", err, blob.ErrUploadUnknown)
	u = reopen(t, s, u.ID(), len(b))
	d := digest.FromBytes(b)
	commit(t, u, d, len(b))
	wantContent(t, s, d, b)
	wantUnknown(t, s, u.ID())
}

// resumeLarge crosses every size at which a store may treat an upload in
// another way, by both kinds of algorithms.
func resumeLarge(t *testing.T, s blob.Store) {
	for _, alg := range []digest.Algorithm{digest.SHA256, digest.SHA512} {
		b := Bytes(1, 12<<20+12345)
		u := begin(t, s, b[:1])
		for _, cut := range [][2]int{{1, 60 << 10}, {60 << 10, 300 << 10}, {300 << 10, 300 << 10}, {300 << 10, 6 << 20}, {6 << 20, len(b)}} {
			closeUpload(t, u)
			u = reopen(t, s, u.ID(), cut[0])
			write(t, u, b[cut[0]:cut[1]])
		}
		d := alg.FromBytes(b)
		commit(t, u, d, len(b))
		wantContent(t, s, d, b)
	}
}

func owner(t *testing.T, s blob.Store) {
	u := begin(t, s, []byte("mine"))
	id := u.ID()
	check := func(state string) {
		t.Helper()
		for _, other := range []string{"", "library/app", "library/app\x00bob", me + "x", strings.ToUpper(me)} {
			_, err := s.Resume(t.Context(), other, id)
			wantErr(t, "Resume by another owner, "+state, err, blob.ErrUploadUnknown)
		}
	}
	check("while it is open")
	closeUpload(t, u)
	check("when it is closed")
	for _, bad := range []string{
		"", "x", ".", "..", "../" + id, id + "/", "./" + id, id + "\x00", id + ".state", id[:len(id)-1], id + "A",
		strings.Repeat("A", len(id)), strings.Repeat("A", 4096), "../blobs", "/etc/passwd", `..\` + id, "%2e%2e%2f" + id,
	} {
		wantUnknown(t, s, bad)
	}
	commit(t, reopen(t, s, id, 4), digest.FromString("mine"), 4)
}

func busy(t *testing.T, s blob.Store) {
	u := begin(t, s, []byte("one "))
	_, err := s.Resume(t.Context(), me, u.ID())
	wantErr(t, "Resume of an open upload", err, blob.ErrUploadBusy)
	write(t, u, []byte("user"))
	closeUpload(t, u)
	second := reopen(t, s, u.ID(), 8)
	_, err = s.Resume(t.Context(), me, u.ID())
	wantErr(t, "Resume of a resumed upload", err, blob.ErrUploadBusy)
	closeUpload(t, u) // closed already: the second user keeps it
	_, err = s.Resume(t.Context(), me, u.ID())
	wantErr(t, "Resume after a second Close", err, blob.ErrUploadBusy)
	commit(t, second, digest.FromString("one user"), 8)
}

func ended(t *testing.T, s blob.Store) {
	d := digest.FromString("bytes")
	u := begin(t, s, []byte("bytes"))
	commit(t, u, d, 5)
	check := func() {
		t.Helper()
		_, err := u.Write([]byte("more"))
		wantErr(t, "Write", err, blob.ErrUploadUnknown)
		_, err = u.Commit(t.Context(), d)
		wantErr(t, "Commit", err, blob.ErrUploadUnknown)
		if u.Size() != 5 {
			t.Errorf("Size: %d", u.Size())
		}
		wantUnknown(t, s, u.ID())
		closeUpload(t, u)
		if err := u.Cancel(t.Context()); err != nil {
			t.Errorf("Cancel: %v", err)
		}
	}
	check()
	wantContent(t, s, d, []byte("bytes"))
	u = begin(t, s, []byte("bytes"))
	if err := u.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	check()
	wantContent(t, s, d, []byte("bytes"))
}

// cancel works also for a client that went away.
func cancel(t *testing.T, s blob.Store) {
	u := begin(t, s, []byte("bytes"))
	closeUpload(t, u)
	u = reopen(t, s, u.ID(), 5)
	if err := u.Cancel(done()); err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, s, u.ID())
	wantAbsent(t, s, digest.FromString("bytes"))
}

// doneContext asserts that nothing is begun for a client that went away, and
// that its upload stays.
func doneContext(t *testing.T, s blob.Store) {
	ctx := done()
	d := Put(t, s, []byte("kept"))
	_, err := s.Create(ctx, me)
	wantErr(t, "Create", err, context.Canceled)
	_, err = s.Open(ctx, d)
	wantErr(t, "Open", err, context.Canceled)
	_, err = s.Stat(ctx, d)
	wantErr(t, "Stat", err, context.Canceled)
	wantErr(t, "Delete", s.Delete(ctx, d), context.Canceled)
	wantContent(t, s, d, []byte("kept"))

	u := begin(t, s, []byte("bytes"))
	_, err = u.Commit(ctx, digest.FromString("bytes"))
	wantErr(t, "Commit", err, context.Canceled)
	closeUpload(t, u)
	_, err = s.Resume(ctx, me, u.ID())
	wantErr(t, "Resume", err, context.Canceled)
	commit(t, reopen(t, s, u.ID(), 5), digest.FromString("bytes"), 5)
}

func expire(t *testing.T, s blob.Store) {
	before := time.Now().Add(-time.Hour)
	after := time.Now().Add(time.Hour)
	d := Put(t, s, []byte("a blob"))
	var ids []string
	for _, n := range []int{0, 10, 1 << 20} {
		u := begin(t, s, Bytes(1, n))
		closeUpload(t, u)
		ids = append(ids, u.ID())
	}
	wantExpired(t, s, before, 0)
	reopen(t, s, ids[1], 10).Close()
	wantExpired(t, s, after, 3)
	for _, id := range ids {
		wantUnknown(t, s, id)
	}
	wantExpired(t, s, after, 0)
	wantContent(t, s, d, []byte("a blob"))
}

func expireSparesOpen(t *testing.T, s blob.Store) {
	after := time.Now().Add(time.Hour)
	u := begin(t, s, []byte("bytes"))
	wantExpired(t, s, after, 0)
	closeUpload(t, u)
	u = reopen(t, s, u.ID(), 5)
	wantExpired(t, s, after, 0)
	commit(t, u, digest.FromString("bytes"), 5)
	wantExpired(t, s, after, 0)
	closeUpload(t, begin(t, s, nil))
	_, err := s.ExpireUploads(done(), after)
	wantErr(t, "ExpireUploads", err, context.Canceled)
}

func wantExpired(t *testing.T, s blob.Store, olderThan time.Time, want int) {
	t.Helper()
	if n, err := s.ExpireUploads(t.Context(), olderThan); err != nil || n != want {
		t.Fatalf("ExpireUploads: %d, %v; want %d", n, err, want)
	}
}
