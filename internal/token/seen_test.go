package token

import (
	"fmt"
	"hash/maphash"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
)

// TestSeenIsBounded: however many tokens come and however long they are, what
// is remembered of them is not more than so many bytes; the last is known.
func TestSeenIsBounded(t *testing.T) {
	s := seen{seed: maphash.MakeSeed()}
	now := time.Unix(2e9, 0)
	who := lading.Identity{Subject: "user:ada", Credential: &lading.Credential{Expires: now.Add(time.Minute)}}
	for i := range 3 * maxSeenBytes / MaxSize {
		text := fmt.Sprint(i) + strings.Repeat("x", MaxSize-10)
		s.put(text, who)
		if id, ok := s.get(text, now); !ok || id.Subject != who.Subject {
			t.Fatalf("%d: %v %v", i, id, ok)
		}
		held := 0
		for _, e := range s.by {
			held += len(e.text)
		}
		if held > maxSeenBytes {
			t.Fatalf("%d bytes are held", held)
		}
	}
}
