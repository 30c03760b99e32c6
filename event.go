package lading

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Changes travel as CloudEvents 1.0 in JSON (cloudevents.io, "JSON Event
// Format"): id and source together are unique, subject is the item's key, and
// partitionkey (the partitioning extension) the repository, within which order
// holds.

const (
	eventTypePrefix = "dev.lading."
	eventTypeSuffix = ".v1"
)

// cloudEvent is the envelope of a change.
type cloudEvent struct {
	SpecVersion  string          `json:"specversion"`
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Subject      string          `json:"subject"`
	Time         time.Time       `json:"time"`
	PartitionKey string          `json:"partitionkey,omitempty"`
	Data         json.RawMessage `json:"data"`
}

// encoded keeps the JSON of a change, which many streams send: what stands
// before the registry's address and what stands behind it, for each form of
// data.
type encoded struct {
	mu    sync.Mutex
	forms map[Data][2][]byte
}

// AppendCloudEvent appends the change as a CloudEvent in JSON, without a line
// break. Base is the registry's address as the reader knows it, without a path
// ("https://reg.example"); source is a path below it.
func (c *Change) AppendCloudEvent(b []byte, base string, data Data) ([]byte, error) {
	parts, err := c.encode(data)
	if err != nil {
		return b, err
	}
	b = append(b, parts[0]...)
	if b, err = appendQuoted(b, base); err != nil {
		return b, err
	}
	return append(b, parts[1]...), nil
}

// appendQuoted appends what stands between the quotes of a JSON string.
func appendQuoted(b []byte, s string) ([]byte, error) {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) }) < 0 {
		return append(b, s...), nil // as nearly every address
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		return b, err
	}
	return append(b, quoted[1:len(quoted)-1]...), nil
}

func (c *Change) encode(data Data) (parts [2][]byte, err error) {
	c.encoded.mu.Lock()
	defer c.encoded.mu.Unlock()
	if parts, ok := c.encoded.forms[data]; ok {
		return parts, nil
	}
	e := cloudEvent{SpecVersion: "1.0", ID: c.ID, Source: c.path(), Type: eventTypePrefix + c.Name() + eventTypeSuffix,
		Subject: c.Item.Key, Time: c.Time.UTC(), PartitionKey: c.Item.Repository}
	if e.Data, err = json.Marshal(c.Item.as(data)); err != nil {
		return parts, fmt.Errorf("event %s: %w", c.ID, err)
	}
	whole, err := json.Marshal(e)
	if err != nil {
		return parts, fmt.Errorf("event %s: %w", c.ID, err)
	}
	before, after, _ := strings.Cut(string(whole), `"source":"`)
	parts = [2][]byte{[]byte(before + `"source":"`), []byte(after)}
	if c.encoded.forms == nil {
		c.encoded.forms = map[Data][2][]byte{}
	}
	c.encoded.forms[data] = parts
	return parts, nil
}

// path is the source below the registry's address: of a change within a
// repository the repository, else the registry.
func (c *Change) path() string { return "/v2/" + c.Item.Repository }

// as is the item with so much of it as the form of data shows.
func (it ChangedItem) as(data Data) ChangedItem {
	if data != DataManifest {
		it.Manifest = nil
	}
	if data != DataPointer {
		return it
	}
	it.Tags, it.TagCount, it.Shown, it.Remote, it.Created, it.Modified = nil, nil, nil, 0, nil, nil
	if d := it.Descriptor; d != nil {
		it.Descriptor = &ItemDescriptor{Descriptor: Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}}
	}
	return it
}

// ParseCloudEvent reads a change that AppendCloudEvent wrote, and the address
// of the registry that tells it.
func ParseCloudEvent(b []byte) (c *Change, base string, err error) {
	var e cloudEvent
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, "", fmt.Errorf("event: %w", err)
	}
	if e.SpecVersion != "1.0" {
		return nil, "", fmt.Errorf("event: CloudEvents %q, not 1.0", e.SpecVersion)
	}
	name, ok := strings.CutPrefix(strings.TrimSuffix(e.Type, eventTypeSuffix), eventTypePrefix)
	kind, action, named := strings.Cut(name, ".")
	c = &Change{Kind: kindOf(kind), Action: Action(action), Time: e.Time, ID: e.ID}
	if !ok || !named || c.Kind == "" || !strings.HasSuffix(e.Type, eventTypeSuffix) {
		return nil, "", fmt.Errorf("event: unknown type %q", e.Type)
	}
	if err := json.Unmarshal(e.Data, &c.Item); err != nil {
		return nil, "", fmt.Errorf("event %s: data: %w", e.ID, err)
	}
	if base, ok = strings.CutSuffix(e.Source, c.path()); !ok {
		return nil, "", fmt.Errorf("event %s: source %q does not end in %s", e.ID, e.Source, c.path())
	}
	return c, base, nil
}

// kindOf is the kind of a word that kindWord makes; empty for none.
func kindOf(word string) Kind {
	for _, k := range []Kind{KindRepositories, KindTags, KindManifests} {
		if kindWord(k) == word {
			return k
		}
	}
	return ""
}
