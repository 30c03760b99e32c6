package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lading-dev/lading"
)

// Types are the definitions of artifact types and the policies, behind what
// decides who may change them (docs/spec/artifact-types.md).
type Types interface {
	// Definitions returns all definitions in use, by name, without logos.
	Definitions(ctx context.Context) ([]lading.Definition, error)
	// Definition returns one with its logo.
	//
	// Errors: TYPE_UNKNOWN.
	Definition(ctx context.Context, name string) (lading.Definition, error)
	// PutDefinition takes a definition, and tells whether there was none of
	// that name among those that came this way.
	//
	// Errors: TYPE_INVALID, CONFLICT, DENIED.
	PutDefinition(ctx context.Context, name string, body []byte) (created bool, err error)
	// DeleteDefinition removes one that came this way.
	//
	// Errors: TYPE_UNKNOWN, CONFLICT, DENIED.
	DeleteDefinition(ctx context.Context, name string) error
	Policies
}

const (
	maxDefinition  = 256 << 10 // bytes of a definition, as arttype has it
	maxDefinedName = 64
	unknownPages   = 10 // pages of items that one answer about unknown types looks at
)

var definedName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

var (
	atDefinitions = read(ActionDefinitions)
	atUnknown     = read(ActionTypesUnknown)
	atLogo        = read(ActionDefinitionLogo)
	atDefinition  = []methodAction{
		{http.MethodGet, ActionDefinitionGet}, {http.MethodHead, ActionDefinitionGet},
		{http.MethodPut, ActionDefinitionPut}, {http.MethodDelete, ActionDefinitionDelete},
	}
)

// routeTypes finds the endpoints below _lading/types/.
func routeTypes(rest string) (endpoint, Request, error) {
	switch rest {
	case "definitions":
		return endpoint{methods: atDefinitions}, Request{}, nil
	case "unknown":
		return endpoint{methods: atUnknown}, Request{}, nil
	case "policies":
		return endpoint{methods: atPolicies}, Request{}, nil
	}
	if id, ok := strings.CutPrefix(rest, "policies/"); ok {
		return routePolicy(id)
	}
	name, ok := strings.CutPrefix(rest, "definitions/")
	at := endpoint{methods: atDefinition}
	if of, logo := strings.CutSuffix(name, "/logo"); logo {
		name, at.methods = of, atLogo
	}
	switch {
	case !ok || strings.Contains(name, "/"):
		return endpoint{}, Request{}, lading.ErrExtensionUnknown
	case len(name) > maxDefinedName || !definedName.MatchString(name):
		return endpoint{}, Request{}, lading.ErrTypeUnknown
	}
	return at, Request{Type: name}, nil
}

// noParameters refuses every parameter.
func noParameters(v url.Values) error {
	for name := range v {
		if len(name) > 100 {
			name = name[:100]
		}
		return lading.InvalidParameter(strings.ToValidUTF8(name, "?"), "is not known here")
	}
	return nil
}

// definition is a definition as it is written.
type definition struct {
	lading.Definition
	Logo  string        `json:"logo"` // its address
	Stats *lading.Stats `json:"stats,omitempty"`
}

func asWritten(d lading.Definition) definition {
	return definition{Definition: d, Logo: Request{Action: ActionDefinitionLogo, Type: d.Name}.URL()}
}

func (h *handler) types(w *response, r *http.Request, q *Request) error {
	if h.opt.Types == nil {
		return lading.ErrExtensionUnknown
	}
	switch q.Action {
	case ActionDefinitions:
		return h.definitions(w, r, q)
	case ActionDefinitionGet:
		d, err := h.opt.Types.Definition(r.Context(), q.Type)
		if err == nil {
			setCaching(w.Header(), r, false)
			writeJSON(w, http.StatusOK, "application/json", asWritten(d))
		}
		return err
	case ActionDefinitionLogo:
		return h.logo(w, r, q)
	case ActionDefinitionPut:
		return h.putDefinition(w, r, q)
	case ActionDefinitionDelete:
		return accepted(w, h.opt.Types.DeleteDefinition(r.Context(), q.Type))
	case ActionTypesUnknown:
		return h.unknownTypes(w, r)
	default:
		return h.policies(w, r, q)
	}
}

