package types

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
)

// Shown is the JSON object of the fields of a config that a type shows, of at
// most lading.MaxShown bytes, or empty.
func Shown(typ *arttype.Type, config []byte) string {
	if len(typ.Definition.Show) == 0 {
		return ""
	}
	c, err := arttype.ReadConfig(config)
	if err != nil {
		return "" // not JSON: nothing to show
	}
	return ShownOf(typ, c)
}

// ShownOf is Shown of a config that was read already.
func ShownOf(typ *arttype.Type, c *arttype.Config) string {
	if len(typ.Definition.Show) == 0 {
		return ""
	}
	fields := typ.Show(c)
	if len(fields) == 0 {
		return ""
	}
	if raw, err := json.Marshal(fields); err == nil && len(raw) <= lading.MaxShown {
		return string(raw)
	}
	// The shortest first: of what is too long, most is kept.
	names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(fields[a]), len(fields[b])), cmp.Compare(a, b))
	})
	kept, size := map[string]string{}, 2
	for _, name := range names {
		pair, err := json.Marshal(map[string]string{name: fields[name]})
		if err != nil || size+len(pair) > lading.MaxShown {
			continue
		}
		size += len(pair)
		kept[name] = fields[name]
	}
	if len(kept) == 0 {
		return ""
	}
	raw, err := json.Marshal(kept)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(raw)
}
