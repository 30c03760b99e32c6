package spectest

import (
	"fmt"
	"path/filepath"
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
	a := send(t, w.addr(), m)
	wrong, err := s.compare(e, a)
	if err != nil {
		return err
	}
	wrong = append(wrong, wrongWith(m, a)...)
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
	for i, line := range e.want[1:] {
		if line == "" {
			return append(wrong, s.body(strings.Join(e.want[i+2:], "\n"), a.body)...), nil
		}
		w, err := s.header(line, values)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, w...)
	}
	return wrong, nil
}

func (s *script) header(line string, values map[string][]string) ([]string, error) {
	name, want, ok := strings.Cut(line, ":")
	if !ok {
		return nil, fmt.Errorf("%q is no header", line)
	}
	want = strings.TrimSpace(want)
	vs := values[name]
	if len(vs) == 0 {
		if want == "" {
			return nil, nil
		}
		return []string{fmt.Sprintf("no %s, want %s", name, want)}, nil
	}
	got := vs[0]
	values[name] = vs[1:]
	if variable, ok := strings.CutPrefix(want, "${="); ok {
		s.text[strings.TrimSuffix(variable, "}")] = got
		return nil, nil
	}
	want, err := s.expand(want)
	if err != nil || want == got {
		return nil, err
	}
	if begin, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, begin) {
		return nil, nil
	}
	return []string{fmt.Sprintf("%s is %q, want %q", name, got, want)}, nil
}

func (s *script) body(want, got string) []string {
	want, err := s.expand(want)
	if err != nil {
		return []string{err.Error()}
	}
	got = strings.TrimSuffix(got, "\n")
	if begin, ok := strings.CutSuffix(want, "…"); ok && strings.HasPrefix(got, begin) || got == want {
		return nil
	}
	return []string{fmt.Sprintf("the body is\n%.1000s\nwant\n%.1000s", got, want)}
}
