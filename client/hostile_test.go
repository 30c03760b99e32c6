package client_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
)

// forever writes a text until nobody takes it.
func forever(w io.Writer, text string) {
	block := []byte(strings.Repeat(text, 1+(64<<10)/len(text)))
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func answerWith(mediaType string, write func(w http.ResponseWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		write(w)
	}
}

const (
	listType = "application/vnd.lading.list.v1+json"
	lineType = "application/x-ndjson"
)

// ask are the questions that the table asks.
var ask = map[string]func(ctx context.Context, c *client.Client) error{
	"list": func(ctx context.Context, c *client.Client) error {
		_, err := c.List(ctx, lading.Query{Kind: lading.KindTags})
		return err
	},
	"all": func(ctx context.Context, c *client.Client) error {
		for _, err := range c.All(ctx, lading.Query{Kind: lading.KindTags}) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"stream": func(ctx context.Context, c *client.Client) error {
		for _, err := range c.Stream(ctx, lading.Query{Kind: lading.KindTags}).Items() {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"watch": func(ctx context.Context, c *client.Client) error {
		s, err := c.Watch(ctx, lading.WatchQuery{})
		if err != nil {
			return err
		}
		defer s.Close()
		for {
			if _, err := s.Next(ctx); err != nil {
				return err
			}
		}
	},
	"tags": func(ctx context.Context, c *client.Client) error {
		_, err := c.Tags(ctx, "acme/web", "", 10)
		return err
	},
	"names": func(ctx context.Context, c *client.Client) error {
		for _, err := range client.AllNames(ctx, c.Repositories) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	"manifest": func(ctx context.Context, c *client.Client) error {
		_, err := c.Manifest(ctx, "acme/web", lading.Reference{Tag: "1"})
		return err
	},
	"by digest": func(ctx context.Context, c *client.Client) error {
		_, err := c.Manifest(ctx, "acme/web", lading.Reference{Digest: digest.FromString("right")})
		return err
	},
	"resolve": func(ctx context.Context, c *client.Client) error {
		_, err := c.Resolve(ctx, "acme/web", lading.Reference{Digest: digest.FromString("right")})
		return err
	},
	"blob": func(ctx context.Context, c *client.Client) error {
		b, err := c.Blob(ctx, "acme/web", digest.FromString("right"))
		if err != nil {
			return err
		}
		defer b.Close()
		_, err = io.Copy(io.Discard, b)
		return err
	},
	"upload": func(ctx context.Context, c *client.Client) error {
		_, err := c.StartBlob(ctx, "acme/web", lading.Descriptor{})
		return err
	},
	"resume": func(ctx context.Context, c *client.Client) error {
		_, err := c.ResumeBlob(ctx, "acme/web", "id")
		return err
	},
	"put": func(ctx context.Context, c *client.Client) error {
		_, err := c.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte("{}")}, lading.PutOptions{})
		return err
	},
	"logo": func(ctx context.Context, c *client.Client) error {
		_, err := c.Definition(ctx, "helm")
		return err
	},
}

// hostile is what a registry might do to a client. Each ends with an error of
// the given kind, without much memory.
var hostile = []struct {
	name, ask string
	do        http.HandlerFunc
	want      error
}{
	{"a listing without end", "list", answerWith(listType, func(w http.ResponseWriter) { forever(w, `{"kind":"list",`) }), lading.ErrInternal},
	{"a page of many items", "list", answerWith(listType, func(w http.ResponseWriter) {
		fmt.Fprintf(w, `{"kind":"list","items":[%s{}]}`, strings.Repeat("{},", 5_000_000))
	}), lading.ErrInternal},
	{"a packed listing", "list", answerWith(listType, func(w http.ResponseWriter) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		forever(z, " ")
	}), lading.ErrInternal},
	{"a page that is its own next", "all", answerWith(listType, func(w http.ResponseWriter) {
		w.Header().Set("Link", `</v2/_lading/list/tags?page=p>; rel="next"`)
		fmt.Fprint(w, `{"kind":"list","items":[]}`)
	}), lading.ErrInternal},
	{"no listing at all", "list", answerWith(listType, func(w http.ResponseWriter) { fmt.Fprint(w, `{}`) }), lading.ErrInternal},
	{"names without end", "tags", answerWith("application/json", func(w http.ResponseWriter) { forever(w, `{"tags":["a",`) }), lading.ErrInternal},
	{"the same names again", "names", answerWith("application/json", func(w http.ResponseWriter) {
		w.Header().Set("Link", `</v2/_catalog?last=a>; rel="next"`)
		fmt.Fprint(w, `{"repositories":["a"]}`)
	}), lading.ErrInternal},
	{"a line without end", "stream", answerWith(lineType, func(w http.ResponseWriter) { forever(w, "x") }), lading.ErrInternal},
	{"a page of lines without end", "stream", answerWith(lineType, func(w http.ResponseWriter) { forever(w, `{"op":"put","key":"tag:a:b"}`+"\n") }), lading.ErrInternal},
	{"a page of long lines without end", "stream", answerWith(lineType, func(w http.ResponseWriter) {
		forever(w, `{"op":"put","key":"`+strings.Repeat("k", 500_000)+"\"}\n")
	}), lading.ErrInternal},
	{"an event without end", "watch", answerWith(lineType, func(w http.ResponseWriter) { forever(w, "x") }), lading.ErrInternal},
	{"a server-sent event without end", "watch", answerWith("text/event-stream", func(w http.ResponseWriter) { forever(w, "data: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n") }), lading.ErrInternal},
	{"no events", "watch", answerWith("text/html", func(w http.ResponseWriter) { fmt.Fprint(w, "<p>") }), lading.ErrInternal},
	{"events that are none", "watch", answerWith(lineType, func(w http.ResponseWriter) { fmt.Fprintln(w, `{"event":"tag.created","data":{"specversion":"0.3"}}`) }), lading.ErrInternal},
	{"a huge manifest", "manifest", answerWith(imageType, func(w http.ResponseWriter) { forever(w, "{}") }), lading.ErrInternal},
	{"another manifest", "by digest", answerWith(imageType, func(w http.ResponseWriter) { fmt.Fprint(w, "wrong") }), lading.ErrDigestInvalid},
	{"another manifest that says so", "by digest", answerWith(imageType, func(w http.ResponseWriter) {
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("wrong")))
		fmt.Fprint(w, "wrong")
	}), lading.ErrInternal},
	{"a manifest that is not what it says", "manifest", answerWith(imageType, func(w http.ResponseWriter) {
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("right")))
		fmt.Fprint(w, "wrong")
	}), lading.ErrDigestInvalid},
	{"a digest that cannot be verified", "manifest", answerWith(imageType, func(w http.ResponseWriter) {
		w.Header().Set("Docker-Content-Digest", "md5:d41d8cd98f00b204e9800998ecf8427e")
	}), lading.ErrInternal},
	{"a digest that is none", "manifest", answerWith(imageType, func(w http.ResponseWriter) { w.Header().Set("Docker-Content-Digest", "../../x") }), lading.ErrInternal},
	{"another digest", "resolve", answerWith(imageType, func(w http.ResponseWriter) {
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("wrong")))
	}), lading.ErrInternal},
	{"another blob", "blob", answerWith("x/x", func(w http.ResponseWriter) { fmt.Fprint(w, "wrong") }), lading.ErrDigestInvalid},
	{"a blob of no length", "blob", answerWith("x/x", func(w http.ResponseWriter) { forever(w, "x") }), lading.ErrInternal},
	{"a blob that breaks off, always", "blob", answerWith("x/x", func(w http.ResponseWriter) { w.Header().Set("Content-Length", "5") }), lading.ErrUnavailable},
	{"a part of another blob", "blob", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			w.Header().Set("Content-Range", "bytes 2-7/8")
			w.WriteHeader(http.StatusPartialContent)
			return
		}
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "ri")
	}, lading.ErrInternal},
	{"an upload nowhere", "upload", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }, lading.ErrInternal},
	{"an upload of odd length", "resume", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/x")
		w.Header().Set("Range", "0-9223372036854775807")
		w.WriteHeader(http.StatusNoContent)
	}, lading.ErrInternal},
	{"it took another manifest", "put", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Docker-Content-Digest", string(digest.FromString("wrong")))
		w.WriteHeader(http.StatusCreated)
	}, lading.ErrInternal},
	{"a circle of redirects", "manifest", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
	}, lading.ErrUnavailable},
	{"a PUT that becomes a GET", "put", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
		w.WriteHeader(http.StatusCreated)
	}, lading.ErrUnavailable},
	{"an error without end", "manifest", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		forever(w, `{"errors":[`)
	}, lading.ErrDenied},
	{"headers without end", "manifest", func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 8<<10))
		}
	}, lading.ErrUnavailable},
	{"no answer", "manifest", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, lading.ErrUnavailable},
	{"half an answer", "manifest", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, lading.ErrUnavailable},
	{"a stream that says no more", "watch", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", lineType)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, lading.ErrUnavailable},
	{"a stream that is cut", "watch", answerWith(lineType, func(w http.ResponseWriter) { fmt.Fprintln(w, `{"event":"synced","data":{}}`) }), lading.ErrUnavailable},
	{"try again next year", "manifest", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "31536000")
		w.WriteHeader(http.StatusTooManyRequests)
	}, lading.ErrTooManyRequests},
	{"a logo without end", "logo", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/logo") {
			forever(w, "<svg>")
		}
		fmt.Fprint(w, "{}")
	}, lading.ErrInternal},
}

