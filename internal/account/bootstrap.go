package account

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/auth"
	"github.com/lading-dev/lading/internal/sqldb"
)

// A registry that has no account yet has nobody who could make one. Then it
// makes user:admin, who may do everything, and leaves the password in a file
// that only its own user can read: it is not in the log, which others keep.
const (
	firstAdmin     = "user:admin"
	firstRule      = "initial-admin"
	firstFile      = "initial-admin-password"
	firstDigits    = 27 // of base 62: 160 bits
	maxInitialFile = 4 << 10
)

// Bootstrap makes the first account, unless there is any, and returns the file
// with the password; empty where there was nothing to do. A file that is there
// already has the password to be. Of replicas that begin together one makes it.
func (s *Store) Bootstrap(ctx context.Context) (file string, err error) {
	if len(s.current.Load().accounts) > 0 || s.opt.Dir == "" {
		return "", nil
	}
	file = filepath.Join(s.opt.Dir, firstFile)
	password, made, err := s.initialPassword(file)
	if err != nil {
		return "", fmt.Errorf("the first account: %w", err)
	}
	hash := auth.NewHash(password)
	did := false
	err = s.change(ctx, func(tx *sqldb.Tx) (bool, error) {
		did, err = s.putFirst(tx, hash)
		return did, err
	})
	if err == nil && did {
		return file, nil
	}
	if made {
		err = errors.Join(err, os.Remove(file))
	}
	if err != nil {
		return "", fmt.Errorf("the first account: %w", err)
	}
	return "", s.Refresh(ctx) // another replica made it
}

// putFirst makes the first account and its rule, if there is none.
func (s *Store) putFirst(tx *sqldb.Tx, hash auth.Hash) (did bool, err error) {
	some, err := texts(tx, `SELECT subject FROM account LIMIT 1`)
	if err != nil || len(some) > 0 {
		return false, err
	}
	verbs, err := lading.ParseVerbs("owner", "admin")
	if err != nil {
		return false, err
	}
	rule := lading.AccessRule{Subject: firstAdmin, Verbs: verbs, Scope: "registry"}
	if err := record(tx, s.opt.Now(), firstRule, "", rule.String()); err != nil {
		return false, err
	}
	tx.Exec(`DELETE FROM access_rule WHERE id=?`, firstRule)
	tx.Exec(`INSERT INTO access_rule(id,subject,scope,verbs) VALUES(?,?,?,?)`, firstRule, rule.Subject, rule.Scope, rule.Verbs.String())
	return s.put(tx, firstAdmin, nil, lading.AccountChange{}, hash)
}

// initialPassword reads the file, or makes it, durably: what is in it must not
// be lost once the account is there.
func (s *Store) initialPassword(file string) (password string, made bool, err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", false, err
		}
		if len(text) > maxInitialFile {
			return "", false, fmt.Errorf("%s is larger than %d bytes", file, maxInitialFile)
		}
		password = strings.TrimRight(string(text), "\r\n")
		if err := s.checkPassword(password); err != nil {
			return "", false, fmt.Errorf("%s: %w", file, err)
		}
		return password, false, nil
	}
	if err != nil {
		return "", false, err
	}
	var secret [20]byte
	rand.Read(secret[:])
	password = base62(new(big.Int).SetBytes(secret[:]), firstDigits)
	_, err = f.WriteString(password + "\n")
	if err == nil {
		err = f.Sync()
	}
	return password, true, errors.Join(err, f.Close())
}

// forgetInitial removes the file when the password in it is one no more.
func (s *Store) forgetInitial(subject string) {
	if subject != firstAdmin || s.opt.Dir == "" {
		return
	}
	if err := os.Remove(filepath.Join(s.opt.Dir, firstFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.opt.Logger.Warn("the file with the first password, which is changed, could not be removed", "error", err)
	}
}
