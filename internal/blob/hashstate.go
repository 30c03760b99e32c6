package blob

import (
	"encoding"
	"encoding/json"
	"hash"
	"hash/crc32"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
)

// defaultAlgorithm is what bytes are hashed with as they stream, before the
// client has told the digest.
const defaultAlgorithm = digest.Canonical

// saveFrom is the size in bytes from which on saving the hash's state is
// cheaper than hashing again.
const saveFrom = 128 << 10

// worthSaving reports whether an upload's hash is saved: also that of few
// bytes, or none, when only the state remembers which algorithm was expected.
func worthSaving(size int64, alg digest.Algorithm) bool {
	return size >= saveFrom || alg != defaultAlgorithm
}

// sum is a running digest.
type sum struct {
	alg digest.Algorithm
	h   hash.Hash
}

func newSum(alg digest.Algorithm) sum { return sum{alg, alg.Hash()} }

func (s *sum) Write(p []byte) (int, error) { return s.h.Write(p) }

func (s *sum) digest() digest.Digest { return digest.NewDigest(s.alg, s.h) }

// hashState is the digest of the first size bytes of an upload.
type hashState struct {
	size int64
	sum  sum
}

// stateFile is how a hashState is kept beside the upload: the JSON, a newline
// and its CRC-32 in 4 bytes.
//
// It is not synced, and need not be: it counts only as long as the machine
// has not started anew (Boot). After a crash of the machine the file may have
// the right length and other bytes than were hashed.
type stateFile struct {
	Boot      string           `json:"boot"`
	Size      int64            `json:"size"`
	Algorithm digest.Algorithm `json:"algorithm"`
	Hash      []byte           `json:"hash"`
}

// writeState saves the state of the hash for Resume.
func (u *fileUpload) writeState() error {
	m, ok := u.sum.h.(encoding.BinaryMarshaler)
	if !ok || !worthSaving(u.size, u.sum.alg) {
		return nil
	}
	state, err := m.MarshalBinary()
	if err != nil {
		return err
	}
	b, err := json.Marshal(stateFile{Boot: u.s.boot, Size: u.size, Algorithm: u.sum.alg, Hash: state})
	if err != nil {
		return err
	}
	u.saved = true
	return u.s.fs.writeFile(u.path()+stateSuffix, appendCRC(append(b, '\n')))
}

// readState returns the saved state, if there is one to rely on. Anything
// odd about it is no failure: the bytes are hashed again.
func (u *fileUpload) readState() (hashState, bool) {
	b, err := u.s.fs.readFile(u.path() + stateSuffix)
	if err != nil {
		return hashState{}, false
	}
	b, ok := cutCRC(b)
	var st stateFile
	if !ok || json.Unmarshal(b, &st) != nil || st.Boot != u.s.boot || st.Size < 0 || !st.Algorithm.Available() {
		return hashState{}, false
	}
	sum := newSum(st.Algorithm)
	m, ok := sum.h.(encoding.BinaryUnmarshaler)
	if !ok || m.UnmarshalBinary(st.Hash) != nil {
		return hashState{}, false
	}
	return hashState{st.Size, sum}, true
}

func appendCRC(b []byte) []byte {
	c := crc32.ChecksumIEEE(b)
	return append(b, byte(c>>24), byte(c>>16), byte(c>>8), byte(c))
}

func cutCRC(b []byte) ([]byte, bool) {
	if len(b) < 4 {
		return nil, false
	}
	body := b[:len(b)-4]
	return body, string(appendCRC(body[:len(body):len(body)])) == string(b)
}

// processID stands for the machine's start where that has no name.
var processID = newID()

// bootID names the machine's start: it changes whenever what was written and
// not synced may be gone.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return processID
	}
	return strings.TrimSpace(string(b))
}
