package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lading-dev/lading"
)

// memory is a registry for the tests of the handlers: it keeps the promises
// of lading.Registry that a single caller can see, and nothing more.
type memory struct {
	mu      sync.Mutex
	repos   map[string]*memRepo
	uploads map[string]*memUpload
	ids     int
	changes []memChange
	changed chan struct{}
	horizon int // cursors before it have expired

	fail  map[string]error // method name -> what it returns, once
	files string           // a directory: blobs have the method File
	list  func(context.Context, lading.Query) (lading.Listing, error)
	calls []lading.Query // of List

	watched []lading.WatchQuery // of Watch
	stream  *scripted           // what Watch returns; nil is a short one

	warnings []string // of every receipt
}

type memRepo struct {
	manifests map[lading.Digest]memManifest
	tags      map[string]lading.Digest
	blobs     map[lading.Digest][]byte
	rev       int64
}

type memManifest struct {
	lading.Manifest
	artifactType string
	annotations  map[string]string
	subject      lading.Digest
}

type memChange struct {
	kind      lading.Kind
	repo, key string
}

func newMemory() *memory {
	return &memory{
		repos: map[string]*memRepo{}, uploads: map[string]*memUpload{},
		changed: make(chan struct{}), fail: map[string]error{},
	}
}

// failure returns what a test wants the method to return.
func (m *memory) failure(method string) error {
	err := m.fail[method]
	delete(m.fail, method)
	if err == errPanic {
		panic(err)
	}
	return err
}

func (m *memory) repo(name string) *memRepo {
	r := m.repos[name]
	if r == nil {
		r = &memRepo{map[lading.Digest]memManifest{}, map[string]lading.Digest{}, map[lading.Digest][]byte{}, 0}
		m.repos[name] = r
	}
	return r
}

func (m *memory) journal(kind lading.Kind, repo, key string) {
	m.changes = append(m.changes, memChange{kind, repo, key})
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) find(repo string, ref lading.Reference) (memManifest, error) {
	r := m.repos[repo]
	if r == nil {
		return memManifest{}, lading.ErrNameUnknown
	}
	d := ref.Digest
	if d == "" {
		d = r.tags[ref.Tag]
	}
	mf, ok := r.manifests[d]
	if !ok {
		return memManifest{}, lading.ErrManifestUnknown
	}
	return mf, nil
}

func (mf memManifest) descriptor() lading.Descriptor {
	return lading.Descriptor{
		MediaType: mf.MediaType, Digest: mf.Digest, Size: int64(len(mf.Bytes)),
		ArtifactType: mf.artifactType, Annotations: mf.annotations,
	}
}

func (m *memory) Manifest(_ context.Context, repo string, ref lading.Reference) (lading.Manifest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Manifest"); err != nil {
		return lading.Manifest{}, err
	}
	mf, err := m.find(repo, ref)
	return mf.Manifest, err
}

func (m *memory) Resolve(_ context.Context, repo string, ref lading.Reference) (lading.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Resolve"); err != nil {
		return lading.Descriptor{}, err
	}
	mf, err := m.find(repo, ref)
	return mf.descriptor(), err
}

func (m *memory) Blob(_ context.Context, repo string, d lading.Digest) (lading.BlobReader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Blob"); err != nil {
		return nil, err
	}
	b, err := m.blob(repo, d)
	if err != nil {
		return nil, err
	}
	blob := memBlob{bytes.NewReader(b), lading.Descriptor{Digest: d, Size: int64(len(b))}}
	if m.files == "" {
		return blob, nil
	}
	f, err := os.CreateTemp(m.files, "blob")
	if err != nil {
		return nil, err
	}
	_, err = f.Write(b)
	return memFile{blob, f}, err
}

type memBlob struct {
	*bytes.Reader
	d lading.Descriptor
}

func (b memBlob) Close() error                  { return nil }
func (b memBlob) Descriptor() lading.Descriptor { return b.d }

type memFile struct {
	memBlob
	f *os.File
}

func (b memFile) Close() error   { return b.f.Close() }
func (b memFile) File() *os.File { return b.f }

func (m *memory) blob(repo string, d lading.Digest) ([]byte, error) {
	r := m.repos[repo]
	if r == nil {
		return nil, lading.ErrNameUnknown
	}
	b, ok := r.blobs[d]
	if !ok {
		return nil, lading.ErrBlobUnknown
	}
	return b, nil
}

func (m *memory) ResolveBlob(_ context.Context, repo string, d lading.Digest) (lading.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("ResolveBlob"); err != nil {
		return lading.Descriptor{}, err
	}
	b, err := m.blob(repo, d)
	return lading.Descriptor{Digest: d, Size: int64(len(b))}, err
}

