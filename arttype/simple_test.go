package arttype

import (
	"reflect"
	"strings"
	"testing"
)

// A config in which something is too much is told of as if it were read value
// by value.
func TestTooMuchInAConfig(t *testing.T) {
	values := strings.Repeat("1,", maxConfigValues)
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for _, config := range []string{
		"[" + values + "1]", "[" + values[:len(values)-1] + "]", "[" + values[:len(values)-3] + "]", `{"a":[` + values + `1],"b":` + deep + `}`, `{"b":` + deep + `,"a":[` + values + `1]}`,
		`{"b":` + deep + `}`, deep, deep[1 : len(deep)-1], `[[1,[2,1e999999]]]`, `{"a":"` + values + `","b":1e-999}`, `"[[[["`, `1`, `{"a\"":{"b":true,"c" : [null , false]}}`,
		strings.Repeat("[", maxDepth) + "1" + strings.Repeat("]", maxDepth), strings.Repeat(`{"":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1),
	} {
		c, err := ReadConfig([]byte(config))
		slow := &Config{bytes: len(config)}
		if slowErr := slow.readTokens([]byte(config)); err != nil || slowErr != nil || !reflect.DeepEqual(c, slow) {
			t.Errorf("%.40s: %v %v: %d values, %v, read one by one %d, %v", config, err, slowErr, c.values, c.problem, slow.values, slow.problem)
		}
	}
}
