package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/lading-dev/lading"
)

// A harm is what sending a request a second time may do when it is not known
// whether the first was carried out.
type harm int

const (
	none  harm = iota // nothing: it may be sent again after any failure
	some              // it is sent again only if it was surely not carried out
	never             // the caller knows better how to go on
)

// request is a request before it is sent, and how to understand its answer.
type request struct {
	method string
	path   string   // below the registry's address
	url    *url.URL // instead of the path: where the registry said
	query  url.Values
	header http.Header
	body   []byte // nil for none
	repo   string // for token scopes; empty for the whole registry
	from   string // a second repository
	// actions are those of the token scope.
	actions []string
	// want are the statuses that are no failure; none means 200.
	want []int
	// missing is what a 404 means that does not say it.
	missing lading.Code
	again   harm
	// patience is how much longer than usual the answer may take to begin.
	patience time.Duration
}

func (c *Client) target(r *request) *url.URL {
	u := *c.base
	if r.url != nil {
		u = *r.url
	} else {
		u.Path = r.path
	}
	if len(r.query) > 0 {
		q := u.Query()
		for name, values := range r.query {
			q[name] = values
		}
		u.RawQuery = q.Encode()
	}
	return &u
}

// send sends a request, again where that may help and does no harm, and
// returns the answer if it is one that is wanted. The caller closes its body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	if len(r.want) == 0 {
		r.want = []int{http.StatusOK}
	}
	for attempt := 0; ; attempt++ {
		res, err := c.once(ctx, &r)
		if err == nil {
			return res, nil
		}
		wait, again := c.retry(&r, err, attempt)
		if !again || ctx.Err() != nil {
			return nil, err
		}
		if c.opt.Sleep(ctx, wait) != nil {
			return nil, err
		}
	}
}

// once sends the request once.
func (c *Client) once(ctx context.Context, r *request) (*http.Response, error) {
	u := c.target(r)
	kept := &refusal{host: u.Host}
	inner, cancel := context.WithCancelCause(context.WithValue(c.scoped(ctx, r), refusalKey{}, kept))
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(inner, r.method, u.String(), body)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("%s %s: %w", r.method, shown(u), err)
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	req.Header.Set("User-Agent", c.opt.UserAgent)
	limit := c.opt.Timeout + r.patience
	if r.body != nil {
		limit *= 5
	}
	timer := time.AfterFunc(limit, func() { cancel(fmt.Errorf("no answer within %v", limit)) })
	res, err := c.auth.Do(req)
	timer.Stop()
	if err != nil {
		cause := context.Cause(inner)
		cancel(nil)
		if signInError(err) {
			return nil, kept.unauthorized(r, u, err)
		}
		return nil, sendError(ctx, r.method, u, err, cause)
	}
	res.Body = newBody(inner, cancel, res.Body, c.opt.Idle)
	if slices.Contains(r.want, res.StatusCode) {
		return res, nil
	}
	defer res.Body.Close()
	if again := r.asGet(res.StatusCode); again != nil {
		return c.once(ctx, again)
	}
	return nil, answerError(r, u, res)
}

// asGet is the request to ask instead of one whose failure has no words: that
// of a HEAD has no body.
func (r *request) asGet(status int) *request {
	if r.method != http.MethodHead || status < 400 || status == http.StatusTooManyRequests || status >= 500 {
		return nil
	}
	get := *r
	get.method = http.MethodGet
	return &get
}

// sendError is a request that got no answer.
func sendError(ctx context.Context, method string, u *url.URL, err, cause error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err // without the query, which is nobody's business
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s %s: %w", method, shown(u), ctx.Err())
	case cause != nil:
		err = cause
	}
	err = fmt.Errorf("%s %s: %w", method, shown(u), err)
	return lading.ErrUnavailable.With("there was no answer of the registry").Wrap(err)
}

// shown is the address without what is for the registry alone.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// answerBody is an answer's body. It ends the request when no byte comes for
// too long while somebody waits for one, and frees what belongs to the request
// when it is closed.
type answerBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	idle   time.Duration
	timer  *time.Timer
}

func newBody(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser, idle time.Duration) *answerBody {
	b := &answerBody{ReadCloser: body, ctx: ctx, cancel: cancel, idle: idle}
	b.timer = time.AfterFunc(idle, b.end)
	b.timer.Stop()
	return b
}

var errIdle = errors.New("the answer does not go on")

func (b *answerBody) end() { b.cancel(errIdle) }

func (b *answerBody) Read(p []byte) (int, error) {
	b.timer.Reset(b.idle)
	n, err := b.ReadCloser.Read(p)
	b.timer.Stop()
	if err != nil && err != io.EOF && context.Cause(b.ctx) == errIdle {
		err = errIdle
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.timer.Stop()
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// Bounds of answers, in bytes.
const (
	maxAnswer    = 16 << 20
	maxErrorBody = 256 << 10
	// drained is how much of an answer that nobody wants is read, so that its
	// connection can be used again.
	drained = 64 << 10
)

// maxAnswerTime is how long an answer that is read as a whole may take.
const maxAnswerTime = 5 * time.Minute

// readAll reads a whole answer of at most so many bytes.
func readAll(res *http.Response, limit int64) ([]byte, error) {
	defer res.Body.Close()
	if b, ok := res.Body.(*answerBody); ok {
		t := time.AfterFunc(maxAnswerTime, b.end)
		defer t.Stop()
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, brokenAnswer(res, err)
	}
	if int64(len(data)) > limit {
		return nil, badAnswer(res, "longer than %d bytes", limit)
	}
	return data, nil
}

// discard is for an answer whose body does not matter.
func discard(res *http.Response) {
	_, _ = io.CopyN(io.Discard, res.Body, drained)
	_ = res.Body.Close()
}
