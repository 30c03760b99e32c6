package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLinesAreThoseOfSlog: whatever is in a line, it is what package slog
// would write.
func TestLinesAreThoseOfSlog(t *testing.T) {
	texts := []string{"", "plain", "two words", "a=b", `"`, `\`, "\n", "\x7f", "é", "\xff", "\u2028", "docker/20.10 go/1.18 (linux)", "[::1]:5", "<&>"}
	kinds := []fieldKind{aText, aNumber, aDuration, isTrue}
	r := rand.New(rand.NewPCG(1, 2))
	for _, asJSON := range []bool{false, true} {
		var got, want bytes.Buffer
		form := func(to *bytes.Buffer) slog.Handler {
			if asJSON {
				return slog.NewJSONHandler(to, nil)
			}
			return slog.NewTextHandler(to, nil)
		}
		w := &lineWriter{form(&got), &got, asJSON}
		reference := &lineWriter{handler: form(&want)}
		for range 20_000 {
			at := time.UnixMicro(r.Int64N(1 << 52)).In(time.FixedZone("", r.IntN(3)*1800))
			fields := make([]field, r.IntN(5))
			for i := range fields {
				fields[i] = field{key: "key", kind: kinds[r.IntN(len(kinds))], text: texts[r.IntN(len(texts))], number: r.Int64() >> r.IntN(64)}
			}
			got.Reset()
			want.Reset()
			w.write(at, "request", fields)
			reference.handle(context.Background(), at, "request", fields)
			if got.String() != want.String() {
				t.Fatalf("got  %swant %s", got.String(), want.String())
			}
		}
	}
}
