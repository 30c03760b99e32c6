package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Options say how a source is opened.
type Options struct {
	// Kind is what the source is; empty is Auto.
	Kind Kind
	// Name is the repository that the content of a single OCI layout becomes;
	// empty takes the name of its directory or file.
	Name string
	// Repositories are the only ones wanted, for a registry that does not
	// list its own; empty for all.
	Repositories []string
	// Logger gets what a person may want to know of a registry's answers; nil
	// discards.
	Logger *slog.Logger
	// Transport is the way to a registry; nil is http.DefaultTransport.
	Transport http.RoundTripper
}

// Open opens the source at a place: a directory, a tar file with an OCI layout,
// or the http:// or https:// URL of a registry.
func Open(ctx context.Context, place string, opt Options) (Source, error) {
	src, err := open(ctx, place, opt)
	if err != nil || opt.Name == "" {
		return src, err
	}
	if s, ok := src.(*layouts); !ok || s.single == "" {
		return nil, errors.Join(fmt.Errorf("%s has repositories with names of their own: %q can be the name of a single OCI layout alone", src.Describe(), opt.Name), src.Close())
	}
	return src, nil
}

func open(ctx context.Context, place string, opt Options) (Source, error) {
	if opt.Kind == "" {
		opt.Kind = Auto
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	isURL := strings.HasPrefix(place, "http://") || strings.HasPrefix(place, "https://")
	switch {
	case isURL && (opt.Kind == Auto || opt.Kind == Registry):
		return openRegistry(ctx, place, opt)
	case isURL:
		return nil, fmt.Errorf("%s is a URL, not a directory as for %s", place, opt.Kind)
	case opt.Kind == Registry:
		return nil, fmt.Errorf("%s is not a URL: write http:// or https:// in front of the host", place)
	}
	info, err := os.Stat(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist; for a registry write http:// or https:// in front of the host", place)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return openTar(place, opt)
	}
	return openDirectory(ctx, place, opt)
}

func openDirectory(ctx context.Context, place string, opt Options) (Source, error) {
	if opt.Kind == Auto || opt.Kind == Distribution {
		for _, below := range []string{".", "v2", "registry/v2", "docker/registry/v2"} {
			root := filepath.Join(place, filepath.FromSlash(below))
			if isDir(filepath.Join(root, "repositories")) && isDir(filepath.Join(root, "blobs")) {
				return &distribution{os.DirFS(root), root}, nil
			}
		}
		if opt.Kind == Distribution {
			return nil, fmt.Errorf("%s has no docker/registry/v2 with repositories and blobs in it", place)
		}
	}
	s := &layouts{files: os.DirFS(place), place: place, kind: opt.Kind, end: func() error { return nil }}
	if isLayout(s.files, ".") && (opt.Kind == Auto || opt.Kind == OCILayout) {
		s.kind = OCILayout
		return s, s.call(opt.Name, place)
	}
	names, err := s.Repositories(ctx)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds nothing that is known here: neither docker/registry/v2 (distribution, Harbor) nor an OCI layout (index.json), nor directories with one (zot, olareg)", place)
	}
	if s.kind == Auto {
		s.kind = s.whose(names)
	}
	return s, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// call gives a single layout's repository its name.
func (s *layouts) call(name, place string) error {
	if name == "" {
		abs, err := filepath.Abs(place)
		if err != nil {
			return err
		}
		name = strings.TrimSuffix(filepath.Base(abs), ".tar")
	}
	s.single = name
	return nil
}

// whose tells zot's directories from olareg's, by what only one of them
// leaves; they are read in the same way.
func (s *layouts) whose(names []string) Kind {
	for _, f := range []string{"cache.db", "meta.db"} {
		if _, err := fs.Stat(s.files, f); err == nil {
			return Zot
		}
	}
	for _, name := range names {
		if _, err := fs.Stat(s.files, name+"/.uploads"); err == nil {
			return Zot
		}
		index, err := s.index(name + "/" + ocispec.ImageIndexFile)
		if err == nil && index.Annotations["org.olareg.referrer.convert"] != "" {
			return Olareg
		}
	}
	return OCILayout
}
