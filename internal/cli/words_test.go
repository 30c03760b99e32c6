package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/lading-dev/lading"
)

func TestPlaces(t *testing.T) {
	d := "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for text, want := range map[string]string{
		"h":                       "h",
		"h:5000":                  "h:5000",
		"h:5000/a/b":              "h:5000 a/b",
		"h/a/":                    "h a below",
		"h/":                      "h",
		"https://h:1/a:t":         "https h:1 a t",
		"http://h/a/b:t@" + d:     "http h a/b t " + d,
		"h/a@" + d:                "h a " + d,
		"[::1]:5000/a:1":          "[::1]:5000 a 1",
		"h/a:":                    "wrong",
		"h/a:b:c":                 "wrong",
		"h/A:1":                   "wrong",
		"/a:1":                    "wrong",
		"":                        "wrong",
		"h/a@sha256:12":           "wrong",
		"h/a//b:1":                "wrong",
		"h/a/../b:1":              "wrong",
		"ftp://h/a:1":             "wrong",
		"h/a:1?x=y":               "wrong",
		"u:p@h/a:1":               "wrong",
		"h/a:é":                   "wrong",
		"h.example/a b":           "wrong",
		"h/a@" + d + "@" + d:      "wrong",
		"h/a:t@" + d + "/x":       "wrong",
		"https://https://h/a":     "wrong",
		"h/a:t@sha256:" + d[7:70]: "wrong",
	} {
		p, err := parseRef(text)
		if err != nil {
			if q, e := parsePlace(text); e == nil {
				p, err = q, nil
			}
		}
		got := p.scheme + " " + p.host + " " + p.path
		if p.below {
			got += " below"
		}
		got += " " + p.tag + " " + string(p.digest)
		if err != nil {
			got = "wrong"
			if codeOf(err) != ExitUsage {
				t.Errorf("%q: %v", text, err)
			}
		}
		if squeeze(got) != want {
			t.Errorf("%q: %q, want %q", text, squeeze(got), want)
		}
	}
}

func squeeze(s string) (out string) {
	for _, w := range strings.Fields(s) {
		if out != "" {
			out += " "
		}
		out += w
	}
	return out
}

func TestWords(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m",
		time.Hour: "1h", 47*time.Hour + 59*time.Minute: "47h", 48 * time.Hour: "2d", 729 * 24 * time.Hour: "729d", 730 * 24 * time.Hour: "2y",
	} {
		if got := age(now, now.Add(-d)); got != want {
			t.Errorf("%s ago: %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB", 3 << 30: "3.0 GiB", 1<<63 - 1: "8.0 EiB"} {
		if got := size(n); got != want {
			t.Errorf("%d bytes: %q, want %q", n, got, want)
		}
	}
	for host, want := range map[string]bool{"localhost": true, "localhost:5000": true, "a.localhost": true, "127.0.0.1:1": true, "127.9.9.9": true, "[::1]:5000": true,
		"h": false, "10.0.0.1": false, "localhost.example": false, "127.0.0.1.example:1": false} {
		if loopback(host) != want {
			t.Errorf("%s: %v", host, !want)
		}
	}
}

func TestCodes(t *testing.T) {
	answer := func(status int) error { return &errcode.ErrorResponse{StatusCode: status} }
	for _, tt := range []struct {
		err  error
		code int
	}{
		{errors.New("x"), ExitFailed}, {usage("x"), ExitUsage}, {unsupported("x"), ExitUnsupported}, {errdef.ErrNotFound, ExitNotFound},
		{lading.ErrManifestUnknown, ExitNotFound}, {lading.ErrNameUnknown.With("x"), ExitNotFound}, {lading.ErrDenied, ExitDenied}, {lading.ErrConflict, ExitDenied},
		{lading.ErrUnauthorized, ExitDenied}, {lading.ErrUnsupported, ExitUnsupported}, {lading.ErrExtensionUnknown, ExitUnsupported},
		{lading.ErrParameterInvalid, ExitUsage}, {lading.ErrCursorExpired, ExitFailed}, {lading.ErrUnavailable, ExitFailed}, {auth.ErrBasicCredentialNotFound, ExitDenied},
		{answer(http.StatusNotFound), ExitNotFound}, {answer(http.StatusForbidden), ExitDenied}, {answer(http.StatusConflict), ExitDenied},
		{answer(http.StatusMethodNotAllowed), ExitUnsupported}, {answer(http.StatusInternalServerError), ExitFailed},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("wrapped: %w", tt.err), said("it", tt.err)} {
			var f *Failure
			if !errors.As(failureOf(err), &f) || f.ExitCode() != tt.code {
				t.Errorf("%v: %v, want %d", err, f, tt.code)
			}
		}
	}
	if failureOf(nil) != nil || said("it", nil) != nil {
		t.Error("nothing is a failure")
	}
}

// TestSchemes tells to whom HTTP is spoken.
func TestSchemes(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	for _, tt := range []struct {
		place string
		plain bool // without --plain-http
	}{{"h.example", false}, {"10.0.0.1:80", false}, {"http://h.example", true}, {"https://localhost", false}, {"localhost:5000", true}, {"[::1]", true}} {
		p, err := parsePlace(tt.place)
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range []bool{false, true} {
			c, err := (&connFlags{plainHTTP: flag}).dial(p)
			if err != nil || c.plain != (flag || tt.plain) {
				t.Errorf("%s, %v: %v, %v", tt.place, flag, c.plain, err)
			}
		}
	}
}
