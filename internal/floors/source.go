package floors

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// source is what the Go files of a directory import of the project, as
// directories: the product's files only, not its tests'.
type source struct {
	imports map[string]string // directory -> the file that imports it
}

// parseSources reads every package of the module in fsys. Directories that Go
// does not build (testdata, and names that begin with "." or "_") and nested
// modules are left out.
func parseSources(fsys fs.FS, module string) (map[string]source, error) {
	found := map[string]source{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && foreign(fsys, name):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		dir := path.Dir(name)
		if _, seen := found[dir]; !seen {
			found[dir] = source{imports: map[string]string{}}
		}
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		imports, err := projectImports(fsys, name, module)
		for _, i := range imports {
			found[dir].imports[i] = name
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the packages: %w", err)
	}
	return found, nil
}

func foreign(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if dir == "." {
		return false
	}
	if base == "testdata" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

// projectImports returns the directories of the project's own packages that a
// file imports.
func projectImports(fsys fs.FS, name, module string) ([]string, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
		}
		if imported == module {
			dirs = append(dirs, ".")
		} else if dir, ok := strings.CutPrefix(imported, module+"/"); ok {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs, nil
}
