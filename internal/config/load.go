package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxFile is the size of the largest configuration file read, in bytes.
const MaxFile = 1 << 20

// Override is a value from elsewhere that wins over the file's.
type Override struct {
	Place string // where it comes from, such as "--listen"
	Key   string // one of Keys
	Value string // as it would stand in the file
}

// Load reads a configuration file; an empty path stands for a file that says
// nothing. Overrides win over the file. The result has been checked.
//
// Errors: what os.Open says, wrapped; a Mistakes with every mistake there is.
func Load(path string, overrides ...Override) (Config, error) {
	if path == "" {
		return Parse("", nil, overrides...)
	}
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, text, overrides...)
}

// Parse is Load of a file's text; name stands in the places of its mistakes.
func Parse(name string, text []byte, overrides ...Override) (Config, error) {
	l := loader{name: name, config: Default(), places: map[string]string{}}
	for _, o := range overrides {
		l.overridden = append(l.overridden, o.Key)
	}
	l.text(text)
	for _, o := range overrides {
		l.set(o.Place, o.Key, o.Value)
	}
	l.check()
	if len(l.mistakes) > 0 {
		return Config{}, l.mistakes
	}
	return l.config, nil
}

// loader fills a Config and remembers where each key stood.
type loader struct {
	name       string
	config     Config
	places     map[string]string // by key
	overridden []string
	mistakes   Mistakes
}

func (l *loader) text(text []byte) {
	if len(text) > MaxFile {
		l.wrong(l.name, "", "is larger than %v", ByteSize(MaxFile))
		return
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return // nothing but comments: the defaults
	}
	if err != nil {
		l.syntax(err)
		return
	}
	if err := dec.Decode(&more); err == nil {
		l.wrong(l.place(&more), "", "a second document begins here: write all keys in one")
	} else if !errors.Is(err, io.EOF) {
		l.syntax(err)
	}
	for _, root := range doc.Content { // one, always
		l.group("", root)
	}
}

// syntax reports an error of the YAML parser, which begins with "yaml: line
// 3: " when it knows the line.
func (l *loader) syntax(err error) {
	place, what := l.name, strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(what, "line "); ok {
		if line, said, ok := strings.Cut(rest, ": "); ok {
			place, what = l.name+":"+line, said
		}
	}
	l.wrong(place, "", "is not YAML: %s", what)
}

// group reads a mapping whose keys are below prefix ("" or "catalog.").
func (l *loader) group(prefix string, n *yaml.Node) {
	if n.Tag == "!!null" && n.Kind == yaml.ScalarNode {
		return // a group whose keys are all commented out
	}
	if n.Kind != yaml.MappingNode {
		l.wrong(l.place(n), strings.TrimSuffix(prefix, "."), "is not a group of keys: write %s, each with a value",
			siblings(prefix))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		key := prefix + name.Value
		if line, twice := seen[key]; twice {
			l.wrong(l.place(name), key, "is there twice: the first is in line %d", line)
			continue
		}
		seen[key] = name.Line
		l.entry(key, name, value)
	}
}

func (l *loader) entry(key string, name, value *yaml.Node) {
	switch {
	case name.Kind != yaml.ScalarNode || name.Value == "" || strings.Contains(name.Value, "."):
		l.wrong(l.place(name), "", "is not a key: write one of %s", siblings(key))
	case section(key):
		l.group(key+".", value)
	case keys[key].read == nil:
		l.wrong(l.place(name), key, "is not a key that is known here: write one of %s", siblings(key))
	case value.Kind != yaml.ScalarNode:
		l.wrong(l.place(value), key, "takes a single value")
	case value.Tag == "!!null":
		l.wrong(l.place(value), key, "has no value: write one, or leave the key out for its default")
	case !slices.Contains(l.overridden, key):
		l.set(l.place(value), key, value.Value)
	}
}

func (l *loader) set(place, key, text string) {
	l.places[key] = place
	read := keys[key].read
	if read == nil {
		l.wrong(place, key, "is not a key that is known here")
		return
	}
	if err := read(&l.config, text); err != nil {
		l.wrong(place, key, "%s", err)
	}
}

// check adds what is wrong with values that could be read.
func (l *loader) check() {
	found := mistakes(l.config)
	for _, m := range found {
		if l.mistakes.has(m.Key) {
			continue
		}
		m.Place = l.places[m.Key]
		if m.Place == "" {
			m.Place = l.name
		}
		l.mistakes = append(l.mistakes, m)
	}
}

func (l *loader) wrong(place, key, format string, args ...any) {
	l.mistakes = append(l.mistakes, Mistake{Place: place, Key: key, What: fmt.Sprintf(format, args...)})
}

func (l *loader) place(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d", l.name, n.Line)
}
