package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/lading-dev/lading"
)

// check tells who has this name and password, or this token, which are those of
// the header that the key is of.
func (b *Basic) check(ctx context.Context, f *file, key digest, name, password, remote string) (lading.Identity, error) {
	// Many connections of one client begin at once: one of them asks.
	turn, first := f.verified.begin(key)
	if !first {
		select {
		case <-turn.done:
			return turn.identity, turn.err
		case <-ctx.Done():
			return lading.Identity{}, ctx.Err()
		}
	}
	turn.identity, turn.err = b.attempt(f, name, password, remote)
	f.verified.end(key, turn, b.opt.Now().Add(b.opt.Remember))
	return turn.identity, turn.err
}

// first checks a name and password that were not seen before.
func (b *Basic) first(f *file, name, password, remote string) (lading.Identity, error) {
	pair, place := b.keyed.sum(name, host(remote)), b.keyed.sum("", host(remote))
	if wait := b.slow.begin(b.opt.Now(), pair, place); wait > 0 {
		return lading.Identity{}, tooMany(wait)
	}
	var id lading.Identity
	ok := false
	if err := b.compute(func() { id, ok = b.compare(f, name, password) }); err != nil {
		b.slow.undo(pair, place) // it was not looked at
		return lading.Identity{}, err
	}
	if !ok {
		return lading.Identity{}, lading.ErrUnauthorized.With("the user name or the password is wrong")
	}
	b.slow.right(pair, place)
	return id, nil
}

// firstToken checks an API token that was not seen before. It is not slowed: a
// token of 256 bits cannot be guessed, and to look for one costs nothing, while
// a job that comes with an old one again and again would hold up all others of
// its address.
func (b *Basic) firstToken(token string) (lading.Identity, error) {
	id, ok := b.opt.Accounts.Token(token)
	if !ok {
		return lading.Identity{}, lading.ErrUnauthorized.With("the API token is not valid: it is mistyped, revoked or has expired")
	}
	b.opt.Accounts.Used(id)
	return id, nil
}

// compute runs something that takes long by purpose, not too many at once.
//
// Errors: TOOMANYREQUESTS where too many wait.
func (b *Basic) compute(fn func()) error {
	defer b.waiting.Add(-1)
	if b.waiting.Add(1) > maxWaiting {
		return tooMany(time.Second)
	}
	b.turns <- struct{}{}
	defer func() { <-b.turns }()
	fn()
	return nil
}

// Hash makes a hash of a password, behind the passwords that are compared.
//
// Errors: TOOMANYREQUESTS where too many wait.
func (b *Basic) Hash(password string) (h Hash, err error) {
	err = b.compute(func() { h = NewHash(password) })
	return h, err
}

// compare computes one hash in any case: for a user that there is not, that of
// another one, always the same, so that the time tells nothing.
func (b *Basic) compare(f *file, name, password string) (lading.Identity, bool) {
	var id lading.Identity
	var h Hash
	i, known := f.byName[name]
	if known {
		id, h = f.users[i].identity, f.users[i].hash
	} else {
		id, h, known = b.opt.Accounts.Password(name)
	}
	known = known && !h.Zero()
	if h.Zero() {
		h = b.decoy(f, name)
	}
	if !h.Zero() {
		b.computed.Add(1)
	}
	return id, h.matches(password) && known
}

// decoy is the hash of somebody else, out of the file or of the accounts, as
// likely as there are users.
func (b *Basic) decoy(f *file, name string) Hash {
	sum := b.keyed.sum(name, "")
	n, mine := binary.BigEndian.Uint64(sum[:]), uint64(len(f.users))
	if all := mine + uint64(b.opt.Accounts.Count()); all > 0 && n%all < mine {
		return f.users[n%mine].hash
	}
	return b.opt.Accounts.Decoy(n)
}

// digest names a header with a password, or a name, without telling it.
type digest [sha256.Size]byte

// keyed makes digests with a key that only this process knows: it stands before
// the text, which is enough where nobody is ever shown a digest.
type keyed struct{ secret [sha256.BlockSize]byte }

func newKeyed() *keyed {
	k := &keyed{}
	rand.Read(k.secret[:])
	return k
}

// sum is the digest of two texts; the first has its length before it, so that
// no two pairs are alike.
func (k *keyed) sum(a, b string) (d digest) {
	var room [512]byte
	buf := binary.BigEndian.AppendUint64(append(room[:0], k.secret[:]...), uint64(len(a)))
	buf = append(append(buf, a...), b...)
	d = sha256.Sum256(buf)
	clear(buf)
	return d
}

const maxVerified = 1 << 14 // names and passwords that are remembered

// verified remembers what was right, for a while, and what is being looked at.
type verified struct {
	mu    sync.RWMutex
	known map[digest]entry
	turns map[digest]*turn
}

type entry struct {
	identity lading.Identity
	until    time.Time
}

// turn is one look at a password.
type turn struct {
	done     chan struct{}
	identity lading.Identity
	err      error
}

func newVerified() *verified {
	return &verified{known: map[digest]entry{}, turns: map[digest]*turn{}}
}

func (v *verified) get(key digest, now time.Time) (lading.Identity, bool) {
	v.mu.RLock()
	e, ok := v.known[key]
	v.mu.RUnlock()
	return e.identity, ok && now.Before(e.until)
}

// begin takes the turn to look, or returns that of somebody else.
func (v *verified) begin(key digest) (t *turn, first bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if t := v.turns[key]; t != nil {
		return t, false
	}
	t = &turn{done: make(chan struct{})}
	v.turns[key] = t
	return t, true
}

// end tells those who wait, and remembers what was right.
func (v *verified) end(key digest, t *turn, until time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.turns, key)
	if t.err == nil {
		if len(v.known) >= maxVerified {
			clear(v.known)
		}
		v.known[key] = entry{t.identity, until}
	}
	close(t.done)
}
