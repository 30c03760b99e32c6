package httpapi

import (
	"encoding/json"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/lading-dev/lading"
)

// TestCloudEvents reads every event there is with the SDK of CloudEvents.
func TestCloudEvents(t *testing.T) {
	for _, query := range []string{"", "?data=pointer", "?data=manifest"} {
		for _, host := range []string{"reg.example", "[::1]:5000", "no host"} {
			r := httptest.NewRequest("GET", watchURL+query, nil)
			r.Host = host
			r.Header.Set("Accept", mediaTypeStream)
			w := httptest.NewRecorder()
			New(newMemory(), Options{}).ServeHTTP(w, r)
			n := 0
			for line := range strings.Lines(w.Body.String()) {
				n += validEvent(t, line)
			}
			if n != 7 {
				t.Errorf("%d events", n)
			}
		}
	}
}

// validEvent looks at a line of NDJSON and returns how many CloudEvents it is.
func validEvent(t *testing.T, line string) int {
	var told struct {
		Event string
		Data  json.RawMessage
	}
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if !strings.Contains(told.Event, ".") {
		return 0 // a control event
	}
	var e cloudevents.Event
	if err := json.Unmarshal(told.Data, &e); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if err := e.Validate(); err != nil {
		t.Errorf("%v in %s", err, line)
	}
	var data struct{ Key, Repository string }
	if err := e.DataAs(&data); err != nil || data.Key != e.Subject() || e.Type() != "dev.lading."+told.Event+".v1" {
		t.Errorf("%v: %s %s %+v", err, e.Type(), e.Subject(), data)
	}
	if of, _ := e.Extensions()["partitionkey"].(string); of != data.Repository || !strings.HasSuffix(e.Source(), "/v2/"+of) {
		t.Errorf("partition %q, source %s of %s", of, e.Source(), data.Key)
	}
	if e.SpecVersion() != "1.0" || e.Time().IsZero() || e.ID() == "" {
		t.Errorf("%s", line)
	}
	return 1
}

// maxStream is what an idle stream may take of memory beside what the registry
// keeps for it.
const maxStream = 32 << 10

// TestIdleStreamIsSmall opens streams over TCP and looks at the memory of the
// process: that of the clients, which is little, with it.
func TestIdleStreamIsSmall(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 500
	}
	m := newMemory()
	m.stream = newScripted()
	srv := serveMemory(t, m, Options{Observer: quiet{}})
	openIdle := func() net.Conn {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "GET "+watchURL+"?kinds=tag HTTP/1.1\r\nHost: reg.example\r\nUser-Agent: test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		// A stream that has begun is one that has told something.
		m.stream.steps <- []lading.Event{{Control: lading.ControlSynced, Cursor: strings.Repeat("c", 300)}}
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	openIdle()
	before := memoryInUse()
	for range n {
		openIdle()
	}
	if raceDetected() {
		return // it takes memory of its own
	}
	each := (memoryInUse() - before) / uint64(n)
	t.Logf("%d bytes a stream", each)
	if each > maxStream {
		t.Errorf("an idle stream takes %d bytes, more than %d", each, maxStream)
	}
}

// raceDetected tells whether the test was built with the race detector.
func raceDetected() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == "-race" && s.Value == "true" })
}

// memoryInUse is what is live of the heap, and the stacks.
func memoryInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapInuse + s.StackInuse
}
