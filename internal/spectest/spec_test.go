package spectest

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "crypto/sha256" // make the algorithms of go-digest available
	_ "crypto/sha512"

	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/config"
)

// TestScripts plays testdata/*.txt against registries on both catalogs, and
// afterwards holds the catalog against its own rules.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scripts: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			first, err := readScript(file)
			if err != nil {
				t.Fatal(err)
			}
			sparse := func(c *config.Config) {
				if first.sparse {
					c.Manifests.Sparse = config.Allow
				}
			}
			each(t, sparse, func(t *testing.T, w *world) { playFile(t, w, file) })
		})
	}
}

func playFile(t *testing.T, w *world, file string) {
	s, err := readScript(file)
	if err != nil {
		t.Fatal(err)
	}
	api := readOpenAPI(t)
	s.also = api.wrong
	for _, e := range s.exchanges {
		if e.restart {
			w.restart()
		}
		if err := s.play(t, w, e); err != nil {
			t.Fatalf("%s:%d: %v", file, e.line, err)
		}
	}
	check := catalogcheck.Check
	if s.missing {
		check = catalogcheck.CheckSparse
	}
	for _, wrong := range check(t.Context(), w.srv.Catalog().DB()) {
		t.Errorf("the catalog: %s", wrong)
	}
}

// play sends one request and compares the answer; an error is of the script.
func (s *script) play(t *testing.T, w *world, e exchange) error {
	if err := s.name(e); err != nil {
		return err
	}
	m, err := s.message(e)
	if err != nil {
		return err
	}
	var a answer
	if e.stream {
		a = sendUntil(t, w.addr(), m, func(body string) bool { return s.body(wantedBody(e), body) == nil })
	} else {
		a = send(t, w.addr(), m)
	}
	wrong, err := s.compare(e, a)
	if err != nil {
		return err
	}
	wrong = append(wrong, wrongWith(m, a)...)
	if s.also != nil {
		wrong = append(wrong, s.also(m, a)...)
	}
	if a.status == 201 {
		wrong = append(wrong, pullable(t, w, m, a)...)
	}
	if len(wrong) > 0 {
		t.Errorf("%s:%d: %s\n  %s\nanswered %d\n%v\n%.500s", s.file, e.line, m.line, strings.Join(wrong, "\n  "), a.status, a.header, a.body)
	}
	return nil
}

// pullable follows the Location of what was created (distribution-spec,
// "Pushing": it is a pullable URL), unless its creator may not read.
func pullable(t *testing.T, w *world, m message, a answer) []string {
	head := message{line: "HEAD " + strings.TrimPrefix(a.header.Get("Location"), "http://"+w.addr())}
	for _, h := range m.header {
		if strings.HasPrefix(h, userHeader) {
			head.header = append(head.header, h)
		}
	}
	got := send(t, w.addr(), head)
	if d := a.header.Get("Docker-Content-Digest"); got.status != 200 || got.header.Get("Docker-Content-Digest") != d {
		if strings.Contains(strings.Join(m.header, " "), "carol") && got.status == 404 {
			return nil
		}
		return []string{fmt.Sprintf("what was created is not at %s: %d %s", head.line, got.status, got.header.Get("Docker-Content-Digest"))}
	}
	return nil
}

// compare holds an answer against what is wanted of it.
func (s *script) compare(e exchange, a answer) (wrong []string, err error) {
	if len(e.want) == 0 {
		return nil, fmt.Errorf("nothing is wanted of the answer")
	}
	got := fmt.Sprint(a.status)
	if a.status >= 400 && a.body != "" {
		code, _ := errorOf(a)
		got += " " + code
	}
	if got != e.want[0] {
		wrong = append(wrong, fmt.Sprintf("%s, want %s", got, e.want[0]))
	}
	values := a.header.Clone()
	for _, line := range e.want[1:] {
		if line == "" {
			return append(wrong, s.body(wantedBody(e), a.body)...), nil
		}
		w, err := s.header(line, values)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, w...)
	}
	return wrong, nil
}

// wantedBody is the body that an exchange wants, in lines.
func wantedBody(e exchange) []string {
	i := slices.Index(e.want, "")
	if i < 0 {
		return nil
	}
	return e.want[i+1:]
}

func (s *script) header(line string, values map[string][]string) ([]string, error) {
	name, want, ok := strings.Cut(line, ":")
	if !ok {
		return nil, fmt.Errorf("%q is no header", line)
	}
	want, key := strings.TrimSpace(want), http.CanonicalHeaderKey(name)
	vs := values[key]
	if len(vs) == 0 {
		if want == "" {
			return nil, nil
		}
		return []string{fmt.Sprintf("no %s, want %s", name, want)}, nil
	}
	got := vs[0]
	values[key] = vs[1:]
	ok, err := s.match(want, got)
	if err != nil || ok {
		return nil, err
	}
	return []string{fmt.Sprintf("%s is %q, want %q", name, got, want)}, nil
}

func (s *script) body(lines []string, got string) []string {
	got, want := strings.TrimSuffix(got, "\n"), strings.Join(lines, "\n")
	if s.joined {
		want = ""
		for _, l := range lines {
			want += strings.TrimSpace(l)
		}
		got = strings.ReplaceAll(got, "\n", "")
	}
	ok, err := s.match(want, got)
	if err != nil {
		return []string{err.Error()}
	}
	if ok {
		return nil
	}
	return []string{fmt.Sprintf("the body is\n%.1000s\nwant\n%.1000s", got, want)}
}

// wild is what in a text that is wanted stands for others.
var wild = regexp.MustCompile(`…|\$\{=[a-z]+\}`)

// match compares a text with what is wanted, and names what is to be named.
func (s *script) match(want, got string) (bool, error) {
	var pattern strings.Builder
	var names []string
	pattern.WriteString("(?s)^")
	rest := want
	for {
		at := wild.FindStringIndex(rest)
		literal := rest
		if at != nil {
			literal = rest[:at[0]]
		}
		text, err := s.expand(literal)
		if err != nil {
			return false, err
		}
		pattern.WriteString(regexp.QuoteMeta(text))
		if at == nil {
			break
		}
		if name, ok := strings.CutPrefix(rest[at[0]:at[1]], "${="); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
			if rest == want && at[1] == len(want) {
				pattern.WriteString(`(.*)`)
			} else {
				pattern.WriteString(`([^"\s<>]+?)`)
			}
		} else {
			pattern.WriteString(`.*?`)
		}
		rest = rest[at[1]:]
	}
	found := regexp.MustCompile(pattern.String() + "$").FindStringSubmatch(got)
	for i, name := range names {
		if found != nil {
			s.text[name] = found[i+1]
		}
	}
	return found != nil, nil
}
