package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lading-dev/lading/internal/catalog/catalogcheck"
	"github.com/lading-dev/lading/internal/sqldb"
)

// fullSize is the size of the disk that is filled, in bytes.
const fullSize = 24 << 20

// smallDisk mounts a small file system, which only root may.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", fullSize)); err != nil {
		t.Fatalf("mount a small file system to fill (run the tests as root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all space but some bytes, in a file that free removes.
func fill(t *testing.T, disk string, leave int) (free func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for chunk := make([]byte, 4096); ; {
		var st syscall.Statfs_t
		if err := syscall.Statfs(disk, &st); err != nil {
			t.Fatal(err)
		}
		if int(st.Bavail)*int(st.Bsize) <= leave {
			break
		}
		if _, err := f.Write(chunk); err != nil {
			break
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiskFull fills the disk under a registry: blobs, then the catalog. What
// cannot be stored is refused as the OCI error format has it, what is there
// can be pulled, and when there is space again the registry goes on.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t)
	data := filepath.Join(disk, "data")
	p := start(t, configFile(t, data, "", ""))
	a := newAPI(p.addr)
	t.Cleanup(a.close)
	l := newLedger()
	d := &diskTest{t: t, a: a, l: l}
	d.image("before", http.StatusCreated)

	free := fill(t, disk, 256<<10)
	for way := range 4 {
		d.push(random(1<<20), way, http.StatusInsufficientStorage)
	}
	d.consistent("without space for a blob")
	free()
	d.push(random(1<<20), 0, http.StatusCreated)

	free = fill(t, disk, 16<<10)
	if n := d.untilFull(); n == 0 {
		t.Error("the catalog was never full")
	}
	d.remove(http.StatusInsufficientStorage)
	d.consistent("without space for the catalog")
	free()
	d.image("after", http.StatusCreated)
	d.remove(http.StatusAccepted)
	d.consistent("with space again")

	p.kill()
	db, err := sqldb.Open(t.Context(), sqldb.Options{URL: "sqlite:" + filepath.Join(data, "catalog.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if bad := catalogcheck.Check(t.Context(), db); len(bad) > 0 {
		t.Error(strings.Join(bad, "\n"))
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// diskTest pushes and notes what was acknowledged.
type diskTest struct {
	t      *testing.T
	a      *api
	l      *ledger
	blob   []byte // one that is there
	serial int
}

const diskRepo = "disk/full"

// request notes the effects of what was acknowledged; anything else must have
// none.
func (d *diskTest) request(effects map[string]string, r *answer, err error, want int) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	in := d.l.begin(effects)
	if outcomeOf(r, err) == acknowledged {
		in.done(acknowledged)
	} else {
		in.done(refused)
	}
	if want != 0 && r.status != want {
		d.t.Errorf("answered %s, want %d", r, want)
	}
	if r.status == http.StatusInsufficientStorage {
		d.told(r)
	}
}

// told checks the body of a refusal.
func (d *diskTest) told(r *answer) {
	d.t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	err := json.Unmarshal(r.body, &body)
	if err != nil || len(body.Errors) != 1 || body.Errors[0].Code != "STORAGE_FULL" || body.Errors[0].Message == "" {
		d.t.Errorf("not the OCI error: %s (%v)", r, err)
	}
}

func (d *diskTest) push(b []byte, way, want int) {
	d.t.Helper()
	r, err := d.a.pushBlob(d.t.Context(), diskRepo, b, way)
	d.request(map[string]string{blobKey(diskRepo, digestOf(b)): digestOf(b)}, r, err, want)
}

// image pushes a manifest of some size under a tag, with its config.
func (d *diskTest) image(tag string, want int) int {
	d.t.Helper()
	if d.blob == nil {
		d.blob = []byte("{}")
		d.push(d.blob, 0, http.StatusCreated)
	}
	d.serial++
	m := marshal(document{SchemaVersion: 2, MediaType: imageType, Config: &descriptor{"application/vnd.example", digestOf(d.blob), len(d.blob)},
		Annotations: map[string]string{"n": fmt.Sprint(d.serial), "pad": strings.Repeat("x", 3000)}})
	r, err := d.a.putManifest(d.t.Context(), diskRepo, tag, m)
	d.request(map[string]string{manifestKey(diskRepo, digestOf(m)): digestOf(m), tagKey(diskRepo, tag): digestOf(m)}, r, err, want)
	return r.status
}

// untilFull pushes manifests until several were refused, and returns how many
// were. That is fewer than a thousand: there are some KiB.
func (d *diskTest) untilFull() (n int) {
	d.t.Helper()
	for i := 0; i < 1000 && n < 5; i++ {
		switch status := d.image(fmt.Sprintf("t%d", i), 0); status {
		case http.StatusCreated:
		case http.StatusInsufficientStorage:
			n++
		default:
			d.t.Fatalf("answered %d", status)
		}
	}
	return n
}

// remove deletes the first tag. On a full disk that needs space, too.
func (d *diskTest) remove(want int) {
	d.t.Helper()
	r, err := d.a.do(d.t.Context(), "DELETE", "/v2/"+diskRepo+"/manifests/before", nil)
	d.request(map[string]string{tagKey(diskRepo, "before"): ""}, r, err, want)
}

// consistent checks that what was acknowledged is there and nothing else is,
// and that it can be listed.
func (d *diskTest) consistent(when string) {
	d.t.Helper()
	ctx := d.t.Context()
	if err := verifyKeys(ctx, d.a, d.l, d.l.all()); err != nil {
		d.t.Fatalf("%s: %v", when, err)
	}
	r, err := d.a.do(ctx, "GET", "/v2/"+diskRepo+"/tags/list", nil)
	if err != nil || r.status != http.StatusOK || !bytes.Contains(r.body, []byte(`"tags"`)) {
		d.t.Errorf("%s: tags/list: %v, %v", when, r, err)
	}
	tags, manifests := &localCopy{kind: "tags"}, &localCopy{kind: "manifests"}
	for _, c := range []*localCopy{tags, manifests} {
		if err := c.list(ctx, d.a); err != nil {
			d.t.Fatalf("%s: %v", when, err)
		}
	}
	known := 0
	for _, k := range d.l.all() {
		if can := d.l.possible(k); strings.Contains(k, "/manifests/sha256:") && can[0] != "" {
			known++
		}
	}
	if len(manifests.items) != known {
		d.t.Errorf("%s: %d manifests are listed, %d were acknowledged", when, len(manifests.items), known)
	}
}
