package telemetry

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/httpapi"
)

// sink keeps what is written, write by write.
type sink struct {
	mu     sync.Mutex
	writes []string
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes = append(s.writes, string(p))
	return len(p), nil
}

func (s *sink) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.writes, "")
}

func someRequest() (*http.Request, httpapi.Exchange) {
	r := httptest.NewRequest("PUT", "/v2/acme/web/manifests/1?since=CURSOR&token=SECRET", nil)
	r.Header.Set("Authorization", "Bearer SECRET")
	r.Header.Set("Cookie", "SECRET")
	r.Header.Set("User-Agent", "agent/1\n"+strings.Repeat("x", 500))
	r.RemoteAddr = "192.0.2.1:5"
	return r, httpapi.Exchange{ID: "id1", Action: httpapi.ActionManifestPut, Repository: "acme/web", Subject: "alice", Status: 201,
		In: 7, Out: 9, Began: time.Unix(1, 0).UTC(), Took: 1500 * time.Microsecond}
}

func TestAccessLine(t *testing.T) {
	var out sink
	l := NewLog(config.Log{Format: config.LogJSON}, &out)
	r, x := someRequest()
	l.Access().End(r, x)
	l.Close()
	text := out.all()
	if strings.Contains(text, "SECRET") || strings.Contains(text, "CURSOR") || strings.Count(text, "\n") != 1 {
		t.Error(text)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"level": "INFO", "msg": "request", "request": "id1", "method": "PUT", "action": "manifest_put",
		"repository": "acme/web", "status": 201.0, "in": 7.0, "out": 9.0, "ms": 1.5,
		"remote": "192.0.2.1:5", "who": "alice", "agent": "agent/1\n" + strings.Repeat("x", 120), "time": "1970-01-01T00:00:01.0015Z"}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %v, want %v", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d fields, want %d: %s", len(got), len(want), text)
	}
}

func TestAccessLineOfAFailure(t *testing.T) {
	var out sink
	l := NewLog(config.Log{Format: config.LogText}, &out)
	r := httptest.NewRequest("GET", "/nothing", nil)
	r.Method = strings.Repeat("M", 99)
	l.Access().End(r, httpapi.Exchange{ID: "id2", Status: 404, Code: lading.CodeNameUnknown, Cut: true, Began: time.Unix(1, 0).UTC()})
	l.Close()
	want := "time=1970-01-01T00:00:01.000Z level=INFO msg=request request=id2 method=MMMMMMMMMMMMMMMM action=unknown status=404 " +
		"code=NAME_UNKNOWN cut=true in=0 out=0 ms=0 remote=192.0.2.1:1234 agent=\"\"\n"
	if got := out.all(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestAccessBelowTheLevel(t *testing.T) {
	var out sink
	l := NewLog(config.Log{Format: config.LogText, Level: slog.LevelWarn}, &out)
	r, x := someRequest()
	l.Access().End(r, x)
	l.Logger.Info("quiet")
	l.Logger.Warn("loud")
	l.Close()
	if got := out.all(); strings.Contains(got, "request") || strings.Contains(got, "quiet") || !strings.Contains(got, "msg=loud") {
		t.Error(got)
	}
}

// TestLinesKeepTheirOrder: access lines wait, but not for ever, and never
// behind a line that was logged after them.
func TestLinesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		l := NewLog(config.Log{Format: config.LogText}, &out)
		r, x := someRequest()
		l.Access().End(r, x)
		l.Access().End(r, x)
		if len(out.writes) != 0 {
			t.Error("access lines do not wait")
		}
		l.Logger.Info("after")
		if len(out.writes) != 1 || !strings.HasSuffix(out.writes[0], "msg=after\n") || strings.Count(out.writes[0], "msg=request") != 2 {
			t.Errorf("%q", out.writes)
		}
		l.Access().End(r, x)
		time.Sleep(logDelay + time.Millisecond) // in the bubble's time
		synctest.Wait()
		if len(out.writes) != 2 {
			t.Errorf("%d writes after the delay", len(out.writes))
		}
		for range 2 * logBuffer / 200 {
			l.Access().End(r, x)
		}
		if len(out.writes) < 3 {
			t.Error("lines wait without a bound")
		}
		l.Close()
	})
}

func TestLogThatCannotBeWritten(t *testing.T) {
	l := NewLog(config.Log{Format: config.LogText}, broken{})
	r, x := someRequest()
	l.Access().End(r, x)
	l.Logger.Error("nobody hears")
	l.Close()
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func BenchmarkAccess(b *testing.B) {
	r, x := someRequest()
	r.Header.Set("User-Agent", "docker/27.1 go/go1.22 kernel/6.1 os/linux arch/amd64")
	for _, form := range []config.LogFormat{config.LogText, config.LogJSON} {
		b.Run(string(form), func(b *testing.B) {
			o := NewLog(config.Log{Format: form}, io.Discard).Access()
			b.ReportAllocs()
			for b.Loop() {
				o.End(r, x)
			}
		})
	}
}
