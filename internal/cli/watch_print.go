package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// wireEvent is an event as the API tells it in its NDJSON form.
type wireEvent struct {
	ID    string          `json:"id,omitempty"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// writer returns what writes events in the form that is asked for.
func (f *watchFlags) writer(w io.Writer, base string, data lading.Data, now func() time.Time) (func([]lading.Event) error, error) {
	if data == "" {
		data = lading.DataDescriptor
	}
	var one func(*bytes.Buffer, lading.Event) error
	switch f.form.form {
	case "ndjson", "json":
		one = func(b *bytes.Buffer, e lading.Event) error { return wireLine(b, e, base, data) }
	case "name":
		host := base[strings.Index(base, "://")+3:]
		one = func(b *bytes.Buffer, e lading.Event) error {
			if e.Change != nil {
				fmt.Fprintf(b, "%s %s\n", e.Change.Item.Op, view{place: place{host: host}}.itemName(e.Change.Item.Item))
			}
			return nil
		}
	case "template":
		t, err := f.form.parse(now)
		if err != nil {
			return nil, err
		}
		one = func(b *bytes.Buffer, e lading.Event) error {
			if e.Change == nil {
				return nil
			}
			var raw bytes.Buffer
			if err := wireLine(&raw, e, base, data); err != nil {
				return err
			}
			return executeTemplate(t, b, json.RawMessage(raw.Bytes()))
		}
	default:
		synced := false
		one = func(b *bytes.Buffer, e lading.Event) error {
			if e.Control == lading.ControlSynced {
				if synced { // a stream was taken up again
					return nil
				}
				synced = true
			}
			return humanLine(b, e)
		}
	}
	return func(events []lading.Event) error {
		var b bytes.Buffer
		for _, e := range events {
			if err := one(&b, e); err != nil {
				return err
			}
		}
		_, err := w.Write(b.Bytes())
		return err
	}, nil
}

func wireLine(b *bytes.Buffer, e lading.Event, base string, data lading.Data) error {
	out := wireEvent{ID: e.Cursor, Event: e.Name(), Data: json.RawMessage("{}")}
	var err error
	switch {
	case e.Change != nil:
		out.Data, err = e.Change.AppendCloudEvent(nil, base, data)
	case e.Goaway != nil:
		out.Data, err = json.Marshal(e.Goaway)
	case e.Err != nil:
		out.Data, err = json.Marshal(map[string]any{"errors": []any{map[string]any{"code": e.Err.Code, "message": e.Err.Message, "detail": e.Err.Detail}}})
	}
	if err != nil {
		return err
	}
	raw, err := line(out)
	b.Write(raw)
	return err
}

// humanLine is time, what, name, digest, type; bookmarks and the like say
// nothing to people.
func humanLine(b *bytes.Buffer, e lading.Event) error {
	c := e.Change
	if c == nil {
		if e.Control == lading.ControlSynced || e.Control == lading.ControlCoalesced {
			fmt.Fprintf(b, "%-19s  %s\n", "", e.Control)
		}
		return nil
	}
	name := c.Item.Key
	if _, rest, ok := strings.Cut(name, ":"); ok && !strings.HasPrefix(name, "range:") {
		name = rest
	}
	if repo, dgst, ok := strings.Cut(name, "@"); ok {
		name = repo + "@" + shortText(dgst)
	}
	words := []string{clean(name)}
	if d := c.Item.Descriptor; d != nil && c.Kind == lading.KindTags {
		words = append(words, short(d.Digest))
	}
	if p := c.Item.Previous; p != nil {
		words = append(words, "was "+short(p.Digest))
	}
	if c.Item.Type != "" {
		words = append(words, clean(c.Item.Type))
	}
	_, err := fmt.Fprintf(b, "%s  %-18s  %s\n", c.Time.UTC().Format("2006-01-02 15:04:05"), c.Name(), strings.Join(words, "  "))
	return err
}
