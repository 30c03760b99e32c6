package floors

import (
	"fmt"
	"io/fs"
	"slices"
)

// Check returns what is wrong with the module in fsys: where the tree in its
// ARCHITECTURE.md and its packages differ, and which import breaks a rule. An
// empty answer means that all is well.
func Check(fsys fs.FS, module string) ([]string, error) {
	text, err := fs.ReadFile(fsys, "ARCHITECTURE.md")
	if err != nil {
		return nil, fmt.Errorf("read the tree: %w", err)
	}
	t, err := parseTree(string(text))
	if err != nil {
		return nil, err
	}
	sources, err := parseSources(fsys, module)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for dir := range t {
		if _, ok := sources[dir]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s is in the tree, but there is no such package", dir))
		}
	}
	for dir, src := range sources {
		if _, ok := t[dir]; !ok {
			wrong = append(wrong, fmt.Sprintf("%s is a package, but not in the tree of ARCHITECTURE.md", dir))
			continue
		}
		for imported, file := range src.imports {
			if why := t.forbids(dir, imported); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s: imports %s: %s", file, imported, why))
			}
		}
	}
	slices.Sort(wrong)
	return wrong, nil
}

// forbids says why a package of directory from may not import that of to, or
// nothing if it may.
func (t tree) forbids(from, to string) string {
	a := t[from]
	b, known := t[to]
	switch {
	case !known:
		return "it is not in the tree"
	case b.tests && !a.tests:
		return "it is for tests"
	case a.wordsOnly && to != ".":
		return fmt.Sprintf("%s may use the words of the root package alone", from)
	case b.number >= a.number:
		return fmt.Sprintf("floor %d is not below %d", b.number, a.number)
	}
	return ""
}