// maxMemory is what any of these may allocate in all, in bytes: some times the
// largest answer, which a growing buffer copies again and again.
const maxMemory = 200 << 20

func TestHostile(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			patience := 20 * time.Second
			if tt.want == lading.ErrUnavailable {
				patience = 300 * time.Millisecond // it may be the patience that ends it
			}
			reg := scripted(t, tt.do, client.Options{Timeout: patience, Idle: patience, Retries: 2})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := ask[tt.ask](t.Context(), reg)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, tt.want) {
				t.Errorf("want %s, got %v", tt.want.(*lading.Error).Code, err)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > maxMemory {
				t.Errorf("it took %d MB", used>>20)
			}
			if len(err.Error()) > 10<<10 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

// Credentials stay with the registry, wherever it leads.
func TestCredentialsStay(t *testing.T) {
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Method+" "+r.Header.Get("Authorization"))
		w.Header().Set("Www-Authenticate", `Basic realm="give"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer other.Close()
	asked := map[string]bool{}
	reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		switch user, _, _ := r.BasicAuth(); {
		case user != "ada":
			w.Header().Set("Www-Authenticate", `Basic realm="here"`)
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodPost:
			w.Header().Set("Location", other.URL+"/upload")
			w.WriteHeader(http.StatusAccepted)
		default:
			http.Redirect(w, r, other.URL+"/content", http.StatusTemporaryRedirect)
		}
	}, client.Options{Retries: -1, Credentials: func(_ context.Context, host string) (client.Credential, error) {
		asked[host] = true
		return client.Credential{Username: "ada", Password: "secret"}, nil
	}})
	for range 2 {
		if err := ask["blob"](t.Context(), reg); !errors.Is(err, lading.ErrUnauthorized) {
			t.Errorf("elsewhere nobody is signed in: %v", err)
		}
	}
	up, err := reg.StartBlob(t.Context(), "acme/web", lading.Descriptor{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.Commit(t.Context(), digest.FromString("")); !errors.Is(err, lading.ErrUnauthorized) {
		t.Errorf("an upload elsewhere: %v", err)
	}
	if err := ask["put"](t.Context(), reg); err == nil || !strings.Contains(err.Error(), "redirected to another host") {
		t.Errorf("a manifest is sent elsewhere: %v", err)
	}
	for _, got := range elsewhere {
		if strings.TrimSpace(got) != "GET" && strings.TrimSpace(got) != "PUT" {
			t.Errorf("elsewhere came %q", got)
		}
	}
	if len(elsewhere) != 3 || len(asked) != 1 || !asked[reg.Host()] {
		t.Errorf("elsewhere %q, credentials were wanted for %v", elsewhere, asked)
	}
}

// Redirects are followed a few times.
func TestRedirects(t *testing.T) {
	for _, tt := range []struct {
		times int
		want  error
	}{{5, lading.ErrDigestInvalid}, {6, lading.ErrUnavailable}} {
		asked := 0
		reg := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked <= tt.times {
				http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
			}
		}, client.Options{Retries: -1})
		if err := ask["by digest"](t.Context(), reg); !errors.Is(err, tt.want) || asked != 6 {
			t.Errorf("%d redirects: asked %d times, %v", tt.times, asked, err)
		}
	}
}

// Whoever talks TLS is not led away from it.
func TestTLS(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was led away") }))
	defer plain.Close()
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.Header().Set("Location", plain.URL+"/upload")
			w.WriteHeader(http.StatusAccepted)
		case strings.HasSuffix(r.URL.Path, "/tags/list"):
			fmt.Fprint(w, `{"tags":["1"]}`)
		default:
			http.Redirect(w, r, plain.URL+"/content", http.StatusTemporaryRedirect)
		}
	}))
	defer web.Close()
	reg := newClient(t, web.URL, client.Options{Transport: web.Client().Transport, Retries: -1})
	if names, err := reg.Tags(t.Context(), "acme/web", "", 1); err != nil || len(names.Names) != 1 {
		t.Errorf("%+v, %v", names, err)
	}
	for name, want := range map[string]error{"upload": lading.ErrInternal, "blob": lading.ErrUnavailable, "manifest": lading.ErrUnavailable} {
		if err := ask[name](t.Context(), reg); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	distrusting := newClient(t, web.URL, client.Options{Retries: -1})
	if err := ask["tags"](t.Context(), distrusting); !errors.Is(err, lading.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}
