package modeltest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
)

// overHTTP is the registry at a URL. The user is named in a header.
type overHTTP struct {
	client *http.Client
	url    func() string
}

const userHeader = "Test-User"

// send sends a request and reads all of the answer.
func (h overHTTP) send(user, method, path string, header map[string]string, body []byte) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, h.url()+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set(userHeader, user)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

type errorsBody struct {
	Errors []struct {
		Code    lading.Code
		Message string
		Detail  json.RawMessage
	}
}

// answerTo reads an answer: its code is empty where the status is a success.
func answerTo(resp *http.Response, body []byte, err error) answer {
	if err != nil {
		return answer{lading.CodeInternal, err.Error()}
	}
	text := headerText(resp.Header)
	if resp.StatusCode < 400 {
		return answer{"", text}
	}
	var e errorsBody
	if err := json.Unmarshal(body, &e); err != nil || len(e.Errors) != 1 {
		return answer{lading.CodeInternal, fmt.Sprintf("status %d: %s", resp.StatusCode, body)}
	}
	code := e.Errors[0].Code
	if code == lading.CodeDenied && resp.StatusCode == http.StatusConflict {
		code = lading.CodeConflict
	}
	return answer{code, text + string(body)}
}

// headerText leaves out the request's id: it is random, and may look like a
// name.
func headerText(h http.Header) string {
	h = h.Clone()
	h.Del("X-Request-Id")
	var b strings.Builder
	_ = h.Write(&b) // a Builder takes all
	return b.String()
}

func (h overHTTP) do(user, method, path string, header map[string]string, body []byte) answer {
	return answerTo(h.send(user, method, path, header, body))
}

func (h overHTTP) upload(user, repo string, content []byte) answer {
	return h.do(user, "POST", "/v2/"+repo+"/blobs/uploads/?digest="+url.QueryEscape(string(digest.FromBytes(content))),
		map[string]string{"Content-Type": "application/octet-stream"}, content)
}

func (h overHTTP) push(user string, doc *document, tags []string) answer {
	for _, b := range doc.blobs {
		if a := h.upload(user, doc.repo, b); a.code != "" {
			return a
		}
	}
	path := "/v2/" + doc.repo + "/manifests/" + string(doc.digest)
	switch {
	case len(tags) == 1:
		path = "/v2/" + doc.repo + "/manifests/" + tags[0]
	case len(tags) > 1:
		path += "?" + url.Values{"tag": tags}.Encode()
	}
	return h.do(user, "PUT", path, map[string]string{"Content-Type": doc.mediaType}, doc.raw)
}

func (h overHTTP) deleteTag(user, repo, tag string) answer {
	return h.do(user, "DELETE", "/v2/"+repo+"/manifests/"+tag, nil, nil)
}

func (h overHTTP) deleteManifest(user, repo string, d digest.Digest) answer {
	return h.do(user, "DELETE", "/v2/"+repo+"/manifests/"+string(d), nil, nil)
}

func (h overHTTP) deleteRepository(user, repo string) answer {
	return h.do(user, "DELETE", "/v2/"+repo+"/_lading/manage/repository", nil, nil)
}

