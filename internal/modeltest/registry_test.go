package modeltest

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// registry is the registry under test as one user has it.
type registry interface {
	// push uploads the document's blobs and puts it with the tags.
	push(user string, doc *document, tags []string) answer
	upload(user, repo string, content []byte) answer
	deleteTag(user, repo, tag string) answer
	deleteManifest(user, repo string, d digest.Digest) answer
	deleteRepository(user, repo string) answer
	// list asks for a page. A form is used where the registry has it.
	list(user string, q lading.Query, f form) page
}

// form is how a listing is asked for.
type form struct {
	since  bool // the cursor in since=, otherwise in If-None-Match
	delta  bool // with A-IM
	stream bool // as NDJSON
}

// answer is what comes of a change.
type answer struct {
	code lading.Code // empty: it was done
	text string      // all that an error says, with its headers
}

// page is what comes of a listing.
type page struct {
	answer
	reason      string // of CURSOR_EXPIRED
	notModified bool
	delta       bool
	im          bool // 226
	items       []lading.Item
	next        string
	cursor      string
	// parts are the pages of a stream, each with its items and token.
	parts []page
}

// direct is the registry as a value, without HTTP.
type direct struct {
	reg func() lading.Registry
}

func as(user string) context.Context {
	return lading.WithIdentity(context.Background(), lading.Identity{Subject: user})
}

func answerOf(err error) answer {
	if err == nil {
		return answer{}
	}
	var e *lading.Error
	if !errors.As(err, &e) {
		return answer{lading.CodeInternal, err.Error()}
	}
	b, _ := json.Marshal(e.Detail) // for the leak oracle alone
	a := answer{e.Code, e.Message + " " + string(b)}
	if e.Code == lading.CodeInternal {
		a.text += err.Error()
	}
	return a
}

func (d direct) upload(user, repo string, content []byte) answer {
	w, err := d.reg().StartBlob(as(user), repo, lading.Descriptor{})
	if err != nil {
		return answerOf(err)
	}
	defer w.Close()
	if _, err := w.Write(content); err != nil {
		return answerOf(err)
	}
	_, err = w.Commit(as(user), digest.FromBytes(content))
	return answerOf(err)
}

func (d direct) push(user string, doc *document, tags []string) answer {
	for _, b := range doc.blobs {
		if a := d.upload(user, doc.repo, b); a.code != "" {
			return a
		}
	}
	_, err := d.reg().PutManifest(as(user), doc.repo, doc.manifest(), lading.PutOptions{Tags: tags})
	return answerOf(err)
}

func (d direct) deleteTag(user, repo, tag string) answer {
	return answerOf(d.reg().DeleteTag(as(user), repo, tag, lading.DeleteOptions{}))
}

func (d direct) deleteManifest(user, repo string, dg digest.Digest) answer {
	return answerOf(d.reg().DeleteManifest(as(user), repo, dg, lading.DeleteOptions{}))
}

func (d direct) deleteRepository(user, repo string) answer {
	return answerOf(d.reg().DeleteRepository(as(user), repo))
}

func (d direct) list(user string, q lading.Query, f form) page {
	l, err := d.reg().List(as(user), q)
	p := page{answer: answerOf(err), delta: l.Delta, items: l.Items, next: l.Next, cursor: l.Cursor}
	var e *lading.Error
	if errors.As(err, &e) && e.Code == lading.CodeCursorExpired {
		var detail struct{ Reason string }
		b, _ := json.Marshal(e.Detail)
		_ = json.Unmarshal(b, &detail)
		p.reason = detail.Reason
	}
	return p
}
