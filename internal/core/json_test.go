package core

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

var documents = []struct {
	text string
	ok   bool
}{
	{`{}`, true},
	{`{"a":1,"b":{"a":2,"b":3}}`, true},
	{`[{"a":1},{"a":1}]`, true},
	{`{"a":"a","b":"\"a\":"}`, true},
	{`{"annotations":{"a":"1","A":"2"}}`, true},
	{`{"layers":[{"annotations":{"a":"1","A":"2"}}]}`, true},
	{`{"a":1,"a":2}`, false},
	{`{"a":1,"A":2}`, false},
	{`{"a":1,"\u0061":2}`, false},
	{`{"a":{"b":1,"b":2}}`, false},
	{`[{"a":[{"b":1,"b":1}]}]`, false},
	{`{"annotations":{"a":"1","a":"2"}}`, false},
	{`{"k":1,"K":2}`, false}, // the Kelvin sign: encoding/json folds it to k
	{`{"sſ":1,"ss":2}`, false},
	{`{"a":1}{"a":1}`, false},
	{`{"a":1`, false},
	{``, false},
	{`{"a":"` + "\xff" + `"}`, false},
	{strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64), true},
	{strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65), false},
	{strings.Repeat(`[`, 1<<20), false},
	{`"` + strings.Repeat(`[`, 1000) + `"`, true},
}

// checkJSON is what readDocument checks of any JSON.
func checkJSON(raw []byte) error {
	_, err := readDocument(raw)
	var e *lading.Error
	if errors.As(err, &e) && strings.Contains(e.Message, "not valid JSON") {
		return err
	}
	return nil
}

func TestCheckJSON(t *testing.T) {
	for _, d := range documents {
		if err := checkJSON([]byte(d.text)); (err == nil) != d.ok {
			t.Errorf("%.60q: %v", d.text, err)
		}
	}
}

// FuzzJSON holds checkJSON against a reading of the document token by token,
// and has the manifest's parser read whatever comes.
func FuzzJSON(f *testing.F) {
	for _, d := range documents {
		if len(d.text) < 1000 {
			f.Add([]byte(d.text))
		}
	}
	f.Add([]byte(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:00","size":1},"layers":[null],"manifests":null}`))
	f.Add([]byte(`{"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2,"manifests":[{"platform":{"os":"a","architecture":"b"}}],"annotations":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := checkJSON(raw)
		if err == nil && !json.Valid(raw) {
			t.Fatalf("accepted what is no JSON: %q", raw)
		}
		twice := namesTwice(raw)
		if err == nil && twice {
			t.Fatalf("accepted a key that stands twice: %q", raw)
		}
		p, perr := parseManifest(lading.Manifest{Bytes: raw})
		if perr == nil && (err != nil || p.Digest.Validate() != nil || p.MediaType == "") {
			t.Fatalf("parsed %q as %+v, which checkJSON says is %v", raw, p, err)
		}
		if perr != nil && lading.AsError(perr).Code == lading.CodeInternal {
			t.Fatalf("%q: %v", raw, perr)
		}
	})
}

// namesTwice reports whether an object of valid JSON names a key twice, to the
// byte.
func namesTwice(raw []byte) bool {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	found := false
	var value func() bool
	value = func() bool {
		tok, err := dec.Token()
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'):
			keys := map[string]bool{}
			for dec.More() {
				k, err := dec.Token()
				if err != nil || !value() {
					return false
				}
				found = found || keys[k.(string)]
				keys[k.(string)] = true
			}
			_, err = dec.Token()
		case json.Delim('['):
			for dec.More() {
				if !value() {
					return false
				}
			}
			_, err = dec.Token()
		}
		return err == nil
	}
	return value() && found
}

// TestPlainKeysFoldAlike: the short way to fold a key of ASCII is the long
// one's result.
func TestPlainKeysFoldAlike(t *testing.T) {
	for c := range rune(0x80) {
		if got, want := strings.ToUpper(string(c)), strings.Map(foldRune, string(c)); got != want {
			t.Errorf("%q folds to %q, want %q", c, got, want)
		}
	}
}
