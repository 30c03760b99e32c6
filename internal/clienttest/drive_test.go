package clienttest

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// drive is a client at work: the registry it is driven against and the
// commands that were given.
type drive struct {
	*testing.T
	addr     string // host:port
	commands []string
}

// ref is a name in the registry.
func (d *drive) ref(name string) string { return d.addr + "/" + name }

// tool finds a program and notes what it is told to do.
func (d *drive) tool(name string) tool {
	d.Helper()
	return d.noted(newTool(d.T, name))
}

// What is another in every run: the path of a test's directory, and the port
// of a registry or of a proxy before it.
var (
	temporary = regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/Test[^/]*/\d+/`)
	loopback  = regexp.MustCompile(`127\.0\.0\.1:\d+`)
)

func (d *drive) noted(c tool) tool {
	c.said = func(command []string) {
		words := make([]string, len(command))
		for i, w := range command {
			w = temporary.ReplaceAllString(loopback.ReplaceAllString(w, "127.0.0.1:5000"), "")
			if strings.ContainsAny(w, " \"{$*\n") {
				w = "'" + w + "'"
			}
			words[i] = w
		}
		d.commands = append(d.commands, strings.Join(words, " "))
	}
	return c
}

// cursor is the registry's position now.
func (d *drive) cursor() string {
	d.Helper()
	return list(d.T, "http://"+d.addr+"/v2/_lading/list/manifests?since=now", nil, http.StatusOK).Cursor
}

// unchangedSince checks that nothing that can be seen has changed.
func (d *drive) unchangedSince(cursor string) {
	d.Helper()
	delta := list(d.T, "http://"+d.addr+"/v2/_lading/list/manifests?since="+cursor, nil, http.StatusOK)
	if len(delta.Items) > 0 {
		d.Errorf("written again: %+v", delta.Items)
	}
}

// with returns the program with flags that stand before all others.
func (c tool) with(t *testing.T, flags ...string) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		return c.run(t, append(append([]string(nil), flags...), args...)...)
	}
}

// put writes a file into the program's directory.
func (c tool) put(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, text)
	return path
}

// containerfile is an image of one file, that no program need be run for.
const containerfile = "FROM scratch\nCOPY greeting /etc/greeting\nLABEL colour=blue\nCMD [\"/etc/greeting\"]\n"
