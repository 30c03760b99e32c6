package crashtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// outcome is what a client knows of a request.
type outcome int

const (
	acknowledged outcome = iota
	refused              // 4xx: it had no effect
	unknown              // 5xx or no answer: it may have had one
)

// api speaks to a registry.
type api struct {
	base string // http://host:port
	c    *http.Client
}

func newAPI(addr string) *api {
	return &api{base: "http://" + addr, c: &http.Client{
		Timeout:   30 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext},
	}}
}

func (a *api) close() { a.c.CloseIdleConnections() }

// answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// do sends a request. ref is a path or an absolute URL.
func (a *api) do(ctx context.Context, method, ref string, body []byte, header ...string) (*answer, error) {
	if strings.HasPrefix(ref, "/") {
		ref = a.base + ref
	}
	req, err := http.NewRequestWithContext(ctx, method, ref, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := a.c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	out := &answer{status: resp.StatusCode, header: resp.Header}
	if out.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	return out, nil
}

func outcomeOf(r *answer, err error) outcome {
	switch {
	case err != nil || r.status >= 500:
		return unknown
	case r.status >= 400:
		return refused
	}
	return acknowledged
}

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// pushBlob uploads in one of four ways.
func (a *api) pushBlob(ctx context.Context, repo string, b []byte, way int) (*answer, error) {
	uploads, d := "/v2/"+repo+"/blobs/uploads/", digestOf(b)
	if way == 0 {
		return a.do(ctx, "POST", uploads+"?digest="+d, b, "Content-Type", "application/octet-stream")
	}
	r, err := a.do(ctx, "POST", uploads, nil)
	if err != nil || r.status != http.StatusAccepted {
		return r, err
	}
	at := r.header.Get("Location")
	sent := 0
	for chunk := range way - 1 { // none, one or two chunks before the end
		next := len(b) * (chunk + 1) / way
		r, err = a.do(ctx, "PATCH", at, b[sent:next], "Content-Type", "application/octet-stream",
			"Content-Range", fmt.Sprintf("%d-%d", sent, next-1))
		if err != nil || r.status != http.StatusAccepted {
			return r, err
		}
		at, sent = r.header.Get("Location"), next
	}
	sep := "?"
	if strings.Contains(at, "?") {
		sep = "&"
	}
	return a.do(ctx, "PUT", at+sep+"digest="+d, b[sent:], "Content-Type", "application/octet-stream")
}

const (
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func (a *api) putManifest(ctx context.Context, repo, ref string, m []byte) (*answer, error) {
	return a.do(ctx, "PUT", "/v2/"+repo+"/manifests/"+ref, m, "Content-Type", mediaTypeOf(m))
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        *descriptor       `json:"config,omitempty"`
	Layers        []descriptor      `json:"layers,omitempty"`
	Manifests     []descriptor      `json:"manifests,omitempty"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func mediaTypeOf(m []byte) string {
	var d document
	_ = json.Unmarshal(m, &d)
	return d.MediaType
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
