package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/lading-dev/lading/internal/sqldb"
)

// maxCached bounds the dictionaries' memory: a client may invent as many
// media types as it likes.
const maxCached = 1 << 16

// words caches the dictionary of media types, artifact types, platforms and
// actors. A word never changes once it has an id.
type words struct {
	mu   sync.RWMutex
	ids  map[string]int64
	text map[int64]string
}

// idCache remembers ids by name, each of which keeps its id as long as it has
// one: of namespaces that have a feed, of types, of living repositories.
type idCache struct {
	mu  sync.RWMutex
	ids map[string]int64
}

// word returns the id of a word, adding it to the dictionary if it is new; the
// empty word is 0. It runs outside of any transaction: a word without a use
// is harmless.
func (c *Catalog) word(ctx context.Context, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	c.words.mu.RLock()
	id, ok := c.words.ids[text]
	c.words.mu.RUnlock()
	if ok {
		return id, nil
	}
	id, err := c.intern(ctx, "word", "text", text)
	if err != nil {
		return 0, err
	}
	c.words.keep(id, text)
	return id, nil
}

// LookupWord returns the id of a word, 0 if there is none.
func (c *Catalog) LookupWord(ctx context.Context, q sqldb.Querier, text string) (int64, error) {
	c.words.mu.RLock()
	id, ok := c.words.ids[text]
	c.words.mu.RUnlock()
	if ok || !storable(text) {
		return id, nil
	}
	err := q.QueryRow(ctx, `SELECT id FROM word WHERE text=?`, text).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("catalog: word: %w", err)
	}
	c.words.keep(id, text)
	return id, nil
}

// storable reports whether a word can be in the dictionary: PostgreSQL refuses
// a zero byte and what is not UTF-8.
func storable(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// Word returns the text of a word.
func (c *Catalog) Word(ctx context.Context, q sqldb.Querier, id int64) (string, error) {
	if id == 0 {
		return "", nil
	}
	c.words.mu.RLock()
	text, ok := c.words.text[id]
	c.words.mu.RUnlock()
	if ok {
		return text, nil
	}
	if err := q.QueryRow(ctx, `SELECT text FROM word WHERE id=?`, id).Scan(&text); err != nil {
		return "", fmt.Errorf("catalog: word %d: %w", id, err)
	}
	c.words.keep(id, text)
	return text, nil
}

func (w *words) keep(id int64, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids == nil || len(w.ids) >= maxCached {
		w.ids, w.text = map[string]int64{}, map[int64]string{}
	}
	w.ids[text], w.text[id] = id, text
}

// intern returns the id of value in a dictionary table, adding it if need be.
func (c *Catalog) intern(ctx context.Context, table, column, value string) (int64, error) {
	for range 2 {
		var id int64
		err := c.db.Read().QueryRow(ctx, `SELECT id FROM `+table+` WHERE `+column+`=?`, value).Scan(&id)
		if err == nil {
			return id, nil
		}
		if !errors.Is(err, sqldb.ErrNoRows) {
			return 0, fmt.Errorf("catalog: %s: %w", table, err)
		}
		if _, err := c.db.ExecDirect(ctx, `INSERT INTO `+table+`(`+column+`) VALUES(?) ON CONFLICT DO NOTHING`, value); err != nil {
			return 0, fmt.Errorf("catalog: %s: %w", table, err)
		}
	}
	return 0, fmt.Errorf("catalog: %s %q was not kept", table, value)
}

// Namespace returns the list of a namespace: the items of all repositories
// below it (not of the one of that very name). 0 means that it has none.
func (c *Catalog) Namespace(ctx context.Context, q sqldb.Querier, name string) (int64, error) {
	if id, ok := c.names.get(name); ok {
		return id, nil
	}
	var id int64
	err := q.QueryRow(ctx, `SELECT id FROM namespace WHERE name=?`, name).Scan(&id)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("catalog: namespace: %w", err)
	}
	c.names.keep(name, id)
	return id, nil
}

// lists returns the lists that the items of a repository are in: the
// registry's and each ancestor namespace's.
func (c *Catalog) lists(ctx context.Context, repo string) ([]int64, error) {
	out := []int64{RegistryList}
	for i := 0; i < len(repo); i++ {
		if repo[i] != '/' {
			continue
		}
		id, ok := c.names.get(repo[:i])
		if !ok {
			var err error
			if id, err = c.intern(ctx, "namespace", "name", repo[:i]); err != nil {
				return nil, err
			}
			c.names.keep(strings.Clone(repo[:i]), id)
		}
		out = append(out, id)
	}
	return out, nil
}

func (n *idCache) get(name string) (int64, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok := n.ids[name]
	return id, ok
}

func (n *idCache) keep(name string, id int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids == nil || len(n.ids) >= maxCached {
		n.ids = map[string]int64{}
	}
	n.ids[name] = id
}
