package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	"github.com/lading-dev/lading/internal/config"
)

const head = `# Configuration reference

<!-- Generated from the comments of internal/config by go generate: change them there. -->

Every key of the file that 'lading serve --config FILE' reads, with its default. [lading.example.yaml](../lading.example.yaml) is
such a file with all of them. A key that is not known, or stands twice, is refused with its line: 'lading config check FILE' tells
every mistake at once, and 'lading config show --config FILE' what is in force, without secrets.

Durations have a unit: 90s, 15m, 24h, 30d. Sizes too: 512B, 64KiB, 4MiB, 1GiB.
`

// reference is the text of the reference, from the file of the struct.
func reference(file string) (string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("read the comments: %w", err)
	}
	structs := structsOf(f)
	w := writer{left: map[string]bool{}, structs: structs}
	for _, key := range config.Keys() {
		w.left[key] = true
	}
	w.b.WriteString(strings.ReplaceAll(head, "'", "`"))
	root := structs["Config"]
	w.fields(root.fields)
	for _, field := range root.fields {
		if s, ok := structs[typeName(field)]; ok {
			w.group(s)
		}
	}
	if len(w.left) > 0 {
		return "", fmt.Errorf(`keys without a comment "Field (key) …": %v`, w.left)
	}
	return w.b.String(), w.err
}

type structure struct {
	name   string
	doc    string
	fields []*ast.Field
}

func structsOf(f *ast.File) map[string]structure {
	found := map[string]structure{}
	ast.Inspect(f, func(n ast.Node) bool {
		g, ok := n.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			return true
		}
		t := g.Specs[0].(*ast.TypeSpec)
		if s, ok := t.Type.(*ast.StructType); ok {
			found[t.Name.Name] = structure{t.Name.Name, g.Doc.Text(), s.Fields.List}
		}
		return false
	})
	return found
}

func typeName(f *ast.Field) string {
	if id, ok := f.Type.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

type writer struct {
	b       strings.Builder
	left    map[string]bool // keys that are still to be told
	structs map[string]structure
	err     error
}

// group writes a group of keys under its own heading.
func (w *writer) group(s structure) {
	doc := strings.TrimPrefix(words(s.doc), s.name+" ")
	fmt.Fprintf(&w.b, "\n## %[1]s\n\n`%[1]s` %[2]s\n", strings.ToLower(s.name), doc)
	w.fields(s.fields)
	for _, f := range s.fields { // a group in a group
		if inner, ok := w.structs[typeName(f)]; ok && len(inner.fields) > 0 && described.MatchString(inner.fields[0].Doc.Text()) {
			fmt.Fprintf(&w.b, "\n### %s.%s\n\n`%[2]s` %[3]s\n", strings.ToLower(s.name), strings.ToLower(inner.name), strings.TrimPrefix(words(inner.doc), inner.name+" "))
			w.fields(inner.fields)
		}
	}
}

// described is the form of a field's comment: its name, its key, and what the
// key does.
var described = regexp.MustCompile(`(?s)^\w+ \(([a-z_.]+)\) (.*)$`)

func (w *writer) fields(fields []*ast.Field) {
	for _, f := range fields {
		m := described.FindStringSubmatch(f.Doc.Text())
		if m == nil {
			continue
		}
		if key := m[1]; !w.left[key] {
			w.err = fmt.Errorf("%s is not a key, or told twice", key)
		} else {
			delete(w.left, key)
			fmt.Fprintf(&w.b, "\n**`%s`** %s Default: `%s`.\n", key, words(m[2]), value(key))
		}
	}
}

// value is the default of a key, without the quotes of a text.
func value(key string) string {
	text := config.Default().Value(key)
	if s, err := strconv.Unquote(text); err == nil && s != "" {
		return s
	}
	return text
}

// words joins the lines of a comment.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }
