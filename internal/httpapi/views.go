package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lading-dev/lading"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Views of three drafts for the distribution-spec, which may change as they do
// and can be switched off (Options.OCIDrafts): the repositories of a namespace
// (pull request 611), the history of a tag (606), and the tags of a repository
// as an image index, in an order (579). They show what listings show and are
// of no other use: none has a cursor.

// Annotations of the drafts.
const (
	annotationTagTime  = "org.opencontainers.distribution.tag.timestamp"
	annotationTagEvent = "org.opencontainers.distribution.tag.event"
	annotationCreated  = "org.opencontainers.image.ref.created"
)

// extensionDrafts are the endpoints of the drafts, as discovery lists them.
var extensionDrafts = []string{"_oci/repositories", "_oci/tag-history"}

// routeDrafts finds the endpoints of the drafts behind a repository's name.
func routeDrafts(ext string, q *Request) (endpoint, bool) {
	if ext == "_oci/repositories" {
		return endpoint{methods: read(ActionDraftNames)}, true
	}
	tag, ok := strings.CutPrefix(ext, "_oci/tag-history/")
	if !ok || q.Repository == "" || strings.Contains(tag, "/") {
		return endpoint{}, false
	}
	return endpoint{methods: read(ActionTagHistory), arg: tag}, true
}

// parseDraft understands the parameters of a draft. They ignore what they do
// not know, as the endpoints of the distribution-spec do.
func (q *Request) parseDraft(raw string) error {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return lading.ErrParameterInvalid.With("the query is not valid: it cannot be decoded")
	}
	if q.Action == ActionDraftNames {
		return q.parsePage(v, maxNames)
	}
	v.Del("last")
	if err := q.parsePage(v, lading.MaxPage); err != nil {
		return err
	}
	h := &lading.HistoryQuery{}
	q.History = h
	for name, into := range map[string]*time.Time{"before": &h.Before, "since": &h.Since} {
		text, err := one(v, name)
		if err != nil {
			return err
		}
		if text == "" {
			continue
		}
		if *into, err = time.Parse(time.RFC3339Nano, text); err != nil || into.IsZero() {
			return lading.InvalidParameter(name, "want a time as in RFC 3339, for example 2026-08-01T10:00:00Z (a + is written %%2B)")
		}
		*into = into.UTC()
	}
	text, err := one(v, "digest")
	if err != nil || text == "" {
		return err
	}
	if h.Digest, err = parseSubject(text); err != nil {
		return lading.InvalidParameter("digest", "not a digest")
	}
	return nil
}

func (q Request) addDraft(v url.Values) {
	q.addPage(v)
	if h := q.History; h != nil {
		addTime(v, "before", h.Before)
		addTime(v, "since", h.Since)
		set(v, "digest", string(h.Digest))
	}
}

// draft answers the endpoints that are the drafts' own.
func (h *handler) draft(w *response, r *http.Request, q *Request) error {
	switch {
	case !h.opt.OCIDrafts:
		return lading.ErrExtensionUnknown
	case q.Action == ActionDraftNames:
		return h.listNamespace(w, r, q)
	}
	return h.tagHistory(w, r, q)
}

// A namedRepository is an entry of the repositories of a namespace.
type namedRepository struct {
	Name string `json:"name"`
}

// listNamespace answers the repository of the namespace's very name and all
// below it; those of the registry where there is no namespace.
func (h *handler) listNamespace(w *response, r *http.Request, q *Request) error {
	names, err := h.namesBelow(r, q, q.pageLength())
	if err != nil {
		return err
	}
	h.writeNames(w, r, q, names, func(list []string) any {
		out := make([]namedRepository, len(list))
		for i, name := range list {
			out[i].Name = name
		}
		return out
	})
	return nil
}

// namesBelow returns up to n names of a namespace after q.Last. Between the
// name "a" and those that begin with "a/" others have their place, such as
// "a-b": what is asked for first is the one and then the others.
func (h *handler) namesBelow(r *http.Request, q *Request, n int) (out lading.Names, err error) {
	ns, last := q.Repository, q.Last
	if ns == "" {
		return h.reg.Repositories(r.Context(), last, n)
	}
	if last < ns {
		own, err := h.reg.Repositories(r.Context(), justBefore(ns), 1)
		if err != nil {
			return out, err
		}
		if slices.Equal(own.Names, []string{ns}) {
			out.Names = own.Names
		}
	}
	below, err := h.reg.Repositories(r.Context(), max(last, ns+"/"), n+1-len(out.Names))
	for _, name := range below.Names {
		if !strings.HasPrefix(name, ns+"/") {
			break
		}
		out.Names = append(out.Names, name)
	}
	if out.More = len(out.Names) > n; out.More {
		out.Names = out.Names[:n]
	}
	return out, err
}

