package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/sqldb"
)

// ErrStaleType tells that what a manifest was typed by has changed since.
var ErrStaleType = errors.New("catalog: the types have changed")

// Type is what a manifest is: one word in the rows, so that a push writes no
// row more than for the media type alone.
type Type struct {
	// Short is the name of the definition that matched, empty for none.
	Short string
	// Media is the artifact type: the manifest's, else its config's media
	// type.
	Media string
}

// Name is the short name as items and filters have it.
func (t Type) Name() string {
	if t.Short == "" {
		return lading.TypeUnknown
	}
	return t.Short
}

// typeMark parts the two in a word. No media type has it in it, so that a word
// says by itself which type it is.
const typeMark = "\n"

func (t Type) text() string {
	if t.Short == "" {
		return t.Media
	}
	return t.Short + typeMark + t.Media
}

func typeOf(text string) Type {
	if short, media, ok := strings.Cut(text, typeMark); ok {
		return Type{short, media}
	}
	return Type{Media: text}
}

// typeWord returns the word of a type, 0 for one that says nothing. Like word
// it runs outside of any transaction, before the first that uses the word.
func (c *Catalog) typeWord(ctx context.Context, t Type) (int64, error) {
	text := t.text()
	if text == "" {
		return 0, nil
	}
	if id, ok := c.types.get(text); ok {
		return id, nil
	}
	id, err := c.word(ctx, text)
	if err != nil {
		return 0, err
	}
	var have int64
	err = c.db.Read().QueryRow(ctx, `SELECT word FROM artifact_type WHERE word=?`, id).Scan(&have)
	if errors.Is(err, sqldb.ErrNoRows) {
		_, err = c.db.ExecDirect(ctx, `INSERT INTO artifact_type(word,short,media) VALUES(?,?,?) ON CONFLICT DO NOTHING`, id, t.Short, t.Media)
	}
	if err != nil {
		return 0, fmt.Errorf("catalog: type %s: %w", t.Name(), err)
	}
	c.types.keep(text, id)
	return id, nil
}

// Type returns the type that a word stands for.
func (c *Catalog) Type(ctx context.Context, q sqldb.Querier, word int64) (Type, error) {
	text, err := c.Word(ctx, q, word)
	return typeOf(text), err
}

// TypesNamed returns up to n of the words of the types with a short name;
// lading.TypeUnknown are those without one. Of a name that no manifest ever
// had there is none.
func (c *Catalog) TypesNamed(ctx context.Context, q sqldb.Querier, name string, n int) ([]int64, error) {
	if name != lading.TypeUnknown {
		if !storable(name) {
			return nil, nil
		}
		return typeWords(q.Query(ctx, `SELECT word FROM artifact_type WHERE short=? ORDER BY word LIMIT ?`, name, n))
	}
	// A manifest that has no media type either has no word.
	words, err := typeWords(q.Query(ctx, `SELECT word FROM artifact_type WHERE short='' ORDER BY word LIMIT ?`, n))
	return append([]int64{0}, words...), err
}

// TypesOf returns up to n of the words of the types with a media type.
func (c *Catalog) TypesOf(ctx context.Context, q sqldb.Querier, media string, n int) ([]int64, error) {
	if !storable(media) {
		return nil, nil
	}
	return typeWords(q.Query(ctx, `SELECT word FROM artifact_type WHERE media=? ORDER BY word LIMIT ?`, media, n))
}

// MediaTypesUnknown returns up to n types without a definition, in the order of
// their words, after one.
func (c *Catalog) MediaTypesUnknown(ctx context.Context, q sqldb.Querier, after int64, n int) ([]int64, error) {
	return typeWords(q.Query(ctx, `SELECT word FROM artifact_type WHERE short='' AND word>? ORDER BY word LIMIT ?`, after, n))
}

func typeWords(rows sqldb.Rows, err error) (words []int64, _ error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: types: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var w int64
		if err := rows.Scan(&w); err != nil {
			return nil, fmt.Errorf("catalog: types: %w", err)
		}
		words = append(words, w)
	}
	return words, rows.Err()
}
