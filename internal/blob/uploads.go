package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// idLen is the length of an upload's id: crypto/rand.Text, base32.
const idLen = 26

// ownerLen is the number of hex digits of the owner's hash in a file name.
const ownerLen = 32

const stateSuffix = ".state"

// validID reports whether id has the form of one that newID made. Nothing
// else becomes part of a path.
func validID(id string) bool {
	if len(id) != idLen {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func newID() string { return rand.Text() }

// uploadName is the file name of an upload. The owner is part of it, so that
// the upload is simply not there for another one.
func uploadName(owner, id string) string {
	h := sha256.Sum256([]byte(owner))
	return id + "." + hex.EncodeToString(h[:ownerLen/2])
}

// isUploadName reports whether a file name is one of uploadName's.
func isUploadName(name string) bool {
	id, owner, ok := strings.Cut(name, ".")
	if !ok || !validID(id) || len(owner) != ownerLen {
		return false
	}
	_, err := hex.DecodeString(owner)
	return err == nil
}

func (s *Directory) uploadPath(name string) string { return filepath.Join(s.uploads(), name) }

// claim takes an upload for one user of this process.
func (s *Directory) claim(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.open[name]; busy {
		return false
	}
	s.open[name] = struct{}{}
	return true
}

func (s *Directory) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, name)
}

// Create implements [Store].
func (s *Directory) Create(ctx context.Context, owner string) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("blob: create upload: %w", err)
	}
	id := newID()
	name := uploadName(owner, id)
	s.claim(name) // the id is new: nobody has it
	f, err := s.fs.create(s.uploadPath(name))
	if err != nil {
		s.release(name)
		return nil, fmt.Errorf("blob: create upload: %w", storageErr(err))
	}
	return &fileUpload{s: s, id: id, name: name, f: f, sum: newSum(defaultAlgorithm), written: s.now()}, nil
}

// Resume implements [Store].
func (s *Directory) Resume(ctx context.Context, owner, id string) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("blob: resume upload: %w", err)
	}
	if !validID(id) {
		return nil, fmt.Errorf("blob: resume upload: %w", ErrUploadUnknown)
	}
	name := uploadName(owner, id)
	f, err := s.openUpload(name)
	if err != nil {
		return nil, fmt.Errorf("blob: resume upload: %w", err)
	}
	u := &fileUpload{s: s, id: id, name: name, f: f}
	if err := u.restore(ctx); err != nil {
		f.Close()
		s.release(name)
		return nil, fmt.Errorf("blob: resume upload: %w", err)
	}
	return u, nil
}

// openUpload claims and opens an upload's file.
func (s *Directory) openUpload(name string) (file, error) {
	if !s.claim(name) {
		return nil, ErrUploadBusy
	}
	f, err := s.fs.open(s.uploadPath(name))
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrNotExist):
		err = ErrUploadUnknown
	case errors.Is(err, errLocked):
		err = ErrUploadBusy
	}
	s.release(name)
	return nil, err
}

// ExpireUploads implements [Store].
func (s *Directory) ExpireUploads(ctx context.Context, olderThan time.Time) (int, error) {
	entries, err := os.ReadDir(s.uploads())
	if err != nil {
		return 0, fmt.Errorf("blob: expire uploads: %w", err)
	}
	count := 0
	var errs []error
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		gone, err := s.expire(e, olderThan)
		if gone {
			count++
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return count, fmt.Errorf("blob: expire uploads: %w", err)
	}
	return count, nil
}

// expire removes one entry of uploads/ when its time has come and reports
// whether that was an upload.
func (s *Directory) expire(e fs.DirEntry, olderThan time.Time) (bool, error) {
	name, isState := strings.CutSuffix(e.Name(), stateSuffix)
	if !isUploadName(name) {
		return false, nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.ModTime().Before(olderThan) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if isState {
		return false, s.expireState(name)
	}
	return s.expireUpload(name, olderThan)
}

// expireState removes the saved state of an upload that is no more.
func (s *Directory) expireState(name string) error {
	if _, err := os.Lstat(s.uploadPath(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.removeIfThere(s.uploadPath(name) + stateSuffix)
}

// expireUpload looks at the time again once the upload is its own: somebody
// may have written meanwhile.
func (s *Directory) expireUpload(name string, olderThan time.Time) (bool, error) {
	f, err := s.openUpload(name)
	if errors.Is(err, ErrUploadBusy) || errors.Is(err, ErrUploadUnknown) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer s.release(name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.ModTime().Before(olderThan) {
		return false, err
	}
	if err := s.removeIfThere(s.uploadPath(name) + stateSuffix); err != nil {
		return false, err
	}
	return true, s.removeIfThere(s.uploadPath(name))
}

func (s *Directory) removeIfThere(path string) error {
	if err := s.fs.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