// justBefore is a text between a name and all names before it: no name has a
// byte as great as its last one.
func justBefore(name string) string {
	end := len(name) - 1
	return name[:end] + string(name[end]-1) + "\x7f"
}

// tagHistory answers what happened to a tag. One that never was, or may not be
// seen, has no history: that is not an error, so that a client can tell a
// registry without this endpoint from one with it.
func (h *handler) tagHistory(w *response, r *http.Request, q *Request) error {
	reg, ok := h.reg.(lading.Historian)
	if !ok {
		return lading.ErrExtensionUnknown
	}
	index := newIndex()
	if !q.Limited || q.N > 0 {
		ask := *q.History
		if ask.N = lading.DefaultPage; q.Limited {
			ask.N = q.N
		}
		page, err := reg.TagHistory(r.Context(), q.Repository, q.Reference.Tag, ask)
		if err != nil {
			return err
		}
		lading.MeterFrom(r.Context()).Add(len(page.Events))
		for _, e := range page.Events {
			index.Manifests = append(index.Manifests, descriptorOf(e))
		}
		if !page.Next.IsZero() {
			next := *q
			ask.Before = page.Next
			next.Head, next.History = false, &ask
			setNext(w.Header(), next)
		}
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, ocispec.MediaTypeImageIndex, index)
	return nil
}

func descriptorOf(e lading.TagEvent) lading.Descriptor {
	d := e.Descriptor
	d.Annotations = map[string]string{annotationTagTime: e.Time.UTC().Format(time.RFC3339Nano), annotationTagEvent: string(e.Action)}
	return d
}

// wantsTagIndex tells whether tags are wanted as an image index.
func (h *handler) wantsTagIndex(r *http.Request) bool {
	return h.opt.OCIDrafts && negotiate(r.Header["Accept"], lading.KindTags) == formIndex
}

// listTagIndex answers the tags of a repository as an image index, with the
// time of their first push.
func (h *handler) listTagIndex(w *response, r *http.Request, q *Request) error {
	ask, err := tagQuery(r.URL.RawQuery, q)
	if err != nil {
		return err
	}
	page, err := h.reg.List(r.Context(), ask)
	if err != nil {
		return err
	}
	index := newIndex()
	for _, item := range page.Items {
		for _, d := range descriptorsOf(item) {
			delete(d.Annotations, annotationCreated) // what the manifest says of itself
			if item.Created != nil {
				d.Annotations[annotationCreated] = item.Created.Format(time.RFC3339Nano)
			}
			index.Manifests = append(index.Manifests, d)
		}
	}
	if q.Limited && q.N == 0 {
		index.Manifests, page.Next = []lading.Descriptor{}, ""
	}
	if page.Next != "" {
		v := url.Values{"page": {page.Next}}
		q.addPage(v)
		w.Header().Set("Link", "<"+q.path()+"?"+v.Encode()+`>; rel="next"`)
	}
	setCaching(w.Header(), r, false)
	writeJSON(w, http.StatusOK, ocispec.MediaTypeImageIndex, index)
	return nil
}

// tagQuery is the listing that tags come from. A page goes on by its token: in
// any other order than that of names, the last name says nothing.
func tagQuery(raw string, q *Request) (lading.Query, error) {
	ask := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Repository: q.Repository}, N: lading.MaxPage}
	if q.Limited {
		ask.N = min(max(q.N, 1), lading.MaxPage)
	}
	v, err := url.ParseQuery(raw)
	if err != nil {
		return ask, lading.ErrParameterInvalid.With("the query is not valid: it cannot be decoded")
	}
	if q.Last != "" {
		return ask, lading.InvalidParameter("last", "tags as an index go on by the Link alone")
	}
	if page := v.Get("page"); page != "" {
		if !validToken(page) {
			return ask, lading.InvalidParameter("page", "not out of a Link")
		}
		ask.Page = page
		return ask, nil
	}
	switch v.Get("sort_by") {
	case "", "name":
		ask.Order = lading.OrderName
	case "created_at":
		ask.Order = lading.OrderCreated
	default:
		return ask, lading.InvalidParameter("sort_by", "want name or created_at")
	}
	switch v.Get("sort_order") {
	case "", "asc":
	case "desc":
		ask.Desc = true
	default:
		return ask, lading.InvalidParameter("sort_order", "want asc or desc")
	}
	return ask, nil
}
