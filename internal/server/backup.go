package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/lading-dev/lading/internal/sqldb"
)

// backup sends a copy of a SQLite catalog as it is now, while pushes go on. The
// blobs that it names are in the directory already, so whoever copies that
// directory afterwards has all of them.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	f, err := s.copyCatalog(r)
	if errors.Is(err, sqldb.ErrNoCopy) {
		tell(w, http.StatusNotImplemented, "the catalog is on PostgreSQL: copy it with pg_dump\n")
		return
	}
	if err != nil {
		s.log.Error("the catalog could not be copied", "error", err)
		tell(w, http.StatusInternalServerError, "the catalog could not be copied: see the log\n")
		return
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		tell(w, http.StatusInternalServerError, "the copy could not be read\n")
		return
	}
	w.Header().Set("Content-Type", "application/vnd.sqlite3")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10)) // so that a copy that breaks off is told from a whole one
	_, _ = io.Copy(w, f)                                          // the client sees that bytes are missing
}

// copyCatalog returns a copy without a name: it is gone when it is closed, or
// when the process ends.
func (s *Server) copyCatalog(r *http.Request) (*os.File, error) {
	dir, err := os.MkdirTemp(s.data, ".backup-")
	if err != nil {
		return nil, fmt.Errorf("place for the copy: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "catalog.db")
	if err := s.db.CopyTo(r.Context(), path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the copy: %w", err)
	}
	return f, nil
}
