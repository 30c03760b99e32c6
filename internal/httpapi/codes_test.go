package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
)

// rootCodes returns every constant Code* of the root package, read from its
// source: no list of them can be forgotten.
func rootCodes(t *testing.T) []lading.Code {
	file, err := parser.ParseFile(token.NewFileSet(), "../../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []lading.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Code") {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, lading.Code(s))
		}
		return true
	})
	if len(codes) < 20 {
		t.Fatalf("only %d codes found: look again how errors.go declares them", len(codes))
	}
	return codes
}
