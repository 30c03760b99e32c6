package conformance_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
)

// reply is an answer on its way to the client.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// listing tells whether the request is for a listing, or all of it.
func listing(r *http.Request) bool { return strings.Contains(r.URL.Path, "/_lading/list/") }

func watching(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/_lading/watch/events") }

// asking changes requests.
func asking(change func(r *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c := r.Clone(r.Context())
			change(c)
			next.ServeHTTP(w, c)
		})
	}
}

// query changes the parameters of listings and streams.
func query(change func(v url.Values)) func(http.Handler) http.Handler {
	return asking(func(r *http.Request) {
		if listing(r) || watching(r) {
			v := r.URL.Query()
			change(v)
			r.URL.RawQuery = v.Encode()
		}
	})
}

// without ignores parameters.
func without(names ...string) func(http.Handler) http.Handler {
	return query(func(v url.Values) {
		for _, name := range names {
			v.Del(name)
		}
	})
}

// as asks in the name of somebody else where fits does.
func as(user string, fits func(r *http.Request) bool) func(http.Handler) http.Handler {
	return asking(func(r *http.Request) {
		if fits(r) {
			r.Header.Set(userHeader, user)
		}
	})
}

// answering changes answers. Streams pass as they are.
func answering(change func(r *http.Request, a *reply)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if watching(r) && r.Method == http.MethodGet {
				next.ServeHTTP(w, r)
				return
			}
			a := recorded(next, r)
			change(r, &a)
			for name, values := range a.header {
				w.Header()[name] = values
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
			w.WriteHeader(a.status)
			if a.status != http.StatusNotModified {
				_, _ = w.Write(a.body)
			}
		})
	}
}

func recorded(next http.Handler, r *http.Request) reply {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	return reply{rec.Code, rec.Header(), rec.Body.Bytes()}
}

// header changes the header of answers to listings.
func header(change func(r *http.Request, a *reply)) func(http.Handler) http.Handler {
	return answering(func(r *http.Request, a *reply) {
		if listing(r) {
			change(r, a)
		}
	})
}

// paging changes pages in JSON.
func paging(change func(r *http.Request, a *reply, page map[string]any, items []any) []any) func(http.Handler) http.Handler {
	return header(func(r *http.Request, a *reply) {
		var page map[string]any
		if json.Unmarshal(a.body, &page) != nil || page["kind"] == nil {
			return
		}
		items, _ := page["items"].([]any)
		page["items"] = change(r, a, page, items)
		a.body, _ = json.Marshal(page)
	})
}

// deltas changes the items of deltas.
func deltas(change func(items []any) []any) func(http.Handler) http.Handler {
	return paging(func(_ *http.Request, _ *reply, page map[string]any, items []any) []any {
		if page["kind"] == "delta" {
			return change(items)
		}
		return items
	})
}

// items changes each item; what returns nil is dropped.
func items(change func(it map[string]any) any) func(http.Handler) http.Handler {
	return paging(func(_ *http.Request, _ *reply, _ map[string]any, items []any) []any { return changed(items, change) })
}

func changed(items []any, change func(it map[string]any) any) []any {
	out := []any{}
	for _, x := range items {
		if y := change(x.(map[string]any)); y != nil {
			out = append(out, y)
		}
	}
	return out
}

// lines changes the lines of streams; what returns nil is dropped.
func lines(change func(line []byte) []byte) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if watching(r) {
				w = &lineWriter{ResponseWriter: w, change: change}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type lineWriter struct {
	http.ResponseWriter
	change func([]byte) []byte
	rest   []byte
}

func (w *lineWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if line = w.change(line); line != nil {
			if _, err := w.ResponseWriter.Write(append(bytes.Clone(line), '\n')); err != nil {
				return 0, err
			}
		}
		w.rest = rest
	}
}

// events changes the data of server-sent events.
func events(change func(e map[string]any)) func(http.Handler) http.Handler {
	return lines(func(line []byte) []byte {
		raw, ok := bytes.CutPrefix(line, []byte("data: {\"specversion"))
		if !ok {
			return line
		}
		var e map[string]any
		if json.Unmarshal(append([]byte(`{"specversion`), raw...), &e) != nil {
			return line
		}
		change(e)
		out, _ := json.Marshal(e)
		return append([]byte("data: "), out...)
	})
}
