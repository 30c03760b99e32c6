package oracletest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// watches are streams, each with the repositories of busy that it tells of.
var watches = []struct{ user, path, accept, repos string }{
	{"ada", "/v2/_lading/watch/events?initial=true", "text/event-stream", "own/web p2/q m/a public/x"},
	{"ada", "/v2/_lading/watch/events?since=now&data=manifest", "application/x-ndjson", "own/web p2/q m/a public/x"},
	{"ada", "/v2/_lading/watch/events?initial=true&type=application/x-secret&type=application/x-seen", "application/x-ndjson", "own/web p2/q m/a public/x"},
	{"ada", "/v2/_lading/watch/events?since=now&namespace=m&kinds=tag", "text/event-stream", "m/a"},
	{"ada", "/v2/_lading/watch/events?initial=true&namespace=own", "application/x-ndjson", "own/web"},
	{"ada", "/v2/own/web/_lading/watch/events?initial=true", "text/event-stream", "own/web"},
	{"", "/v2/_lading/watch/events?initial=true&prefix=public", "application/x-ndjson", "public/x"},
}

// busy are the repositories in which something happens that may be seen.
var busy = []string{"own/web", "p2/q", "m/a", "public/x"}

// stream is an open one.
type stream struct {
	frames chan string // closed when it has ended
	told   []string
	marks  map[string]bool // the forms that bookmarks had
}

// watch opens a stream, which ends with the test.
func (w *world) watch(user, path, accept string) *stream {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	res, err := http.DefaultTransport.RoundTrip(w.request(ctx, user, "GET", path, map[string]string{"Accept": accept}, ""))
	if err != nil {
		w.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		w.t.Fatalf("%s: %s", path, res.Status)
	}
	s := &stream{frames: make(chan string, 1000), marks: map[string]bool{}}
	s.told = append(s.told, reply{res.StatusCode, res.Header, ""}.text())
	go s.read(ctx, res, accept)
	return s
}

func (s *stream) read(ctx context.Context, res *http.Response, accept string) {
	defer close(s.frames)
	defer res.Body.Close()
	lines, frame := bufio.NewScanner(res.Body), ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if frame += lines.Text() + "\n"; accept == "text/event-stream" && lines.Text() != "" {
			continue
		}
		select {
		case s.frames <- frame:
		case <-ctx.Done():
			return
		}
		frame = ""
	}
}

// until notes what is told up to a frame with the text. How often the stream
// says where it stands goes by the time that passes: of that only the forms are
// kept.
func (s *stream) until(t testing.TB, text string) {
	t.Helper()
	for late := time.After(20 * time.Second); ; {
		select {
		case frame, ok := <-s.frames:
			if !ok {
				t.Fatalf("the stream has ended before %s", text)
			}
			if n := normal(frame); strings.Contains(frame, "bookmark") {
				s.marks[n] = true
			} else {
				s.told = append(s.told, n)
			}
			if strings.Contains(frame, text) {
				return
			}
		case <-late:
			t.Fatalf("%s is not told; last was %s", text, s.told[len(s.told)-1])
		}
	}
}

// streamed is what streams tell while others are at work, or nobody is.
func streamed(t *testing.T, url string, others bool) []answer {
	t.Helper()
	w := open(t, url, others)
	w.define("secret")
	w.fill()
	if others {
		w.hide()
	}
	w.clock.tick()
	var open []*stream
	for _, c := range watches {
		s := w.watch(c.user, c.path, c.accept)
		if strings.Contains(c.path, "initial") {
			s.until(t, "synced")
		}
		s.until(t, "bookmark")
		open = append(open, s)
	}
	for round := range 4 {
		for range 9 {
			w.work()
		}
		for _, repo := range busy {
			w.clock.tick()
			w.put(repo, fmt.Sprint("t", round), index("application/x-seen", "", fmt.Sprint(repo, round)))
			w.work()
			for i, s := range open { // of several shards nobody says what is told first
				if strings.Contains(watches[i].repos, repo) {
					s.until(t, fmt.Sprintf("tag:%s:t%d", repo, round))
				}
			}
		}
		for _, s := range open {
			s.until(t, "bookmark")
		}
	}
	var out []answer
	for i, s := range open {
		for _, told := range s.told {
			out = append(out, answer{watches[i].user + watches[i].path, told})
		}
		marks := make([]string, 0, len(s.marks))
		for m := range s.marks {
			marks = append(marks, m)
		}
		slices.Sort(marks)
		out = append(out, answer{watches[i].path + ": bookmarks", strings.Join(marks, "")})
	}
	return out
}

// TestStreams: a stream tells what it tells whatever others do that its reader
// may not see, and no more often.
func TestStreams(t *testing.T) {
	t.Parallel()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		compare(t, streamed(t, fresh(t), true), streamed(t, fresh(t), false))
	})
}
