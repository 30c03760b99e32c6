package arttype

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	paths "path"
	"slices"
	"strings"
)

// BuiltIns returns the definitions that come with the binary. A test holds that
// there is no mistake in them.
func BuiltIns() ([]Sourced, Mistakes) {
	types, err := fs.Sub(embedded, "types")
	if err != nil {
		return nil, Mistakes{{Reason: err.Error()}}
	}
	return Load(types, BuiltIn)
}

// maxFiles bounds the definitions that are read from one directory.
const maxFiles = MaxTypes

// Load reads the definitions, *.json, of a directory, in the order of their
// names, and the logos beside them. It does not go into directories below, nor
// read names that begin with a dot. A file that cannot be used is told in the
// mistakes; the others are returned.
func Load(dir fs.FS, source Source) (defs []Sourced, mistakes Mistakes) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, Mistakes{{Reason: fmt.Sprintf("the directory cannot be read: %v", err)}}
	}
	for _, e := range entries {
		name := e.Name()
		if paths.Ext(name) != ".json" || strings.HasPrefix(name, ".") {
			continue
		}
		if len(defs) >= maxFiles {
			return defs, append(mistakes, Mistake{File: name, Reason: fmt.Sprintf("there are more than %d files", maxFiles)})
		}
		d, wrong := LoadFile(dir, name, source)
		mistakes = append(mistakes, wrong...)
		if d.Definition != nil {
			defs = append(defs, d)
		}
	}
	return defs, mistakes
}

// LoadFile reads one definition and its logo. Its Definition is nil when it
// cannot be used; without its logo it can be.
func LoadFile(dir fs.FS, name string, source Source) (Sourced, Mistakes) {
	data, err := readFile(dir, name, MaxDefinition)
	if err != nil {
		return Sourced{}, Mistakes{{File: name, Reason: err.Error()}}
	}
	def, err := Parse(data)
	if err != nil {
		var ms Mistakes
		errors.As(err, &ms) // Parse returns no others
		return Sourced{}, slices.Clone(ms).in(name)
	}
	d := Sourced{Definition: def, Source: source, File: name}
	if def.Logo == "" || def.InlineLogo() {
		return d, nil
	}
	logo := paths.Join(paths.Dir(name), def.Logo)
	if d.SVG, err = readFile(dir, logo, MaxLogo); err != nil {
		return d, Mistakes{def.mistake("logo", fmt.Sprintf("%s: %v", def.Logo, err))}.in(name)
	}
	if _, err := SanitizeLogo(d.SVG); err != nil {
		d.SVG = nil
		return d, Mistakes{def.mistake("logo", fmt.Sprintf("%s: %v", def.Logo, err))}.in(name)
	}
	return d, nil
}

// readFile reads a file of at most so many bytes.
func readFile(dir fs.FS, name string, most int64) ([]byte, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("is not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("is larger than %d KiB", most>>10)
	}
	return data, nil
}