func (h *handler) definitions(w *response, r *http.Request, q *Request) error {
	all, err := h.opt.Types.Definitions(r.Context())
	if err != nil {
		return err
	}
	out := make([]definition, 0, len(all))
	for _, d := range all {
		out = append(out, asWritten(d))
	}
	if q.Stats {
		if err := h.typeStats(r.Context(), out); err != nil {
			return err
		}
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"definitions": out})
	return nil
}

func (h *handler) putDefinition(w *response, r *http.Request, q *Request) error {
	return h.putDocument(w, r, Request{Action: ActionDefinitionGet, Type: q.Type}, h.opt.Types.PutDefinition)
}

func (h *handler) putDocument(w *response, r *http.Request, at Request, put func(context.Context, string, []byte) (bool, error)) error {
	return h.putAt(w, r, at, at.Type, put)
}

// putAt hands on a body, of which it reads a little more than any that
// is taken, and answers whether there is something new at an address.
func (h *handler) putAt(w *response, r *http.Request, at Request, name string, put func(context.Context, string, []byte) (bool, error)) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(newRequestBody(w, r), maxDefinition+1)); err != nil {
		return fmt.Errorf("read %s: %w", at.Action, err)
	}
	created, err := put(r.Context(), name, b.Bytes())
	if err != nil {
		return err
	}
	h.setLocation(w, r, at)
	if created {
		return empty(w, http.StatusCreated)
	}
	return empty(w, http.StatusOK)
}

// logoPolicy is what a logo may do where it is shown as a page of its own:
// nothing. What is drawn needs no style sheets.
var logoPolicy = []string{"default-src 'none'; style-src 'none'; sandbox"}

func (h *handler) logo(w *response, r *http.Request, q *Request) error {
	d, err := h.opt.Types.Definition(r.Context(), q.Type)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(d.Logo)
	tag := hex.EncodeToString(sum[:16])
	head := w.Header()
	head.Set("ETag", `"`+tag+`"`)
	head.Set("Cache-Control", "public, max-age=86400")
	head["Content-Security-Policy"] = logoPolicy
	if notModified(r, lading.Digest(tag)) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	head.Set("Content-Type", "image/svg+xml")
	head.Set("Content-Length", strconv.Itoa(len(d.Logo)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(d.Logo) // a client that has left
	return nil
}

// unknownType is a media type that no definition matches.
type unknownType struct {
	// MediaType is the artifact type or, of manifests that have none, their
	// own media type.
	MediaType string `json:"mediaType"`
	// Count is how many of the manifests looked at have it.
	Count   int           `json:"count"`
	Example lading.Digest `json:"example"`
	// Repository is where the example is.
	Repository string `json:"repository"`
}

// unknownTypes tells which media types have no definition: of the manifests
// that the caller may see, the newest so many. It is a listing like any other,
// so that it tells of nothing that the caller may not see.
func (h *handler) unknownTypes(w *response, r *http.Request) error {
	byType := map[string]*unknownType{}
	query := lading.Query{Kind: lading.KindManifests, Order: lading.OrderModified, Desc: true, N: lading.MaxPage,
		Scope: lading.Scope{Types: []string{lading.TypeUnknown}}}
	looked, more := 0, true
	for page := 0; page < unknownPages && more; page++ {
		l, err := h.reg.List(r.Context(), query)
		if err != nil {
			return err
		}
		for _, it := range l.Items {
			looked++
			countUnknown(byType, it)
		}
		query.Page, more = l.Next, l.Next != ""
	}
	found := make([]*unknownType, 0, len(byType))
	for _, u := range byType {
		found = append(found, u)
	}
	slices.SortFunc(found, func(a, b *unknownType) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.MediaType, b.MediaType))
	})
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"unknown": found, "manifests": looked, "more": more})
	return nil
}

func countUnknown(byType map[string]*unknownType, it lading.Item) {
	if it.Descriptor == nil {
		return
	}
	name := cmp.Or(it.Descriptor.ArtifactType, it.Descriptor.MediaType)
	u := byType[name]
	if u == nil {
		u = &unknownType{MediaType: name, Example: it.Descriptor.Digest, Repository: it.Repository}
		byType[name] = u
	}
	u.Count++
}
