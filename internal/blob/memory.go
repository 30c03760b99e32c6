package blob

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

// Memory is a Store that forgets everything with the process: for tests and
// for trying things out.
type Memory struct {
	mu      sync.Mutex
	blobs   map[digest.Digest]memoryBlob
	uploads map[string]*memoryData // by uploadName
}

type memoryBlob struct {
	b   []byte // never changed
	mod time.Time
}

// memoryData is what an upload has received.
type memoryData struct {
	b       []byte
	written time.Time
	open    bool
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{blobs: map[digest.Digest]memoryBlob{}, uploads: map[string]*memoryData{}}
}

// Open implements [Store].
func (m *Memory) Open(ctx context.Context, d digest.Digest) (Reader, error) {
	b, err := m.get(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("blob: open %q: %w", d, err)
	}
	return memoryReader{bytes.NewReader(b.b)}, nil
}

// Stat implements [Store].
func (m *Memory) Stat(ctx context.Context, d digest.Digest) (int64, error) {
	b, err := m.get(ctx, d)
	if err != nil {
		return 0, fmt.Errorf("blob: stat %q: %w", d, err)
	}
	return int64(len(b.b)), nil
}

func (m *Memory) get(ctx context.Context, d digest.Digest) (memoryBlob, error) {
	if err := ctx.Err(); err != nil {
		return memoryBlob{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[d]
	if !ok {
		return memoryBlob{}, ErrNotFound
	}
	return b, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, d digest.Digest) error {
	if _, err := m.get(ctx, d); err != nil {
		return fmt.Errorf("blob: delete %q: %w", d, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, d)
	return nil
}

// Create implements [Store].
func (m *Memory) Create(ctx context.Context, owner string) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("blob: create upload: %w", err)
	}
	id := newID()
	name := uploadName(owner, id)
	data := &memoryData{open: true, written: time.Now()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.uploads[name] = data
	return &memoryUpload{m: m, id: id, name: name, data: data}, nil
}

// Resume implements [Store].
func (m *Memory) Resume(ctx context.Context, owner, id string) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("blob: resume upload: %w", err)
	}
	name := uploadName(owner, id)
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.uploads[name]
	if !ok {
		return nil, fmt.Errorf("blob: resume upload: %w", ErrUploadUnknown)
	}
	if data.open {
		return nil, fmt.Errorf("blob: resume upload: %w", ErrUploadBusy)
	}
	data.open = true
	return &memoryUpload{m: m, id: id, name: name, data: data}, nil
}

// Walk implements [Store].
func (m *Memory) Walk(ctx context.Context, after digest.Digest, fn func(d digest.Digest, size int64, mod time.Time) error) error {
	m.mu.Lock()
	blobs := maps.Clone(m.blobs)
	m.mu.Unlock()
	for _, d := range slices.Sorted(maps.Keys(blobs)) {
		if d <= after {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("blob: walk: %w", err)
		}
		if err := fn(d, int64(len(blobs[d].b)), blobs[d].mod); err != nil {
			return fmt.Errorf("blob: walk: %w", err)
		}
	}
	return nil
}

// ExpireUploads implements [Store].
func (m *Memory) ExpireUploads(ctx context.Context, olderThan time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("blob: expire uploads: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	before := len(m.uploads)
	maps.DeleteFunc(m.uploads, func(_ string, d *memoryData) bool { return !d.open && d.written.Before(olderThan) })
	return before - len(m.uploads), nil
}

// Close implements [Store].
func (m *Memory) Close() error { return nil }

// memoryReader is a blob in memory.
type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

// memoryUpload is an open upload of a Memory; data is nil when it has ended
// or was closed. Between claim and release, data has one user.
type memoryUpload struct {
	m    *Memory
	id   string
	name string
	data *memoryData
	size int64 // when data is nil
}

func (u *memoryUpload) ID() string { return u.id }

func (u *memoryUpload) Size() int64 {
	if u.data == nil {
		return u.size
	}
	return int64(len(u.data.b))
}

func (u *memoryUpload) Write(p []byte) (int, error) {
	if u.data == nil {
		return 0, fmt.Errorf("blob: write: %w", ErrUploadUnknown)
	}
	u.data.b = append(u.data.b, p...)
	u.data.written = time.Now()
	return len(p), nil
}

// Commit implements [Upload].
func (u *memoryUpload) Commit(ctx context.Context, d digest.Digest) (int64, error) {
	if u.data == nil {
		return 0, fmt.Errorf("blob: commit: %w", ErrUploadUnknown)
	}
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("blob: commit: %w", err)
	}
	b := u.end(true).b
	if !known(d) || d.Algorithm().FromBytes(b) != d {
		return 0, fmt.Errorf("blob: commit %q: %w", d, ErrDigestMismatch)
	}
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	u.m.blobs[d] = memoryBlob{b, time.Now()}
	return int64(len(b)), nil
}

// Cancel implements [Upload].
func (u *memoryUpload) Cancel(context.Context) error {
	if u.data != nil {
		u.end(true)
	}
	return nil
}

// Close implements [Upload].
func (u *memoryUpload) Close() error {
	if u.data != nil {
		u.end(false)
	}
	return nil
}

// end releases the upload, and forgets it when it shall be gone.
func (u *memoryUpload) end(gone bool) *memoryData {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	data := u.data
	u.size, u.data, data.open = int64(len(data.b)), nil, false
	if gone {
		delete(u.m.uploads, u.name)
	}
	return data
}
