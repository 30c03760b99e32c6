package source

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// openTar opens an OCI layout in a tar file, which is read in place.
func openTar(place string, opt Options) (Source, error) {
	if opt.Kind != Auto && opt.Kind != OCILayout {
		return nil, fmt.Errorf("%s is a file, not a directory as for %s", place, opt.Kind)
	}
	f, err := os.Open(place)
	if err != nil {
		return nil, err
	}
	files, err := indexTar(f)
	if err == nil && !isLayout(files, ".") {
		err = errors.New("it has no index.json")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is not a tar file of an OCI layout (unpack a compressed one first): %w", place, err), f.Close())
	}
	s := &layouts{files: files, place: place, kind: OCILayout, end: f.Close}
	return s, s.call(opt.Name, place)
}

// tarFS is the regular files of an uncompressed tar file, by name. It
// implements fs.FS, fs.StatFS and fs.ReadDirFS.
type tarFS map[string]*tarEntry

type tarEntry struct {
	header  *tar.Header
	content *io.SectionReader
}

// indexTar reads the headers. A later entry of a name replaces an earlier one.
func indexTar(f io.ReaderAt) (tarFS, error) {
	files, at := tarFS{}, io.NewSectionReader(f, 0, 1<<62)
	r := tar.NewReader(at)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		begin, err := at.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		files[path.Clean(strings.TrimPrefix(h.Name, "/"))] = &tarEntry{h, io.NewSectionReader(f, begin, h.Size)}
	}
}

func (t tarFS) Open(name string) (fs.File, error) {
	e, ok := t[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &tarFile{io.NewSectionReader(e.content, 0, e.content.Size()), e}, nil
}

func (t tarFS) Stat(name string) (fs.FileInfo, error) {
	e, ok := t[name]
	if !ok {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return e.header.FileInfo(), nil
}

// ReadDir tells names alone: of a directory, what its first file's header
// says.
func (t tarFS) ReadDir(dir string) ([]fs.DirEntry, error) {
	found := map[string]fs.DirEntry{}
	for name, e := range t {
		rest, ok := strings.CutPrefix(name, strings.TrimPrefix(dir+"/", "./"))
		if !ok {
			continue
		}
		first, _, deeper := strings.Cut(rest, "/")
		if !deeper || found[first] == nil {
			found[first] = tarName{fs.FileInfoToDirEntry(e.header.FileInfo()), first, deeper}
		}
	}
	if len(found) == 0 {
		return nil, &fs.PathError{Op: "readdir", Path: dir, Err: fs.ErrNotExist}
	}
	var out []fs.DirEntry
	for _, e := range found {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// tarName is an entry of a directory.
type tarName struct {
	fs.DirEntry
	name string
	dir  bool
}

func (n tarName) Name() string { return n.name }
func (n tarName) IsDir() bool  { return n.dir }

// tarFile is an open file.
type tarFile struct {
	*io.SectionReader
	entry *tarEntry
}

func (f *tarFile) Stat() (fs.FileInfo, error) { return f.entry.header.FileInfo(), nil }
func (f *tarFile) Close() error               { return nil }