func (m *memory) PutManifest(_ context.Context, repo string, in lading.Manifest, opt lading.PutOptions) (lading.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("PutManifest"); err != nil {
		return lading.Receipt{}, err
	}
	d := digestOf(in.Bytes)
	if in.Digest != "" && in.Digest != d {
		return lading.Receipt{}, lading.ErrDigestInvalid
	}
	if opt.FromBlob != "" {
		b, err := m.blob(repo, opt.FromBlob)
		if err != nil {
			return lading.Receipt{}, lading.ErrManifestBlobUnknown
		}
		in.Bytes, d = b, digestOf(b)
	}
	in.Digest = d
	mf, err := parseMemManifest(in)
	if err != nil {
		return lading.Receipt{}, err
	}
	ref := lading.Reference{Digest: d}
	if len(opt.Tags) == 1 {
		ref = lading.Reference{Tag: opt.Tags[0]}
	}
	current, _ := m.find(repo, ref)
	if err := opt.If.Check(current.Digest); err != nil {
		return lading.Receipt{}, err
	}
	m.store(repo, mf, opt.Tags)
	return lading.Receipt{Descriptor: mf.descriptor(), Subject: mf.subject, Tags: opt.Tags, Warnings: m.warnings}, nil
}

func parseMemManifest(in lading.Manifest) (memManifest, error) {
	var v struct {
		ArtifactType string             `json:"artifactType"`
		Annotations  map[string]string  `json:"annotations"`
		Subject      *lading.Descriptor `json:"subject"`
	}
	if err := json.Unmarshal(in.Bytes, &v); err != nil {
		return memManifest{}, lading.ErrManifestInvalid.Wrap(err)
	}
	mf := memManifest{in, v.ArtifactType, v.Annotations, ""}
	if v.Subject != nil {
		mf.subject = v.Subject.Digest
	}
	return mf, nil
}

func (m *memory) store(repo string, mf memManifest, tags []string) {
	if m.repos[repo] == nil {
		m.journal(lading.KindRepositories, repo, lading.RepositoryKey(repo))
	}
	r := m.repo(repo)
	r.rev++
	r.manifests[mf.Digest] = mf
	m.journal(lading.KindManifests, repo, lading.ManifestKey(repo, mf.Digest))
	for _, tag := range tags {
		r.tags[tag] = mf.Digest
		m.journal(lading.KindTags, repo, lading.TagKey(repo, tag))
	}
}

