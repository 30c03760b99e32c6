package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"

	"github.com/lading-dev/lading"
)

// ItemStream is a whole listing or delta in one answer.
type ItemStream struct {
	c      *Client
	ctx    context.Context
	q      lading.Query
	page   string // where to go on when the connection breaks
	cursor string
	delta  bool
	broken int // connections that broke since there was a page
}

// Stream returns a listing or delta that is read in one request rather than
// page by page. It needs the memory of a page. A connection that breaks is
// opened again where it broke, and no item is told twice for that. Of a
// registry that does not stream it reads the pages.
func (c *Client) Stream(ctx context.Context, q lading.Query) *ItemStream {
	return &ItemStream{c: c, ctx: ctx, q: q, page: q.Page, delta: q.Since != "" && q.Since != "none"}
}

// Cursor is where the listing leaves off; empty before its end, and of a view.
func (s *ItemStream) Cursor() string { return s.cursor }

// Delta tells whether the items are changes since a cursor.
func (s *ItemStream) Delta() bool { return s.delta }

// Items goes through the items, once. It ends behind the first error; a stream
// without an error is complete.
func (s *ItemStream) Items() iter.Seq2[lading.Item, error] {
	return func(yield func(lading.Item, error) bool) {
		for {
			page, err := s.read(yield)
			switch {
			case err == errStopped || err == nil && page == "":
				return
			case err != nil && !s.again(err):
				yield(lading.Item{}, err)
				return
			}
		}
	}
}

var errStopped = fmt.Errorf("stopped")

// again tells whether a stream that broke is to be opened again.
func (s *ItemStream) again(err error) bool {
	if !isNetwork(err) || s.broken >= s.c.opt.Retries || s.ctx.Err() != nil {
		return false
	}
	s.broken++
	return s.c.opt.Sleep(s.ctx, jitter(min(firstWait<<min(s.broken, 10), mostWait))) == nil
}

// read asks for what is left and yields it, page by page. It returns where to
// go on; empty at the end.
func (s *ItemStream) read(yield func(lading.Item, error) bool) (next string, err error) {
	q := s.q
	if s.page != "" {
		q.Page = s.page
	}
	if q.N == 0 {
		q.N = lading.MaxPage
	}
	res, err := s.c.askList(s.ctx, q, mediaTypeNDJSON+", "+mediaTypeList+";q=0.5")
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if mediaType(res) != mediaTypeNDJSON {
		return s.readJSON(res, q, yield)
	}
	in := newLines(res.Body)
	for {
		p, err := readLines(res, in)
		if err != nil {
			return "", err
		}
		if p.Next != "" && p.Next == s.page {
			return "", badAnswer(res, "the next page is this one")
		}
		if !yieldAll(p.Items, yield) {
			return "", errStopped
		}
		if s.page, s.cursor, s.broken = p.Next, p.Cursor, 0; p.Next == "" {
			return "", nil
		}
	}
}

// readJSON yields one page of a registry that does not stream.
func (s *ItemStream) readJSON(res *http.Response, q lading.Query, yield func(lading.Item, error) bool) (string, error) {
	p, err := readPage(res, q)
	if err != nil {
		return "", err
	}
	s.delta = p.Delta
	if !yieldAll(p.Items, yield) {
		return "", errStopped
	}
	s.page, s.cursor, s.broken = p.Next, p.Cursor, 0
	return p.Next, nil
}

func yieldAll(items []lading.Item, yield func(lading.Item, error) bool) bool {
	for _, it := range items {
		if !yield(it, nil) {
			return false
		}
	}
	return true
}

// streamLine is a line of a stream: an item, or what stands behind a page.
type streamLine struct {
	lading.Item
	Page   string      `json:"page"`
	Cursor string      `json:"cursor"`
	End    bool        `json:"end"`
	Error  *errorEntry `json:"error"`
}

// readLines reads the lines of one page. Its items count only when the line
// behind them has come: so a stream that is resumed tells nothing twice.
func readLines(res *http.Response, in *lines) (lading.Listing, error) {
	var p lading.Listing
	size := 0
	for {
		b, err := in.next()
		if err != nil {
			return p, streamError(res, err)
		}
		var line streamLine
		if err := json.Unmarshal(b, &line); err != nil {
			return p, badAnswer(res, "a line: %v", err)
		}
		switch size += len(b); {
		case line.Error != nil:
			return p, errorOf(*line.Error, 0, "", fmt.Errorf("%s: in the middle of the stream", answered(res)))
		case line.Page != "" || line.Cursor != "" || line.End:
			p.Next, p.Cursor = line.Page, line.Cursor
			return p, nil
		case line.Op == "":
			return p, badAnswer(res, "a line that is no item")
		case len(p.Items) == lading.MaxPage || size > maxAnswer:
			return p, badAnswer(res, "a page has more than %d items, or %d bytes", lading.MaxPage, maxAnswer)
		}
		p.Items = append(p.Items, line.Item)
	}
}
