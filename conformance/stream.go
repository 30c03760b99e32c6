package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// event is what a stream tells.
type event struct {
	id, name string
	data     json.RawMessage
	cloud    cloudEvent // of a change
}

// cloudEvent is the envelope of a change (CloudEvents 1.0, JSON Event Format).
type cloudEvent struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Subject      string          `json:"subject"`
	Time         string          `json:"time"`
	PartitionKey string          `json:"partitionkey"`
	Raw          json.RawMessage `json:"data"`
	Data         changed         `json:"-"`
}

// changed is the item of a change.
type changed struct {
	lading.Item
	PrevRev  int64            `json:"prev_rev"`
	Previous *lading.Previous `json:"previous"`
	Manifest []byte           `json:"manifest"`
}

// change tells whether the event is one, and not a word about the stream.
func (e event) change() bool { return strings.Contains(e.name, ".") }

// stream is an open watch.
type stream struct {
	t      *T
	events chan event
	wrong  chan string
	cancel context.CancelFunc
	seen   bool // what a case looks for
	header http.Header
}

// watchPath is the path of a watch of the case's namespace.
func (t *T) watchPath(more ...string) string {
	v := url.Values{"namespace": {t.ns}}
	addPairs(v, more)
	return "/v2/_lading/watch/events?" + v.Encode()
}

// needWatch ends the case where the registry has no streams.
func (t *T) needWatch() {
	if !t.s.offers["_lading/watch/events"] {
		t.skipf("the registry does not offer _lading/watch/events")
	}
}

// watch opens a stream, which is closed when the case ends at the latest.
func (t *T) watch(q request) *stream {
	ctx, cancel := context.WithTimeout(t.ctx, 5*time.Minute)
	t.closing = append(t.closing, cancel)
	timer := time.AfterFunc(patience, cancel) // for the header alone
	resp, err := t.open(ctx, q)
	timer.Stop()
	if err != nil {
		t.fatalf("no answer: %v", err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	t.note(q, a)
	form := mediaType(resp.Header)
	if resp.StatusCode != http.StatusOK || form != typeEvents && form != typeStream {
		resp.Body.Close()
		t.fatalf("status %d, Content-Type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	s := &stream{t: t, events: make(chan event, 10_000), wrong: make(chan string, 1), cancel: cancel, header: resp.Header}
	go func() {
		defer resp.Body.Close()
		defer close(s.events)
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 8<<20)
		if form == typeEvents {
			s.readEvents(ctx, lines)
		} else {
			s.readLines(ctx, lines)
		}
	}()
	return s
}

// following is watch by path alone.
func (t *T) following(path string) *stream { return t.watch(request{path: path}) }

// readEvents reads server-sent events (WHATWG HTML, "Server-sent events").
func (s *stream) readEvents(ctx context.Context, lines *bufio.Scanner) {
	var e event
	var data []string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() == "" && data != nil:
			e.data = json.RawMessage(strings.Join(data, "\n"))
			if !s.tell(ctx, e) {
				return
			}
			e, data = event{}, nil
		case name == "id":
			e.id = value
		case name == "event":
			e.name = value
		case name == "data":
			data = append(data, value)
		}
	}
}

func (s *stream) readLines(ctx context.Context, lines *bufio.Scanner) {
	for lines.Scan() {
		var line struct {
			ID    string          `json:"id"`
			Event string          `json:"event"`
			Data  json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Event == "" {
			s.fail("the line " + cut(lines.Text(), 200) + " is no event")
			return
		}
		if !s.tell(ctx, event{id: line.ID, name: line.Event, data: line.Data}) {
			return
		}
	}
}

func (s *stream) fail(text string) {
	select {
	case s.wrong <- text:
	default:
	}
}

// tell hands an event on; its data is understood here.
func (s *stream) tell(ctx context.Context, e event) bool {
	if e.change() {
		if err := json.Unmarshal(e.data, &e.cloud); err != nil {
			s.fail("the event " + cut(string(e.data), 200) + " is no JSON")
			return false
		}
		if err := json.Unmarshal(e.cloud.Raw, &e.cloud.Data); err != nil {
			s.fail("the data " + cut(string(e.cloud.Raw), 200) + " is no item: " + err.Error())
			return false
		}
	}
	select {
	case s.events <- e:
		return true
	case <-ctx.Done():
		return false
	}
}

// next waits for the next event, up to a time.
func (s *stream) next(wait time.Duration) (event, bool) {
	select {
	case text := <-s.wrong:
		s.t.fatalf("%s", text)
	case e, ok := <-s.events:
		if ok && e.change() {
			s.t.checkEvent(e)
		}
		return e, ok
	case <-time.After(wait):
	}
	return event{}, false
}

// until gathers changes up to one that fits, and with it.
func (s *stream) until(what string, fits func(event) bool) (out []event) {
	soon := s.t.s.opt.Soon
	deadline := time.Now().Add(soon)
	for {
		e, ok := s.next(time.Until(deadline))
		switch {
		case !ok:
			s.t.fatalf("%s was not told within %v; what was told is %v", what, soon, eventNames(out))
		case e.change():
			out = append(out, e)
		case e.name == string(lading.ControlGoaway) || e.name == string(lading.ControlError):
			s.t.fatalf("the stream ended with %s %s", e.name, cut(string(e.data), 300))
		}
		if fits(e) {
			return out
		}
	}
}

// upTo gathers changes up to the one of a name and key, and with it.
func (s *stream) upTo(name, key string) []event {
	return s.until(name+" "+key, func(e event) bool { return e.name == name && e.cloud.Subject == key })
}

// synced gathers the state that a stream begins with.
func (s *stream) synced() []event {
	return s.until("synced", func(e event) bool { return e.name == string(lading.ControlSynced) })
}

// wantNothing checks that no change is told for some time.
func (s *stream) wantNothing(what string, wait time.Duration) {
	deadline := time.Now().Add(wait)
	for {
		e, ok := s.next(time.Until(deadline))
		if !ok {
			return
		}
		if e.change() {
			s.t.errorf("%s: %s %s is told", what, e.name, e.cloud.Subject)
		}
	}
}

func eventNames(events []event) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, e.name+" "+e.cloud.Subject)
	}
	return out
}