func digestOf(b []byte) lading.Digest {
	sum := sha256.Sum256(b)
	return lading.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

type memUpload struct {
	m      *memory
	repo   string
	id     string
	bytes  []byte
	inUse  bool
	closed int
}

func (m *memory) StartBlob(_ context.Context, repo string, _ lading.Descriptor) (lading.BlobWriter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("StartBlob"); err != nil {
		return nil, err
	}
	m.ids++
	up := &memUpload{m: m, repo: repo, id: "up-" + strconv.Itoa(m.ids), inUse: true}
	m.uploads[up.id] = up
	return up, nil
}

func (m *memory) ResumeBlob(_ context.Context, repo, id string) (lading.BlobWriter, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("ResumeBlob"); err != nil {
		return nil, err
	}
	up := m.uploads[id]
	if up == nil || up.repo != repo {
		return nil, lading.ErrBlobUploadUnknown
	}
	if up.inUse {
		return nil, lading.ErrBlobUploadInvalid
	}
	up.inUse = true
	return up, nil
}

func (u *memUpload) ID() string  { return u.id }
func (u *memUpload) Size() int64 { return int64(len(u.bytes)) }

func (u *memUpload) Write(p []byte) (int, error) {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	if err := u.m.failure("Write"); err != nil {
		return 0, err
	}
	u.bytes = append(u.bytes, p...)
	return len(p), nil
}

func (u *memUpload) Commit(_ context.Context, d lading.Digest) (lading.Descriptor, error) {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	if err := u.m.failure("Commit"); err != nil {
		return lading.Descriptor{}, err
	}
	delete(u.m.uploads, u.id)
	if d.Algorithm().FromBytes(u.bytes) != d {
		return lading.Descriptor{}, lading.ErrDigestInvalid
	}
	u.m.repo(u.repo).blobs[d] = u.bytes
	return lading.Descriptor{Digest: d, Size: u.Size()}, nil
}

func (u *memUpload) Cancel(context.Context) error {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	delete(u.m.uploads, u.id)
	return u.m.failure("Cancel")
}

func (u *memUpload) Close() error {
	u.m.mu.Lock()
	defer u.m.mu.Unlock()
	u.inUse = false
	u.closed++
	return u.m.failure("Close")
}

func (m *memory) MountBlob(_ context.Context, to, from string, d lading.Digest) (lading.Descriptor, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("MountBlob"); err != nil {
		return lading.Descriptor{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(m.repos)) {
		if b, ok := m.repos[name].blobs[d]; ok && (from == "" || from == name) {
			m.repo(to).blobs[d] = b
			return lading.Descriptor{Digest: d, Size: int64(len(b))}, nil
		}
	}
	return lading.Descriptor{}, lading.ErrBlobUnknown
}

func (m *memory) DeleteTag(_ context.Context, repo, tag string, opt lading.DeleteOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("DeleteTag"); err != nil {
		return err
	}
	mf, err := m.find(repo, lading.Reference{Tag: tag})
	if err != nil {
		return err
	}
	if err := opt.If.Check(mf.Digest); err != nil {
		return err
	}
	delete(m.repos[repo].tags, tag)
	m.journal(lading.KindTags, repo, lading.TagKey(repo, tag))
	return nil
}

func (m *memory) DeleteManifest(_ context.Context, repo string, d lading.Digest, opt lading.DeleteOptions) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("DeleteManifest"); err != nil {
		return err
	}
	if _, err := m.find(repo, lading.Reference{Digest: d}); err != nil {
		return err
	}
	if err := opt.If.Check(d); err != nil {
		return err
	}
	delete(m.repos[repo].manifests, d)
	m.journal(lading.KindManifests, repo, lading.ManifestKey(repo, d))
	for _, tag := range slices.Sorted(maps.Keys(m.repos[repo].tags)) {
		if m.repos[repo].tags[tag] == d {
			delete(m.repos[repo].tags, tag)
			m.journal(lading.KindTags, repo, lading.TagKey(repo, tag))
		}
	}
	return nil
}

func (m *memory) DeleteBlob(_ context.Context, repo string, d lading.Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("DeleteBlob"); err != nil {
		return err
	}
	if _, err := m.blob(repo, d); err != nil {
		return err
	}
	delete(m.repos[repo].blobs, d)
	return nil
}

func (m *memory) DeleteRepository(_ context.Context, repo string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("DeleteRepository"); err != nil {
		return err
	}
	if m.repos[repo] == nil {
		return lading.ErrNameUnknown
	}
	delete(m.repos, repo)
	m.journal(lading.KindRepositories, repo, lading.RepositoryKey(repo))
	return nil
}

func page(names []string, last string, n int) lading.Names {
	if n < 1 {
		panic("a registry is asked for one name at least")
	}
	slices.Sort(names)
	i, found := slices.BinarySearch(names, last)
	if found {
		i++
	}
	names = names[i:]
	if len(names) > n {
		return lading.Names{Names: names[:n], More: true}
	}
	return lading.Names{Names: names}
}

func (m *memory) Tags(_ context.Context, repo, last string, n int) (lading.Names, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Tags"); err != nil {
		return lading.Names{}, err
	}
	r := m.repos[repo]
	if r == nil {
		return lading.Names{}, lading.ErrNameUnknown
	}
	return page(slices.Collect(maps.Keys(r.tags)), last, n), nil
}

func (m *memory) Repositories(_ context.Context, last string, n int) (lading.Names, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Repositories"); err != nil {
		return lading.Names{}, err
	}
	return page(slices.Collect(maps.Keys(m.repos)), last, n), nil
}

func (m *memory) Search(_ context.Context, q lading.SearchQuery) (lading.Names, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Search"); err != nil {
		return lading.Names{}, err
	}
	var out lading.Names
	skip := (q.Page - 1) * q.N
	for _, name := range slices.Sorted(maps.Keys(m.repos)) {
		switch {
		case !strings.Contains(name, q.Text):
		case skip > 0:
			skip--
		case len(out.Names) == q.N:
			out.More = true
		default:
			out.Names = append(out.Names, name)
		}
	}
	return out, nil
}

func (m *memory) Referrers(_ context.Context, repo string, q lading.ReferrersQuery) (lading.Referrers, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure("Referrers"); err != nil {
		return lading.Referrers{}, err
	}
	var out lading.Referrers
	if m.repos[repo] == nil {
		return out, nil
	}
	for _, d := range slices.Sorted(maps.Keys(m.repos[repo].manifests)) {
		mf := m.repos[repo].manifests[d]
		if mf.subject != q.Subject || d <= q.After || q.ArtifactType != "" && q.ArtifactType != mf.artifactType {
			continue
		}
		if len(out.Manifests) == q.N {
			out.More = true
			break
		}
		out.Manifests = append(out.Manifests, mf.descriptor())
	}
	return out, nil
}

var errPanic = errors.New("told to panic in /secret/place")

var errDisk = errors.New("disk /dev/secret is on fire")
