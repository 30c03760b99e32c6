package spectest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/conformance"
)

const discoveryFile = "../../docs/spec/discovery.md"

func discoveryText(t *testing.T) string {
	raw, err := os.ReadFile(discoveryFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// discoveryScript are the exchanges of the document, in their order, and the
// requirements that they are examples of.
func discoveryScript(t *testing.T) (*script, []string) {
	var lines, ids []string
	inside := false
	for _, line := range strings.Split(discoveryText(t), "\n") {
		id, begins := strings.CutPrefix(line, "```exchange ")
		switch {
		case begins:
			inside, ids = true, append(ids, id)
			line = ""
		case strings.HasPrefix(line, "```"), !inside:
			inside, line = false, ""
		}
		lines = append(lines, line) // at its place, so that a line has its number
	}
	s, err := parseScript(discoveryFile, strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.joined = true
	return s, ids
}

// TestDiscoveryExchanges plays the exchanges of docs/spec/discovery.md.
func TestDiscoveryExchanges(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		s, _ := discoveryScript(t)
		api := readOpenAPI(t)
		s.also = api.wrong
		defer func() {
			if !t.Failed() && api.checked < 30 {
				t.Errorf("%d answers were compared with the schemas", api.checked)
			}
		}()
		for _, e := range s.exchanges {
			if err := s.play(t, w, e); err != nil {
				t.Fatalf("%s:%d: %v", s.file, e.line, err)
			}
		}
	})
}

// TestDiscoveryRequirements: what the document requires is what the suite
// tests, in the same words, and its exchanges are examples of that.
func TestDiscoveryRequirements(t *testing.T) {
	var written, tested []string
	for _, m := range regexp.MustCompile(`(?m)^\| ([A-Z]+-\d+) \| ([A-Z]+) \| (.*) \|$`).FindAllStringSubmatch(discoveryText(t), -1) {
		written = append(written, m[1]+" "+m[2]+" "+m[3])
	}
	var ids []string
	for _, c := range conformance.Cases() {
		tested = append(tested, c.ID+" "+string(c.Level)+" "+c.Title)
		ids = append(ids, c.ID)
	}
	for _, w := range written {
		if !slices.Contains(tested, w) {
			t.Errorf("the document requires what no case tests: %s", w)
		}
	}
	for _, c := range tested {
		if n := len(slices.DeleteFunc(slices.Clone(written), func(w string) bool { return w != c })); n != 1 {
			t.Errorf("the document requires %d times: %s", n, c)
		}
	}
	_, examples := discoveryScript(t)
	if len(examples) < 15 {
		t.Errorf("%d exchanges", len(examples))
	}
	for _, id := range examples {
		if id != "setup" && !slices.Contains(ids, id) {
			t.Errorf("an exchange is an example of %q, which is no requirement", id)
		}
	}
}