// listURL is the address of a listing. A page's needs its token alone.
func listURL(q lading.Query) string {
	path, v := "/v2/_lading/list/"+string(q.Kind), url.Values{}
	if q.Scope.Repository != "" {
		path = "/v2/" + q.Scope.Repository + "/_lading/list/" + string(q.Kind)
	}
	if q.N > 0 {
		v.Set("n", strconv.Itoa(q.N))
	}
	if q.Page != "" {
		v.Set("page", q.Page)
		return path + "?" + v.Encode()
	}
	s := q.Scope
	add := func(name string, values ...string) {
		for _, x := range values {
			if x != "" {
				v.Add(name, x)
			}
		}
	}
	add("since", q.Since)
	add("namespace", s.Namespace)
	add("prefix", s.Prefix...)
	add("exclude", s.Exclude...)
	add("type", s.Types...)
	add("platform", s.Platforms...)
	add("subject", string(s.Subject))
	if s.Tagged != nil {
		add("tagged", strconv.FormatBool(*s.Tagged))
	}
	if !s.CreatedAfter.IsZero() {
		add("created_after", s.CreatedAfter.Format(time.RFC3339Nano))
	}
	if !s.CreatedBefore.IsZero() {
		add("created_before", s.CreatedBefore.Format(time.RFC3339Nano))
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + v.Encode()
}

type listBody struct {
	Kind   string
	Items  []lading.Item
	Cursor string
}

func (h overHTTP) list(user string, q lading.Query, f form) page {
	header := map[string]string{}
	if q.Since != "" && q.Since != "none" && !f.since {
		header["If-None-Match"] = `"` + q.Since + `"`
		q.Since = ""
		if f.delta {
			header["A-IM"] = "lading-delta"
		}
	}
	if f.stream {
		header["Accept"] = "application/x-ndjson"
	}
	resp, body, err := h.send(user, "GET", listURL(q), header, nil)
	p := page{answer: answerTo(resp, body, err)}
	switch {
	case p.code == lading.CodeCursorExpired:
		p.reason = expiryReason(body)
	case p.code != "":
	case resp.StatusCode == http.StatusNotModified:
		p.notModified, p.cursor = true, resp.Header.Get("Lading-Cursor")
		if got := resp.Header.Get("ETag"); got != header["If-None-Match"] {
			p.answer = answer{lading.CodeInternal, "304 with the ETag " + got}
		}
	case resp.StatusCode == http.StatusOK, resp.StatusCode == http.StatusIMUsed:
		p.delta = resp.StatusCode == http.StatusIMUsed
		p.im = p.delta
		if f.stream {
			p.readStream(body, f.since && q.Since != "" && q.Since != "none")
		} else {
			p.readPage(resp, body)
		}
	default:
		p.answer = answer{lading.CodeInternal, "status " + resp.Status}
	}
	return p
}

func expiryReason(body []byte) string {
	var e errorsBody
	var detail struct{ Reason string }
	if json.Unmarshal(body, &e) == nil && len(e.Errors) == 1 {
		_ = json.Unmarshal(e.Errors[0].Detail, &detail)
	}
	return detail.Reason
}

func (p *page) bad(format string, args ...any) {
	p.answer = answer{lading.CodeInternal, fmt.Sprintf(format, args...)}
}

func (p *page) readPage(resp *http.Response, body []byte) {
	var l listBody
	if err := json.Unmarshal(body, &l); err != nil {
		p.bad("body: %v", err)
		return
	}
	p.delta = l.Kind == "delta"
	p.items, p.cursor, p.next = l.Items, l.Cursor, nextOf(resp.Header.Get("Link"))
	if etag := resp.Header.Get("ETag"); p.cursor != "" && etag != `"`+p.cursor+`"` || p.cursor == "" && etag != "" {
		p.bad("the cursor is %q, the ETag %q", p.cursor, etag)
	}
	if (p.cursor == "") == (p.next == "") {
		p.bad("the cursor is %q, the next page %q", p.cursor, p.next)
	}
}

// nextOf takes the token out of a Link.
func nextOf(link string) string {
	target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	return u.Query().Get("page")
}

func (p *page) readStream(body []byte, delta bool) {
	p.delta = p.delta || delta
	part := page{delta: p.delta}
	s := bufio.NewScanner(bytes.NewReader(body))
	s.Buffer(nil, 4<<20)
	for s.Scan() {
		var line struct {
			lading.Item
			Page   string          `json:"page"`
			Cursor string          `json:"cursor"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			p.bad("line %s: %v", s.Bytes(), err)
			return
		}
		switch {
		case line.Error != nil:
			p.readStreamError(line.Error)
			p.parts = append(p.parts, part)
			return
		case line.Page != "" || line.Cursor != "":
			part.next, part.cursor = line.Page, line.Cursor
			p.parts = append(p.parts, part)
			part = page{delta: p.delta}
		default:
			part.items = append(part.items, line.Item)
		}
	}
	if n := len(p.parts); n == 0 || p.parts[n-1].cursor == "" {
		p.bad("the stream has no end: %s", body)
	}
}

func (p *page) readStreamError(raw []byte) {
	var e struct {
		Code   lading.Code
		Detail struct{ Reason string }
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		p.bad("error line: %v", err)
		return
	}
	p.answer, p.reason = answer{e.Code, string(raw)}, e.Detail.Reason
}
