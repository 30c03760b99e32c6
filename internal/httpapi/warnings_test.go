package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func warningsOf(texts ...string) []string {
	head := http.Header{}
	setWarnings(head, texts)
	return head["Warning"]
}

func TestWarnings(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{`This image is deprecated.`, `299 - "This image is deprecated."`},
		{`a "quoted" \ text`, `299 - "a \"quoted\" \\ text"`},
		{"two\r\nlines\tand é\x00", `299 - "two  lines and ??"`},
	} {
		if got := warningsOf(test.text); len(got) != 1 || got[0] != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
	if got := warningsOf(); got != nil {
		t.Errorf("no text: %q", got)
	}
	// As many as there is room for, the last cut.
	many := warningsOf(strings.Repeat("a", 3000), strings.Repeat("b", 3000), "c")
	if len(many) != 2 || total(many) > maxWarnings || total(many) < maxWarnings-8 || !strings.HasSuffix(many[1], `b"`) {
		t.Errorf("%d warnings of %d bytes", len(many), total(many))
	}
	// A quoted pair is not cut in two.
	if got := warningsOf(strings.Repeat(`"`, 5000)); total(got) > maxWarnings || !quotedString.MatchString(got[0]) {
		t.Errorf("%d bytes, ending in %q", total(got), got[0][len(got[0])-5:])
	}
}

func total(values []string) (n int) {
	for _, v := range values {
		n += len(v)
	}
	return n
}

// quotedString is a warning with no date, in quotes that close (RFC 9110,
// 5.6.4).
var quotedString = regexp.MustCompile(`^299 - "([ !#-\[\]-~]|\\["\\])*"$`)

// FuzzWarnings: whatever the texts, the headers are of the form and the size
// that the distribution-spec demands ("Warnings").
func FuzzWarnings(f *testing.F) {
	f.Add("a", "b")
	f.Add("\"\\\r\n\xff", strings.Repeat("é", 5000))
	f.Fuzz(func(t *testing.T, a, b string) {
		got := warningsOf(a, b, a)
		if n := total(got); n > maxWarnings {
			t.Errorf("%d bytes", n)
		}
		for _, v := range got {
			if !quotedString.MatchString(v) {
				t.Errorf("%q", v)
			}
		}
	})
}
