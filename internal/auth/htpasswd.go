package auth

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

const (
	maxFile = 16 << 20 // bytes of a users' file
	maxCost = 15       // of a hash: some seconds
)

// file is the users of one moment, and who of them was verified since.
type file struct {
	users     []user         // in the order of the file
	byName    map[string]int // their place in users
	bySubject map[string]int
	sum       [sha256.Size]byte // of the text
	look      look
	failed    string // why a newer file could not be used
	verified  *verified
}

type user struct {
	identity lading.Identity
	hash     Hash
	stamp    string // changes with the hash
}

// look is what the file looked like when it was read, and when that was.
type look struct {
	size int64
	mod  time.Time
	at   time.Time
}

// settled is how long after its time a file may still change without looking
// different.
const settled = 2 * time.Second

func lookAt(path string) look {
	l := look{at: time.Now(), size: -1}
	if info, err := os.Stat(path); err == nil {
		l.size, l.mod = info.Size(), info.ModTime()
	}
	return l
}

// fresh reports whether the file at path is surely the one that was read.
func (f *file) fresh(path string) bool {
	now := lookAt(path)
	return now.size == f.look.size && now.mod.Equal(f.look.mod) && f.look.at.Sub(f.look.mod) > settled
}

// seen is the same users after the file was looked at again.
func (f *file) seen(path, failed string) *file {
	g := *f
	g.look, g.failed = lookAt(path), failed
	return &g
}

// read reads a users' file.
func read(path string) (*file, error) {
	l := lookAt(path)
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("users: %w", err)
	}
	f, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	f.look = l
	return f, nil
}

// parse reads lines of "name:hash". Every mistake is told with its line, and
// none with what stands there.
func parse(path string, text []byte) (*file, error) {
	f := &file{byName: map[string]int{}, bySubject: map[string]int{}, sum: sha256.Sum256(text), verified: newVerified()}
	var wrong []error
	n := 0
	for line := range bytes.Lines(text) {
		n++
		s := strings.TrimSpace(string(line))
		if s == "" || s[0] == '#' {
			continue
		}
		if err := f.add(s); err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, n, err))
		}
	}
	return f, errors.Join(wrong...)
}

var errBcrypt = errors.New("want a bcrypt hash, as htpasswd -B makes it")

func (f *file) add(line string) error {
	name, hash, ok := strings.Cut(line, ":")
	subject := "user:" + name
	switch {
	case !ok:
		return errors.New("want name:hash")
	case lading.CheckSubject(subject) != nil:
		return errors.New("the name is empty, too long or has spaces in it")
	}
	if _, twice := f.byName[name]; twice {
		return errors.New("the user is there twice")
	}
	if !strings.HasPrefix(hash, "$2") {
		return errBcrypt
	}
	h, err := ParseHash(hash)
	if err != nil {
		return err
	}
	f.byName[name], f.bySubject[subject] = len(f.users), len(f.users)
	f.users = append(f.users, user{identity: lading.Identity{Subject: subject}, hash: h, stamp: stampOfHash(hash)})
	return nil
}