// itemsOf are the operations of events.
func itemsOf(events []event) []lading.Item {
	out := make([]lading.Item, len(events))
	for i, e := range events {
		out[i] = e.cloud.Data.Item
	}
	return out
}

var (
	eventType = regexp.MustCompile(`^dev\.lading\.(repository|tag|manifest)\.(created|updated|deleted|state)\.v1$`)
	eventID   = regexp.MustCompile(`^[^-]+-[0-9]+(-state)?$`)
)

// checkEvent checks what must hold of every change.
func (t *T) checkEvent(e event) {
	c := e.cloud
	it := c.Data.Item
	if c.SpecVersion != "1.0" || c.ID == "" || c.Source == "" || c.Type != "dev.lading."+e.name+".v1" || !eventType.MatchString(c.Type) {
		t.errorf("%s: specversion %q, id %q, source %q, type %q: this is no such CloudEvent", e.name, c.SpecVersion, c.ID, c.Source, c.Type)
	}
	if u, err := url.Parse(c.Source); err != nil || !strings.HasSuffix(u.Path, "/v2/"+it.Repository) {
		t.errorf("%s: the source %q is not that of %s", e.name, c.Source, it.Repository)
	}
	if _, err := time.Parse(time.RFC3339Nano, c.Time); err != nil {
		t.errorf("%s: the time %q", e.name, c.Time)
	}
	if c.Subject != it.Key || c.PartitionKey != it.Repository {
		t.errorf("%s: subject %q, partitionkey %q; the item is %q of %q", e.name, c.Subject, c.PartitionKey, it.Key, it.Repository)
	}
	if e.id != "" && !tokenForm.MatchString(e.id) {
		t.errorf("%s: the id %q is no cursor", e.name, cut(e.id, 80))
	}
	kind, _, _ := strings.Cut(it.Key, ":")
	if kind != "range" && !eventID.MatchString(c.ID) {
		t.errorf("%s: the event's id %q is not <incarnation>-<rev>", e.name, c.ID)
	}
	if !slices.Contains([]lading.Op{lading.OpPut, lading.OpRemove, lading.OpReset}, it.Op) {
		t.errorf("%s: there is no operation %q", e.name, it.Op)
	}
}
